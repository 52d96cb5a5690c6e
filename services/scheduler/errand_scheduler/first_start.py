"""What a new data folder needs before anything is served: a named history, and the services' own credentials."""

import secrets
from pathlib import Path

from errand_common.credentials import hash_token, new_token, read_secret, write_secret
from errand_common.ids import Ids
from errand_common.service import StartError
from errand_scheduler.store import meta, runners, service_tokens
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

_LOCAL_RUNNER = "local"
_TOKEN_PREFIX = "esv"  # noqa: S105  what people recognise the token by


async def ensure_history(writer: Writer) -> Meta:
    """The history's name, given to it at first start."""
    epoch = secrets.token_hex(4)
    return await writer.write(lambda tx: _history(tx, epoch))


async def ensure_credentials(writer: Writer, ids: Ids, folder: Path) -> None:
    """The gateway's and the first runner's tokens, as files beside their hashes. A file that was deleted is made anew,
    and the old token is revoked. Raises StartError."""
    runner_id = await writer.write(lambda tx: _local_runner(tx, ids.new("rnr")))
    await _ensure(writer, ids, folder / "gateway.token", scopes="sessions:create", runner_id=None)
    await _ensure(writer, ids, folder / "runner.token", scopes="dispatch", runner_id=runner_id)


async def _ensure(writer: Writer, ids: Ids, path: Path, *, scopes: str, runner_id: str | None) -> None:
    try:
        if not path.exists():  # noqa: ASYNC240  before anything is served
            write_secret(path, new_token(_TOKEN_PREFIX))
        token = read_secret(path)
    except (OSError, ValueError) as exc:
        raise StartError(f"the credential {path} cannot be used: {exc}") from exc
    row = ServiceToken(
        service_token_id=ids.new("stk"),
        name=path.stem,
        token_hash=hash_token(token),
        scopes=scopes,
        runner_id=runner_id,
    )
    await writer.write(lambda tx: _store(tx, row))


def _store(tx: Tx, token: ServiceToken) -> None:
    if tx.one(service_tokens.by_hash(token.token_hash)) is None:
        service_tokens.insert(tx, token)
    service_tokens.revoke_others(tx, name=token.name, token_hash=token.token_hash)


def _history(tx: Tx, epoch: str) -> Meta:
    known = tx.one(meta.get())
    if known is not None:
        return known
    new = Meta(epoch=epoch, generation=0)
    meta.insert(tx, new)
    return new


def _local_runner(tx: Tx, runner_id: str) -> str:
    known = tx.one(runners.by_name(_LOCAL_RUNNER))
    if known is not None:
        return known.runner_id
    runners.insert(tx, Runner(runner_id=runner_id, name=_LOCAL_RUNNER))
    return runner_id
