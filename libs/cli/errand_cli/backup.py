"""`errand backup`: everything that the scheduler keeps, written to a file."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from errand.v1.fleet_service_pb2 import BackupRequest
from errand_cli.connection import Connection
from errand_cli.output import Output
from errand_cli.running import AsJson, with_scheduler
from errand_common.disk import in_words
from errand_common.errors import Invalid

# The first piece comes when the whole database is copied.
_SILENCE_S = 600.0


def backup(
    file: Annotated[Path, typer.Argument(help="Where to; what it held stays until the backup is whole.")],
    as_json: AsJson = False,
) -> None:
    """Write a backup of everything that the scheduler keeps. The keys that seal tokens are not in it."""
    part = file.with_name(f"{file.name}.part")

    async def work(connection: Connection) -> int:
        return await _write(connection, part)

    try:
        size_bytes = with_scheduler(work)
        part.replace(file)
    except OSError as exc:
        raise Invalid(f"the backup cannot be written to {file} ({exc}); name another file") from exc
    finally:
        part.unlink(missing_ok=True)
    output = Output(as_json=as_json)
    if as_json:
        output.document({"file": str(file), "size_bytes": size_bytes})
    else:
        output.say(f"{file} holds everything but the keys and credentials ({in_words(size_bytes)})")


async def _write(connection: Connection, part: Path) -> int:
    size_bytes = 0
    # It holds everything that people wrote: for its owner alone.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        pieces = connection.read(connection.fleet.Backup, BackupRequest(), silence_s=_SILENCE_S)
        async with aclosing(pieces) as received:
            async for piece in received:
                size_bytes += await asyncio.to_thread(file.write, piece.chunk)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return size_bytes
