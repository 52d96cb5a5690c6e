"""Every task that waits says why, in words that do not change while only time passes."""

from dataclasses import replace

import pytest

from errand_scheduler.access.rights import Answer, Right
from errand_scheduler.placing import reasons
from errand_scheduler.placing.outlook import Outlook
from errand_scheduler.placing.pending import Entry, PendingTasks
from errand_scheduler.placing.placement import Needs
from errand_scheduler.placing.seats import (
    ILL,
    LACKS_ROOM,
    NOT_CONNECTED,
    QUARANTINED,
    RESTING,
    SILENT,
    Labels,
    Seat,
    obstacle,
)
from errand_scheduler.store.pending import Failure, PendingTask
from tests.unit.scheduler.world import DURATIONS, StillClock

KEY: Labels = (("model-key", "yes"),)
GPU: Labels = (("gpu", "yes"),)
EU: Labels = (("region", "eu"),)


def seat(name: str, free: int, labels: Labels = (), condition: str = "", slots: int = 2) -> Seat:
    return Seat(runner_id=name, name=name, slots=slots, free=free, labels=(*labels, *KEY), condition=condition)


def why(seats: list[Seat], labels: Labels = (), only: str | None = None) -> str:
    return reasons.why(Needs(labels=(*labels, *KEY), only=only), seats, when="in 20 s")


@pytest.mark.parametrize(
    ("seats", "words"),
    [
        ([], "no runner is connected"),
        ([seat("a", 1, condition=SILENT)], "no runner is connected"),
        ([seat("a", 0), seat("b", 0)], "every runner is busy"),
        ([seat("a", 0), seat("b", 1, condition=SILENT)], "every runner is busy"),
        (
            [seat("a", 1, condition=QUARANTINED)],
            "no runner can take it: a is in quarantine, because two processes act as it",
        ),
        (
            [seat("a", 1, condition=ILL), seat("b", 0)],
            "every other runner is busy: a could not begin its last 3 tasks and rests for a while",
        ),
        (
            [seat("a", 1, condition=RESTING)],
            "no runner can take it: a does not take what it is offered and rests for a while",
        ),
        ([seat("a", 1, condition=LACKS_ROOM)], "no runner can take it: a has too little room on its disk"),
        ([seat("a", 0, slots=0)], "no runner can take it: a takes no tasks (its ERRAND_SLOTS is 0)"),
    ],
)
def test_without_a_free_runner_the_reason_says_what_they_do(seats: list[Seat], words: str) -> None:
    assert why(seats) == words


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (GPU, "no runner has the labels gpu=yes"),
        ((*GPU, *EU), "no runner has the labels gpu=yes"),
        ((("zone", "a"), *EU), "no runner has the labels model-key=yes, region=eu, zone=a"),
        (EU, "every runner with the labels region=eu is busy"),
    ],
)
def test_labels_that_nobody_has_are_named(wanted: Labels, words: str) -> None:
    assert why([seat("a", 0, EU), seat("b", 1, (("zone", "a"),))], wanted) == words


def test_a_runner_without_a_model_key_is_not_thought_busy() -> None:
    keyless = Seat("a", "a", slots=2, free=2)
    assert why([keyless]) == "no runner has the labels model-key=yes"


@pytest.mark.parametrize(
    ("seats", "words"),
    [
        ([seat("b", 1)], "the runner that has its workspace is not connected; elsewhere in 20 s"),
        ([seat("a", 0), seat("b", 1)], "the runner that has its workspace is busy; elsewhere in 20 s"),
        ([seat("a", 1, condition=SILENT)], "the runner that has its workspace is not heard of; elsewhere in 20 s"),
    ],
)
def test_a_wait_for_the_workspace_says_for_whom_and_how_long(seats: list[Seat], words: str) -> None:
    assert why(seats, only="a") == words


def test_a_runner_that_lost_the_label_is_not_waited_for() -> None:
    assert why([seat("a", 1)], GPU, only="a") == "no runner has the labels gpu=yes"


@pytest.mark.parametrize(
    ("runner", "words"),
    [
        (seat("a", 1), ""),
        (seat("a", 0), "is busy"),
        (seat("a", 1, slots=0), "takes no tasks (its ERRAND_SLOTS is 0)"),
        (seat("a", 1, condition=NOT_CONNECTED), "is not connected"),
    ],
)
def test_each_runner_says_what_stands_in_the_way(runner: Seat, words: str) -> None:
    assert obstacle(runner, KEY) == words


def test_a_runner_that_lacks_labels_says_which() -> None:
    assert obstacle(seat("a", 0, EU), (*EU, *GPU)) == "lacks the labels gpu=yes"


PUSH = Answer(Right.PUSH)
ROW = PendingTask(
    task_id="tsk_1",
    user_id="ann",
    project_id="prj_1",
    queue_time=0,
    status_reason="looking for a runner",
    required_labels=(),
    retry_count=0,
    offered=False,
    last_runner_id=None,
    failures=(),
)


class View:
    """One task, and what is known of the rest."""

    def __init__(self, row: PendingTask, *, right: Answer | None = PUSH, live: int = 0) -> None:
        self.clock = StillClock()
        self.pending = PendingTasks(self.clock, DURATIONS)
        self.clock.move(2 * DURATIONS.lease_s)
        self.entry: Entry = self.pending.put(row)
        self.outlook = Outlook(
            self.pending, seats=[seat("a", 0)], live={"ann": live}, most_live=20, known=lambda *_: right
        )

    def both(self) -> tuple[str, str]:
        """What is stored, and what is said now."""
        return self.outlook.reason(self.entry), self.outlook.explanation(self.entry, now_s=self.clock.boot_s())


def test_what_is_stored_is_what_is_explained() -> None:
    assert View(ROW).both() == ("every runner is busy",) * 2


def test_a_rest_after_a_failure_says_why_and_how_long() -> None:
    view = View(replace(ROW, retry_count=2, failures=(Failure("a", "no space is left"),)))
    assert view.both() == (
        "trying again after 20 s; the last try failed: no space is left",
        "trying again in 20 s; the last try failed: no space is left",
    )
    view.clock.move(12)
    assert view.both() == (
        "trying again after 20 s; the last try failed: no space is left",
        "trying again in 8 s; the last try failed: no space is left",
    )


def test_a_wait_for_the_workspace_counts_down_only_where_it_is_explained() -> None:
    view = View(replace(ROW, last_runner_id="a"))
    view.clock.move(10)
    assert view.both() == (
        "the runner that has its workspace is busy; elsewhere after 30 s",
        "the runner that has its workspace is busy; elsewhere in 20 s",
    )


def test_a_user_with_as_much_as_one_may_have_is_told_so() -> None:
    words = "you have 20 tasks running, the most that this Errand runs for one person"
    assert View(ROW, live=20).both() == (words, words)
    assert View(ROW, live=19).both() == ("every runner is busy",) * 2


def test_a_right_that_cannot_be_known_now_is_the_reason() -> None:
    away = Answer(Right.UNKNOWN, "GitHub does not answer; asking again soon")
    assert View(ROW, right=away).both() == (away.words, away.words)


def test_until_a_right_is_known_the_reason_stays() -> None:
    assert View(ROW, right=None).both() == (ROW.status_reason, ROW.status_reason)


def test_an_offered_task_keeps_its_reason() -> None:
    assert View(replace(ROW, offered=True)).both() == (ROW.status_reason, ROW.status_reason)
