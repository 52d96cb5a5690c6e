"""Placement decides from rows alone."""

from errand_scheduler import placement
from errand_scheduler.placement import AFFINITY, ALL_BUSY, NO_RUNNER, Seat, Waiting


def waiting(task_id: str, user_id: str = "ann", last: str | None = None, age_s: float = 0.0) -> Waiting:
    return Waiting(task_id=task_id, user_id=user_id, last_runner_id=last, age_s=age_s)


def plan(tasks: list[Waiting], seats: list[Seat], busy: dict[str, int] | None = None) -> placement.Plan:
    return placement.plan(tasks, seats, busy or {}, affinity_s=30.0)


def test_users_take_turns_and_each_users_oldest_goes_first() -> None:
    tasks = [waiting("a1"), waiting("a2"), waiting("a3"), waiting("b1", "bob"), waiting("b2", "bob")]
    made = plan(tasks, [Seat("r", 4)])
    assert [task_id for task_id, _ in made.offers] == ["a1", "b1", "a2", "b2"]
    assert made.reasons == {"a3": ALL_BUSY}


def test_a_user_with_less_at_work_goes_first() -> None:
    made = plan([waiting("a1"), waiting("b1", "bob")], [Seat("r", 1)], {"ann": 2, "bob": 1})
    assert made.offers == [("b1", "r")]


def test_the_runner_with_most_room_is_chosen() -> None:
    made = plan([waiting("a"), waiting("b"), waiting("c")], [Seat("small", 1), Seat("large", 2)])
    assert sorted(runner for _, runner in made.offers) == ["large", "large", "small"]


def test_no_runner_is_offered_more_than_it_has_free() -> None:
    tasks = [waiting(str(number)) for number in range(9)]
    made = plan(tasks, [Seat("a", 2), Seat("b", 0), Seat("c", -1), Seat("d", 3)])
    assert len(made.offers) == 5
    assert {runner for _, runner in made.offers} == {"a", "d"}


def test_a_follow_up_prefers_the_runner_that_has_its_workspace() -> None:
    made = plan([waiting("a", last="small")], [Seat("small", 1), Seat("large", 9)])
    assert made.offers == [("a", "small")]


def test_a_follow_up_waits_a_while_for_its_runner_then_goes_elsewhere() -> None:
    seats = [Seat("busy", 0), Seat("free", 1)]
    assert plan([waiting("a", last="busy", age_s=29.0)], seats).reasons == {"a": AFFINITY}
    assert plan([waiting("a", last="busy", age_s=30.0)], seats).offers == [("a", "free")]
    assert plan([waiting("a", last="gone", age_s=30.0)], seats).offers == [("a", "free")]


def test_one_that_waits_for_its_runner_holds_nobody_up() -> None:
    made = plan([waiting("a", last="gone"), waiting("b")], [Seat("r", 1)])
    assert made.offers == [("b", "r")]
    assert made.reasons == {"a": AFFINITY}


def test_without_runners_the_reason_says_so() -> None:
    assert plan([waiting("a"), waiting("b", last="r")], []).reasons == {"a": NO_RUNNER, "b": NO_RUNNER}
