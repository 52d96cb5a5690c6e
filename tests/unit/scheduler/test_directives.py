"""How fast runners may send follows how full the writer's queue is."""

import pytest

from errand_common.wire import seconds
from errand_scheduler.edges.directives import pace


@pytest.mark.parametrize("load", [0.0, 0.3, 0.5])
def test_a_writer_that_keeps_up_slows_nobody(load: float) -> None:
    assert pace(load) is None


@pytest.mark.parametrize(("load", "expected_s"), [(0.6, 0.2), (0.75, 0.5), (1.0, 1.0), (1.4, 1.0)])
def test_a_fuller_queue_slows_them_up_to_a_second_between_batches(load: float, expected_s: float) -> None:
    found = pace(load)
    assert found is not None
    assert seconds(found) == pytest.approx(expected_s)
