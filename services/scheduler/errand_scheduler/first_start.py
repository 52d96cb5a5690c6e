"""What a new data folder needs before anything is served: a named history."""

import secrets

from errand_scheduler.store import meta
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer


async def ensure_history(writer: Writer) -> Meta:
    """The history's name, given to it at first start."""
    epoch = secrets.token_hex(4)
    return await writer.write(lambda tx: _history(tx, epoch))


def _history(tx: Tx, epoch: str) -> Meta:
    known = tx.one(meta.get())
    if known is not None:
        return known
    new = Meta(epoch=epoch, generation=0)
    meta.insert(tx, new)
    return new
