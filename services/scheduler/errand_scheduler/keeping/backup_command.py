"""`errand-scheduler backup FILE`: asks the running scheduler of this host for a backup."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from errand.v1.fleet_service_pb2 import BackupRequest, BackupResponse
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.disk import in_words
from errand_common.errors import ErrandError, Unavailable
from errand_common.service import StartError
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import DataFolder
from errand_scheduler.link import way_in

_PIECE_S = 600.0  # the first one comes when the whole database is copied


async def write_backup(settings: SchedulerSettings, file: Path) -> int:
    """Write one, in the place of what the file held. Returns 0, or 1 with words where the scheduler does not answer.

    Until it is whole the file stays as it was. Raises StartError.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        size_bytes = await _write(part, pieces(settings))
        part.replace(file)
    except ErrandError as exc:
        transport = f" ({exc.transport})" if exc.transport else ""
        print(f"no backup: {exc.message}{transport}", file=sys.stderr)
        return 1
    except OSError as exc:
        raise StartError(f"the backup cannot be written to {file} ({exc}); name another file") from exc
    finally:
        part.unlink(missing_ok=True)
    print(f"{file} holds everything but the keys and credentials ({in_words(size_bytes)})")
    return 0


async def pieces(settings: SchedulerSettings) -> AsyncIterator[bytes]:
    """A backup as the scheduler sends it. Raises StartError where it never served, ErrandError where it refuses."""
    address, ca, token = way_in(DataFolder(settings.data))
    async with rpc.channel(address, ca=ca) as channel:
        call = FleetServiceStub(channel).Backup(BackupRequest(), metadata=rpc.bearer(token))
        with rpc.renamed_errors():
            try:
                while True:
                    async with asyncio.timeout(_PIECE_S):
                        answer = await call.read()
                    if not isinstance(answer, BackupResponse):
                        return
                    yield answer.chunk
            except TimeoutError as exc:
                raise Unavailable(f"the scheduler sent nothing for {_PIECE_S:.0f} s; look at its log") from exc
            finally:
                call.cancel()


async def _write(part: Path, received: AsyncIterator[bytes]) -> int:
    size_bytes = 0
    # It holds everything that people wrote: for its owner alone.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async for piece in received:
            size_bytes += await asyncio.to_thread(file.write, piece)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return size_bytes
