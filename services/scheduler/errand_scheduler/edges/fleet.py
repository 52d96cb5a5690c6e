"""What operators ask of the whole."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import structlog

from errand.v1 import fleet_service_pb2 as pb
from errand.v1.fleet_service_pb2_grpc import FleetServiceServicer
from errand_scheduler.access.auth import bearer_token
from errand_scheduler.access.callers import caller
from errand_scheduler.edges.join_tokens import JoinTokensEdge
from errand_scheduler.edges.runners import RunnersEdge
from errand_scheduler.keeping.backups import Backups
from errand_scheduler.metrics.state import State
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()
Context = grpc.aio.ServicerContext[Any, Any]


class FleetEdge(FleetServiceServicer):
    """FleetService."""

    def __init__(
        self, writer: Writer, backups: Backups, state: State, runners: RunnersEdge, join_tokens: JoinTokensEdge
    ) -> None:
        self._writer = writer
        self._state = state
        self._backups = backups
        self._runners = runners
        self._join_tokens = join_tokens

    async def GetFleet(self, request: pb.GetFleetRequest, context: Context) -> pb.GetFleetResponse:
        return pb.GetFleetResponse(
            pending_tasks=self._state.pending(),
            storage_degraded=self._writer.degraded,
            disk_free_bytes=self._state.disk_free_bytes(),
        )

    async def ListRunners(self, request: pb.ListRunnersRequest, context: Context) -> pb.ListRunnersResponse:
        return await self._runners.list()

    async def GetRunner(self, request: pb.GetRunnerRequest, context: Context) -> pb.GetRunnerResponse:
        return await self._runners.get(request)

    async def SetRunnerMode(self, request: pb.SetRunnerModeRequest, context: Context) -> pb.SetRunnerModeResponse:
        return await self._runners.set_mode(request)

    async def RevokeRunner(self, request: pb.RevokeRunnerRequest, context: Context) -> pb.RevokeRunnerResponse:
        return await self._runners.revoke(request)

    async def RemoveRunner(self, request: pb.RemoveRunnerRequest, context: Context) -> pb.RemoveRunnerResponse:
        return await self._runners.remove(request)

    async def CreateJoinToken(self, request: pb.CreateJoinTokenRequest, context: Context) -> pb.CreateJoinTokenResponse:
        return await self._join_tokens.create(request, bearer_token(context))

    async def ListJoinTokens(self, request: pb.ListJoinTokensRequest, context: Context) -> pb.ListJoinTokensResponse:
        return await self._join_tokens.list()

    async def RevokeJoinToken(self, request: pb.RevokeJoinTokenRequest, context: Context) -> pb.RevokeJoinTokenResponse:
        return await self._join_tokens.revoke(request)

    async def Backup(self, request: pb.BackupRequest, context: Context) -> AsyncIterator[pb.BackupResponse]:
        by, size_bytes = caller(), 0
        await self._writer.write(lambda tx: by.note(tx, "backup", by.name), urgent=True)
        async with aclosing(self._backups.pieces()) as pieces:
            async for piece in pieces:
                size_bytes += len(piece)
                yield pb.BackupResponse(chunk=piece)
        log.info("backup_made", size_bytes=size_bytes)
