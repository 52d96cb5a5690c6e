"""What keeps a runner from work has a word for operators and one for Prometheus."""

from errand.v1.runner_pb2 import RunnerCondition
from errand_scheduler.edges import runner_shown
from errand_scheduler.metrics import state
from errand_scheduler.placing import seats


def test_each_condition_of_the_contract_can_be_shown() -> None:
    assert set(runner_shown.CONDITIONS.values()) == set(RunnerCondition.values()) - {0}


def test_prometheus_is_told_of_each_that_a_seat_may_have() -> None:
    # These two are of its slots, which have a metric of their own.
    assert set(state.CONDITIONS) == set(runner_shown.CONDITIONS) - {seats.NO_SLOTS, seats.BUSY}
