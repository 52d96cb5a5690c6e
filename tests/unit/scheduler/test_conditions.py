"""What keeps a runner from work has one name, for operators and for Prometheus."""

from errand.v1.runner_pb2 import RunnerCondition
from errand_scheduler.placing import seats
from errand_scheduler.placing.conditions import CONDITIONS, name_of


def test_each_condition_of_the_contract_stands_for_words_of_a_seat() -> None:
    assert set(CONDITIONS.values()) == set(RunnerCondition.values()) - {0}


def test_each_of_the_words_has_a_condition() -> None:
    words = {value for name, value in vars(seats).items() if name.isupper() and isinstance(value, str)}
    assert words == set(CONDITIONS) - {""}


def test_metrics_call_a_condition_as_the_contract_does() -> None:
    assert (name_of(""), name_of(seats.RESTING)) == ("ready", "resting")
