"""Once the scheduler refuses a runner, nothing of it may act, and what an earlier process left is abandoned."""

import pytest

from errand_common.clock import Clock
from errand_common.service import StartError
from errand_runner.lease import Leases
from errand_runner.refused import RunnerRefused, until_refused


class Left:
    def __init__(self, leases):
        self.leases = leases
        self.held_then = []

    async def abandon(self):
        self.held_then.append(self.leases.holds("att_1"))


async def ends_with(error):
    leases = Leases(Clock())
    leases.renew(("att_1",), asked_s=Clock().boot_s())
    left = Left(leases)

    async def running():
        raise error

    with pytest.raises(type(error)):
        await until_refused(running(), leases=leases, abandon=left.abandon)
    return left


async def test_nothing_may_act_before_anything_is_removed():
    left = await ends_with(RunnerRefused("revoked"))
    assert left.held_then == [False]
    assert not left.leases.fresh("att_1")


async def test_a_host_that_leaves_ends_in_order_and_leaves_nothing_either():
    leases = Leases(Clock())
    left = Left(leases)

    async def running():
        raise RunnerRefused("it has left")

    await until_refused(running(), leases=leases, abandon=left.abandon, leaves=lambda: True)
    assert left.held_then == [False]


async def test_what_else_stops_a_runner_leaves_all_as_it_is():
    left = await ends_with(StartError("another certificate"))
    assert left.held_then == []
    assert left.leases.fresh("att_1")
