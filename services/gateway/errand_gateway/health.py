"""Whether the gateway lives, and whether it can work."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from errand_common.errors import Unavailable
from errand_gateway.problems import RESPONSES
from errand_gateway.scheduler.connection import Connection


class Health(BaseModel):
    """The gateway's state."""

    status: Literal["ok"] = "ok"


class HealthRoutes:
    """For supervisors and load balancers; no credential is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def router(self) -> APIRouter:
        router = APIRouter(tags=["health"], responses=RESPONSES)
        router.add_api_route("/healthz", self.live)
        router.add_api_route("/readyz", self.ready)
        return router

    async def live(self) -> Health:
        """The process answers."""
        return Health()

    async def ready(self) -> Health:
        """The scheduler answers as well."""
        if trouble := await self._connection.trouble():
            raise Unavailable(trouble)
        return Health()
