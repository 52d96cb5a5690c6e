"""Two hosts, each in a network of its own: packets are lost one way, or both, and nothing of a task is."""

import asyncio

from errand.v1 import runner_pb2
from tests.chaos.fault import fault
from tests.chaos.home import BEAT_S
from tests.chaos.observer import check
from tests.chaos.prompts import began, lines, steps
from tests.chaos.trial import Trial


@fault("T16", "packets are dropped one way, then the other, then both", quick=True, needs=("root", "ip", "iptables"))
async def one_way(trial: Trial) -> None:
    fleet = await trial.fleet()
    operator = fleet.operator
    async with fleet.watch(steps(1.0, 6)) as observer:
        await observer.until(began(0))
        host = fleet.hosts[(await operator.at_work()).name]
        for ways in (("OUTPUT",), ("INPUT",), ("OUTPUT", "INPUT")):
            await host.drop(*ways)
            trial.injected()
            away = await operator.until(host.name, runner_pb2.RUNNER_CONDITION_SILENT)
            has = [each.attempt_id for each in away.attempts]
            assert has == [observer.attempts()[0][0]], f"it has {has}, of {observer.attempts()}"
            await asyncio.sleep(8 * BEAT_S)
            await host.heal()
            with trial.recovery(limit_s=15.0):
                await operator.until(host.name, runner_pb2.RUNNER_CONDITION_BUSY, runner_pb2.RUNNER_CONDITION_READY)
        await check(observer)
    assert observer.trace() == lines(6)
    assert len(observer.attempts()) == 1
    trial.checked("told as silent", "one attempt", "each command ran once", "I8")
