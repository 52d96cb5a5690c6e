"""grpc.health.v1: whether what is asked of a service will be done. Asked by anybody, so it costs next to nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1.health_pb2_grpc import HealthServicer

from errand_common.errors import Exhausted, NotFound

Context = grpc.aio.ServicerContext[Any, Any]

MOST_WATCHES = 32
"""All callers' together: nobody says who they are."""
_COME_BACK = timedelta(seconds=30)


class HealthEdge(HealthServicer):  # type: ignore[misc]  # it has no types
    """In the place of grpcio-health-checking's, whose watches are as many as anybody opens, and outlast the stop."""

    def __init__(self) -> None:
        self._status: dict[str, int] = {"": pb.HealthCheckResponse.SERVING}
        self._changed = asyncio.Event()
        self.watches = 0
        self._stopped = False

    def tell(self, service: str, status: int) -> None:
        """How the service is from now on; the empty name is the whole server's."""
        self._status[service] = status
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def stop(self) -> None:
        """Nothing is served any more, and nobody watches any longer."""
        self._stopped = True
        for service in self._status:
            self.tell(service, pb.HealthCheckResponse.NOT_SERVING)

    async def Check(self, request: pb.HealthCheckRequest, context: Context) -> pb.HealthCheckResponse:
        status = self._status.get(request.service)
        if status is None:
            raise NotFound(f'there is no service "{request.service[:80]}"; reflection lists all')
        return pb.HealthCheckResponse(status=status)

    async def Watch(self, request: pb.HealthCheckRequest, context: Context) -> AsyncIterator[pb.HealthCheckResponse]:
        if self.watches >= MOST_WATCHES:
            raise Exhausted(f"{MOST_WATCHES} watch already, the most; call Check", retry_after=_COME_BACK)
        self.watches += 1
        try:
            told = None
            while True:
                changed, stopped = self._changed, self._stopped
                status = self._status.get(request.service, pb.HealthCheckResponse.SERVICE_UNKNOWN)
                if status != told:
                    yield pb.HealthCheckResponse(status=status)
                    told = status
                if stopped:
                    return
                await changed.wait()
        finally:
            self.watches -= 1
