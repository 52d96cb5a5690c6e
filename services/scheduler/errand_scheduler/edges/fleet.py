"""What operators ask of the whole."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import structlog

from errand.v1 import fleet_service_pb2 as pb
from errand.v1.fleet_service_pb2_grpc import FleetServiceServicer
from errand_scheduler.keeping.backups import Backups

log = structlog.get_logger()


class FleetEdge(FleetServiceServicer):
    """FleetService."""

    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    async def Backup(
        self, request: pb.BackupRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.BackupResponse]:
        size_bytes = 0
        async with aclosing(self._backups.pieces()) as pieces:
            async for piece in pieces:
                size_bytes += len(piece)
                yield pb.BackupResponse(chunk=piece)
        log.info("backup_made", size_bytes=size_bytes)
