"""An operator of a running Errand, who calls from where the scheduler is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2
from errand.v1.access_service_pb2_grpc import AccessServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from errand_common.credentials import read_secret
from tests.demo.stack import Stack


class Operator:
    """With the credential that the scheduler makes for one."""

    def __init__(self, stack: Stack, channel: grpc.aio.Channel) -> None:
        self.stub, self.metadata = FleetServiceStub(channel), rpc.bearer(read_secret(_credential(stack) / "token"))
        self.access, self.tasks = AccessServiceStub(channel), TaskServiceStub(channel)
        self.scheduler = stack.scheduler_address

    async def token(self, *, scheduler: str = "") -> str:
        """A join token, for where the scheduler is or seems to be."""
        request = pb.CreateJoinTokenRequest(scheduler=scheduler or self.scheduler)
        return str((await self.stub.CreateJoinToken(request, metadata=self.metadata)).token)

    async def set_mode(self, name: str, mode: "runner_pb2.RunnerMode.ValueType") -> runner_pb2.Runner:
        """What is wanted of a runner; the runner as it then stands."""
        request = pb.SetRunnerModeRequest(runner=name, mode=mode)
        return (await self.stub.SetRunnerMode(request, metadata=self.metadata, timeout=10)).runner

    async def runners(self) -> list[runner_pb2.Runner]:
        """All of them, as they stand."""
        return list((await self.stub.ListRunners(pb.ListRunnersRequest(), metadata=self.metadata)).runners)

    async def until(self, name: str, *conditions: "runner_pb2.RunnerCondition.ValueType") -> runner_pb2.Runner:
        """The runner, once it stands so."""
        found: list[runner_pb2.Runner] = []
        try:
            async with asyncio.timeout(60):
                while not (found and found[0].condition in conditions):
                    await asyncio.sleep(0.1)
                    found = [each for each in await self.runners() if each.name == name]
        except TimeoutError:
            stands = [runner_pb2.RunnerCondition.Name(each.condition) for each in found]
            raise AssertionError(f"{name} stands not so within 60 s, but {stands}") from None
        return found[0]

    async def at_work(self) -> runner_pb2.Runner:
        """The one runner that has an attempt."""
        (found,) = [each for each in await self.runners() if each.attempts]
        return found


@asynccontextmanager
async def operator_of(stack: Stack) -> AsyncIterator[Operator]:
    """Of a stack whose scheduler serves."""
    async with rpc.channel(stack.scheduler_address, ca=(_credential(stack) / "ca.pem").read_bytes()) as channel:
        yield Operator(stack, channel)


def _credential(stack: Stack) -> Path:
    return stack.folder / "scheduler" / "credentials" / "operator"
