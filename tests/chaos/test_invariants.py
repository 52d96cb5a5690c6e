"""Each promise that trials look at is seen to be broken where it is."""

from dataclasses import replace

import pytest

from tests.chaos.invariants import Attempt, Record, Task, Told, breaches, changed

DONE = Task("tsk_1", "completed", "", "errand/tsk_1")
FIRST = Attempt("att_1", "tsk_1", "rnr_1", 1, "failed", "runner_lost", 2, 10, 20)
SECOND = Attempt("att_2", "tsk_1", "rnr_1", 2, "succeeded", None, 1, 30, 40)
TOLD = (
    Told(1, "att_1", 1, "a", b""),
    Told(2, "att_1", 2, "b", b""),
    Told(3, "att_2", 1, "a", b""),
)
SOUND = Record([DONE], [FIRST, SECOND], TOLD, [])
LATER = replace(SECOND, attempt_id="att_3", task_id="tsk_2", accepted_us=35, acked=0)

BROKEN = {
    "I1: tsk_1 is pending, and": replace(SOUND, tasks=[replace(DONE, status="pending")]),
    "I1: tsk_1 is running still": replace(SOUND, tasks=[replace(DONE, status="running", status_reason="why")]),
    "I2: tsk_1 has more": replace(SOUND, attempts=[replace(each, phase="running") for each in SOUND.attempts]),
    "I2: att_1 told something": replace(SOUND, told=[TOLD[0], TOLD[2], replace(TOLD[1], event_id=4)]),
    "I4: att_1 acknowledged 2": replace(SOUND, told=[TOLD[1], TOLD[2]]),
    "I4: att_2 acknowledged 2": replace(SOUND, attempts=[FIRST, replace(SECOND, acked=2)]),
    "I10: rnr_1 had 2": replace(SOUND, attempts=[FIRST, SECOND, LATER]),
    "the database: torn": replace(SOUND, broken=["the database: torn"]),
}


def test_what_is_sound_breaks_nothing():
    assert breaches(SOUND, slots=1) == []


@pytest.mark.parametrize("words", BROKEN)
def test_what_is_broken_is_told(words):
    (found,) = breaches(BROKEN[words], slots=1)
    assert found.startswith(words)


@pytest.mark.parametrize(
    "later",
    [
        replace(SOUND, attempts=[replace(FIRST, phase="lost"), SECOND]),
        replace(SOUND, told=[*TOLD, Told(4, "att_1", 3, "c", b"")]),
        replace(SOUND, attempts=[SECOND]),
    ],
    ids=["another phase", "one more event", "gone"],
)
def test_a_final_attempt_that_changes_is_told(later):
    assert changed({"att_1": (FIRST, 2)}, SOUND) == []
    assert changed({"att_1": (FIRST, 2)}, later) == ["I5: att_1, which was final, is not as it was"]
