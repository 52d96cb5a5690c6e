"""`errand-scheduler rotate-keys`: everything that is sealed is sealed anew, with a new key, while nothing serves."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from errand_common.clock import Clock
from errand_common.service import StartError
from errand_scheduler.access.vault import Vault, VaultError, add_key, open_vault
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import locked
from errand_scheduler.store import sealed
from errand_scheduler.store.database import prepare
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.sealed import COLUMNS, Column, Resealed, Sealed
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer
from errand_scheduler.store.writer_thread import open_writer

_CHUNK = 500


async def rotate_keys(settings: SchedulerSettings) -> int:
    """Rotate, and say so. Returns 0. Raises StartError, also while a scheduler runs.

    Killed at any step it has lost nothing: both keys are in the file before anything is sealed with the new one, and
    the next run goes on.
    """
    with locked(settings.data) as folder:
        prepare(folder.database)
        async with (
            open_writer(folder.database, Clock(), lambda _: None) as writer,
            open_reader(folder.database) as reader,
        ):
            vault = await new_key(settings.keys_file, reader)
            count, lost = await reseal(vault, reader, writer)
    print(f"{count} sealed values stand under the key that is first in {settings.keys_file}; start the scheduler")
    if lost:
        print(f"{lost} values opened with none of the keys and are as they were: their owners must bring them again")
    print("the keys behind it open backups of until now: delete their lines once none of those is needed")
    return 0


async def new_key(path: Path, reader: Reader) -> Vault:
    """The vault with a key in front that not everything is sealed with yet: one that a killed run has left, or that
    somebody put there by hand, is taken. Raises StartError."""
    vault = open_vault(path)
    if vault.keys > 1 and await _is_unfinished(vault, reader):
        return vault
    try:
        add_key(path)
    except OSError as exc:
        raise StartError(
            f"the keys file {path} cannot be written ({exc}); put a new key above the others yourself, then run this "
            'again; one is printed by: python3 -c "from cryptography.fernet import Fernet; '
            'print(Fernet.generate_key().decode())"'
        ) from exc
    return open_vault(path)


async def reseal(vault: Vault, reader: Reader, writer: Writer, *, chunk: int = _CHUNK) -> tuple[int, int]:
    """Seal everything anew with the first key, so many values at a time; how many that were, and how many others open
    with no key."""
    count = lost = 0
    for column in COLUMNS:
        async for some in _chunks(column, reader, chunk):
            changed = [new for each in some if (new := _resealed(vault, each))]
            count, lost = count + len(changed), lost + len(some) - len(changed)
            await writer.write(_replacing(column, changed))
    return count, lost


async def _is_unfinished(vault: Vault, reader: Reader) -> bool:
    for column in COLUMNS:
        async for some in _chunks(column, reader, _CHUNK):
            if any(vault.is_of_an_older_key(each.value) for each in some):
                return True
    return False


async def _chunks(column: Column, reader: Reader, chunk: int) -> AsyncIterator[list[Sealed]]:
    row = 0
    while some := await reader.all(sealed.after(column, row, limit=chunk)):
        yield some
        row = some[-1].row


def _resealed(vault: Vault, each: Sealed) -> Resealed | None:
    try:
        return Resealed(row=each.row, old=each.value, new=vault.reseal(each.value))
    except VaultError:
        return None


def _replacing(column: Column, changed: list[Resealed]) -> Callable[[Tx], None]:
    return lambda tx: sealed.replace(tx, column, changed)
