"""What waits, as memory has it: in the order in which it goes, and for whom."""

from dataclasses import replace

from errand_scheduler.placing.pending import PendingTasks
from errand_scheduler.placing.placement import Needs
from errand_scheduler.store.pending import Failure, PendingTask
from tests.unit.scheduler.world import DURATIONS, StillClock

MODEL_KEY = (("model-key", "yes"),)
START_S = 2 * DURATIONS.lease_s


def row(task_id: str, *, user_id: str = "ann", queue_time: int = 0) -> PendingTask:
    return PendingTask(
        task_id=task_id,
        user_id=user_id,
        project_id="prj_1",
        queue_time=queue_time,
        status_reason="looking for a runner",
        required_labels=(),
        retry_count=0,
        offered=False,
        last_runner_id=None,
        failures=(),
    )


def follow_up(task_id: str) -> PendingTask:
    return replace(row(task_id), last_runner_id="rnr_1")


def retry(task_id: str, count: int) -> PendingTask:
    return replace(follow_up(task_id), retry_count=count, failures=(Failure("rnr_1", "no disk"),))


class Room:
    """Pending tasks some time after the scheduler started."""

    def __init__(self, *, started_s_ago: float = START_S) -> None:
        self.clock = StillClock()
        self.pending = PendingTasks(self.clock, DURATIONS)
        self.clock.move(started_s_ago)

    def lines(self) -> list[tuple[str, Needs, list[str]]]:
        self.pending.ripen()
        groups = self.pending.groups()
        return [(user, line.needs, [task.task_id for task in line.tasks]) for user, _, line in groups]

    def ahead(self, task_id: str) -> int:
        entry = self.pending.entry(task_id)
        assert entry is not None
        return self.pending.ahead(entry)

    def needs(self, task_id: str) -> Needs | None:
        self.pending.ripen()
        entry = self.pending.entry(task_id)
        assert entry is not None
        return entry.needs


def test_each_users_tasks_stand_in_the_order_of_their_age() -> None:
    room = Room()
    for each in (row("b", queue_time=2), row("c", queue_time=1), row("a", queue_time=2), row("z", user_id="bob")):
        room.pending.put(each)
    assert room.lines() == [("ann", Needs(MODEL_KEY), ["c", "a", "b"]), ("bob", Needs(MODEL_KEY), ["z"])]
    assert [room.ahead(task_id) for task_id in ("c", "a", "b", "z")] == [0, 1, 2, 0]


def test_every_task_asks_for_a_model_key_beside_its_own_labels() -> None:
    room = Room()
    room.pending.put(replace(row("a"), required_labels=(("zone", "b"), ("gpu", "yes"))))
    assert room.needs("a") == Needs((("gpu", "yes"), *MODEL_KEY, ("zone", "b")))


def test_tasks_that_ask_for_other_labels_stand_in_another_line() -> None:
    room = Room()
    room.pending.put(row("a", queue_time=1))
    room.pending.put(replace(row("b", queue_time=2), required_labels=(("gpu", "yes"),)))
    assert [tasks for _, _, tasks in room.lines()] == [["a"], ["b"]]
    assert room.ahead("b") == 1


def test_a_follow_up_waits_six_beats_for_its_runner() -> None:
    room = Room()
    room.pending.put(follow_up("a"))
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    assert room.pending.next_s == room.clock.boot_s() + DURATIONS.affinity_s
    room.clock.move(DURATIONS.affinity_s - 1)
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    room.clock.move(1)
    assert room.needs("a") == Needs(MODEL_KEY)
    assert room.pending.next_s is None


def test_after_a_start_it_waits_until_runners_had_two_leases_to_come_back() -> None:
    room = Room(started_s_ago=0)
    room.pending.put(follow_up("a"))
    room.clock.move(START_S - 1)
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    room.clock.move(1)
    assert room.needs("a") == Needs(MODEL_KEY)


def test_a_retry_rests_twice_as_long_each_time_then_goes_anywhere() -> None:
    for count, beats in ((1, 2), (2, 4), (3, 8)):
        room = Room()
        room.pending.put(retry("a", count))
        room.clock.move(beats * DURATIONS.beat_s - 1)
        assert room.lines() == []
        room.clock.move(1)
        assert room.needs("a") == Needs(MODEL_KEY)


def test_an_offered_task_waits_for_nobody_else_until_the_offer_is_gone() -> None:
    room = Room()
    task = follow_up("a")
    room.pending.put(task)
    room.clock.move(DURATIONS.affinity_s - 1)
    room.pending.offered("a")
    assert room.lines() == []
    room.pending.put(task)
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    room.clock.move(1)
    assert room.needs("a") == Needs(MODEL_KEY)


def test_a_task_that_was_queued_anew_waits_anew() -> None:
    room = Room()
    room.pending.put(follow_up("a"))
    room.clock.move(DURATIONS.affinity_s)
    room.pending.put(replace(follow_up("a"), queue_time=1))
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")


def test_a_task_is_sketched_without_being_taken_up() -> None:
    room = Room()
    room.pending.put(row("a", queue_time=1))
    sketch = room.pending.sketch(replace(follow_up("b"), queue_time=2))
    assert sketch.needs == Needs(MODEL_KEY, only="rnr_1")
    assert room.pending.ahead(sketch) == 1
    assert len(room.pending) == 1
    assert room.pending.next_s is None


def test_nothing_is_kept_of_what_waits_no_more() -> None:
    room = Room()
    room.pending.put(row("a"))
    room.pending.put(retry("b", 1))
    for task_id in ("a", "b", "never"):
        room.pending.drop(task_id)
    room.clock.move(1000)
    assert room.lines() == []
    assert len(room.pending) == 0
    assert room.pending.next_s is None
