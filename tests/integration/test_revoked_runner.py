"""A runner whose credential is revoked: nothing that it has works on, whether it is at work or was away meanwhile."""

import asyncio
import time
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound

from errand.v1 import fleet_service_pb2 as fleet
from errand.v1 import task_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.ids import Ids
from errand_runner.refused import RunnerRefused
from errand_runner.sandbox.docker import Engine
from tests.integration.lodging_host import leave, next_process
from tests.integration.scheduling import DEADLINE_S, Stack, new_task
from tests.integration.whole_runner import runner, until_it_runs

ROOM = 1 << 40
GONE_S = 10.0


async def revoke(running: Stack, name: str = "local") -> None:
    operator, stub = rpc.bearer(running.operator_token), FleetServiceStub(running.channel)
    await stub.RevokeRunner(fleet.RevokeRunnerRequest(runner=name), metadata=operator, timeout=DEADLINE_S)


def there(client: docker.DockerClient, container: str) -> bool:
    try:
        return bool(client.containers.get(container))
    except NotFound:
        return False


async def test_what_it_works_on_ends_at_once(
    running: Stack, state_dir: Path, sandbox_image: str, client: docker.DockerClient
) -> None:
    person, first = await new_task(running)
    await person.stop(first.task_id)
    with pytest.RaisesGroup(pytest.RaisesExc(RunnerRefused, match="revoked"), flatten_subgroups=True):
        async with runner(running, state_dir, sandbox_image, lambda _: ROOM):
            task = await person.create(first.project_id, "Run: touch /workspace/on; sleep 600")
            container = await until_it_runs(client, person, task.task_id)
            revoked_s = time.monotonic()
            await revoke(running)
            await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)
    assert not there(client, container)
    assert time.monotonic() - revoked_s < GONE_S
    assert (await person.task(task.task_id)).failure_reason == task_pb2.FAILURE_REASON_RUNNER_LOST


async def test_what_an_earlier_process_left_goes_when_the_next_is_refused(
    running: Stack,
    state_dir: Path,
    sandbox_image: str,
    client: docker.DockerClient,
    ids: Ids,
    engine: Engine,
    runner_id: str,
) -> None:
    async with next_process(engine, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att")) as killed:
        async with killed.lodged():
            pass
        container = leave(killed, client, ids, until="written down")
    await revoke(running)
    with pytest.RaisesGroup(pytest.RaisesExc(RunnerRefused), flatten_subgroups=True):
        async with runner(running, state_dir, sandbox_image, lambda _: ROOM):
            assert there(client, container)
            await asyncio.sleep(GONE_S)
    assert not there(client, container)
    assert list((state_dir / "sandboxes").iterdir()) == []
