"""Two hosts that joined, each in a network of its own: one that is cut off is seen, one that is drained hands over."""

import asyncio
import time

import pytest
import pytest_asyncio

from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2
from errand_cli.exits import Exit
from errand_common.service import WRONG_START
from tests.chaos.fault import lacking
from tests.chaos.prompts import began, steps
from tests.chaos.quick import quick_faults, try_quickly
from tests.chaos.scenarios.lost_hosts import FOUND_S, SLACK_S
from tests.integration.errand_shell import Shell

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(lacking("root", "ip", "iptables") != "", reason="network namespaces are made by root"),
]


@pytest_asyncio.fixture(loop_scope="module")
async def fleet(homes):
    return await homes.fleet()


@pytest.mark.parametrize("fault", quick_faults(needy=True), ids=lambda fault: fault.name)
async def test_a_fault_is_survived(homes, fault):
    await try_quickly(fault, homes)


async def test_a_connection_that_delivers_nothing_is_found_out_on_an_idle_host(fleet):
    name, host = next(iter(fleet.hosts.items()))
    began_s = time.monotonic()
    await host.drop("INPUT", "OUTPUT")
    await fleet.operator.until(name, runner_pb2.RUNNER_CONDITION_SILENT)
    await fleet.operator.until(name, runner_pb2.RUNNER_CONDITION_NOT_CONNECTED)
    assert time.monotonic() - began_s < FOUND_S + SLACK_S
    await host.heal()
    await fleet.operator.until(name, runner_pb2.RUNNER_CONDITION_READY)


async def test_a_drained_host_hands_its_task_to_the_other(fleet):
    async with fleet.watch(steps(1.0, 5)) as observer:
        await observer.until(began(1))
        at_work = await fleet.operator.at_work()
        request = pb.SetRunnerModeRequest(runner=at_work.name, mode=runner_pb2.RUNNER_MODE_DRAINING)
        request.drain_duration.FromSeconds(0)
        await fleet.operator.stub.SetRunnerMode(request, metadata=fleet.operator.metadata)
        ended = await observer.ended()
    assert ended["status"] == "completed"
    assert [phase for _, phase, _ in observer.attempts()] == ["cancelled", "succeeded"]


async def test_an_operator_has_errand_alone_to_see_a_host_die_come_back_and_go_for_good(fleet, tmp_path):
    operator = Shell({"HOME": str(tmp_path), "ERRAND_DATA": str(fleet.stack.folder)})
    for name in fleet.hosts:
        assert (await operator.errand("runner", "uncordon", name)).code == 0
    async with fleet.watch(steps(1.0, 4)) as observer:
        await observer.until(began(1))
        name = (await fleet.operator.at_work()).name
        await fleet.stack.processes.kill(name)
        await fleet.operator.until(name, runner_pb2.RUNNER_CONDITION_NOT_CONNECTED)
        seen = await operator.errand("status", "--check")
        await fleet.start(name)
        ended = await observer.ended()
    assert (seen.code, f"runner {name} is not connected" in seen.out) == (Exit.WAITS, True)
    assert (ended["status"], len(observer.attempts())) == ("completed", 1)

    process = fleet.stack.processes.running[name]
    assert (await operator.errand("runner", "revoke", name)).code == 0
    assert await asyncio.wait_for(process.wait(), FOUND_S) == WRONG_START
    assert (await operator.errand("runner", "remove", name)).code == 0
    assert (await operator.errand("runner", "show", name)).code == Exit.NOT_FOUND
    assert (await operator.errand("status", "--check")).code == Exit.DONE
