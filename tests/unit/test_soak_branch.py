"""The soak takes a branch for what its transcript did, and for no more but where an attempt ended unheard."""

import json

import pytest

from errand_scheduler.lifecycle import endings
from tests.demo.phone import Json
from tests.soak import branch

TASK = {"status": "cancelled", "prompt": "Steps: echo m1 >> trace; echo m2 >> trace"}
UNHEARD = [
    ("cancelled", f"stopped without its runner's answer; {endings.UNHEARD}"),
    ("lost", f"its runner was not heard of for too long; {endings.UNHEARD}; send the task on to try again"),
]
HEARD = [("cancelled", "stopped"), ("succeeded", ""), ("lost", "its runner restarted and no longer has it")]


def end(phase: str, reason: str) -> Json:
    return {"kind": "attempt_phase_changed", "detail": {"phase": phase, "reason": reason}}


def transcript(*marks: str) -> list[Json]:
    """One that did these, and kept them."""
    calls = [{"type": "tool_use", "input": {"command": f"echo {mark} >> trace && echo kept {mark}"}} for mark in marks]
    results = [{"type": "tool_result", "content": f"kept {mark}\n[exit code 0]"} for mark in marks]
    return [{"content": json.dumps(calls)}, {"content": json.dumps(results)}]


@pytest.mark.parametrize(("phase", "reason"), HEARD)
def test_more_than_was_told_is_a_breach(phase: str, reason: str) -> None:
    (found,) = branch.breaches(TASK, [end(phase, reason)], transcript("m1"), ["m1", "m2"])
    assert "which is not what the transcript did: ['m1']" in found


@pytest.mark.parametrize(("phase", "reason"), UNHEARD)
@pytest.mark.parametrize("trace", [["m1"], ["m1", "m2"], ["m1", "m1"]])
def test_an_attempt_that_ended_unheard_may_have_done_more_of_what_was_ordered(
    phase: str, reason: str, trace: list[str]
) -> None:
    assert branch.breaches(TASK, [end(phase, reason)], transcript("m1"), trace) == []


@pytest.mark.parametrize("trace", [["m2", "m1"], ["m1", "m2", "m2", "m2"], ["m1", "m2", "m3"]])
def test_it_may_have_done_nothing_in_another_order_or_again_and_again_or_that_nobody_ordered(trace: list[str]) -> None:
    assert branch.breaches(TASK, [end(*UNHEARD[0])], transcript("m1", "m2"), trace)


def test_what_was_sent_on_before_that_end_may_have_been_done_and_nothing_of_later() -> None:
    sent = {"kind": "input_added", "detail": {"summary": "Steps: echo m3 >> trace"}}
    assert branch.breaches(TASK, [sent, end(*UNHEARD[0])], transcript("m1"), ["m1", "m3"]) == []
    assert branch.breaches(TASK, [end(*UNHEARD[0]), sent], transcript("m1"), ["m1", "m3"])


def test_what_a_completed_task_kept_is_there() -> None:
    done = TASK | {"status": "completed"}
    assert branch.breaches(done, [end("succeeded", "")], transcript("m1", "m2"), ["m1", "m2"]) == []
    assert branch.breaches(done, [end("succeeded", "")], transcript("m1", "m2"), ["m1"]) == [
        "m2 was done, and is not on the branch"
    ]
