"""An operator at a desk: takes runners out of service, and back, and asks again when nothing comes back."""

import asyncio
import random
from typing import Any

from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand_common import rpc
from errand_common.errors import ErrandError
from errand_common.wire import duration
from tests.sim.asking import ask
from tests.sim.breach import Breach
from tests.sim.database import OPERATOR
from tests.sim.network import Network
from tests.sim.process import Process
from tests.sim.stub import Stub

SERVICE = pb.DESCRIPTOR.services_by_name["FleetService"]
_OFFERED = task_pb2.ATTEMPT_PHASE_OFFERED
_LOOK_S = 60.0


class Operator:
    """One thing after the other: what was asked for last is what stands."""

    def __init__(self, network: Network, chance: random.Random) -> None:
        self._chance = chance
        self._turn = asyncio.Lock()
        self.process = Process("operator")
        self._stub: Any = Stub(network, network.link("operator"), SERVICE, self.process)
        self._metadata = rpc.bearer(OPERATOR)

    async def set_mode(
        self, number: int, mode: "runner_pb2.RunnerMode.ValueType", *, drain_s: float | None = None
    ) -> None:
        """A runner's; told twice it is set once."""
        request = pb.SetRunnerModeRequest(
            request_id=self._chance.randbytes(6).hex(),
            runner=f"runner{number}",
            mode=mode,
            drain_duration=duration(drain_s),
        )
        async with self._turn:
            answer = await self._ask("SetRunnerMode", request)
        if answer is None:
            return
        stands = answer.runner
        if stands.mode != runner_pb2.RUNNER_MODE_ACTIVE and any(each.phase == _OFFERED for each in stands.attempts):
            raise Breach("T42", f"runner{number} is out of service, and the answer names an offer")

    async def look(self) -> None:
        """How all stand."""
        await self._ask("ListRunners", pb.ListRunnersRequest())

    async def keep_all_at_work(self, count: int) -> None:
        """Whatever comes late of what was asked for before."""
        while True:
            for number in range(count):
                await self.set_mode(number, runner_pb2.RUNNER_MODE_ACTIVE)
            await asyncio.sleep(_LOOK_S)

    async def _ask(self, method: str, request: Any) -> Any:
        """The answer; none where nobody gives any for long."""
        try:
            return await ask(self._stub, method, request, metadata=self._metadata, chance=self._chance)
        except ErrandError as exc:
            raise Breach("bug", f"{method} was refused: {exc.message}") from exc
