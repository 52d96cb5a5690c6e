"""A runner that is one release newer says what this scheduler has no word for: its attempts go on all the same."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common import contract
from errand_common.errors import Invalid
from errand_common.values import AttemptPhase, FailureReason, WaitReason
from errand_common.wire import duration
from errand_scheduler.edges import incoming, outcomes
from errand_scheduler.lifecycle.effects import CheckFinished, WaitBegan

LATER = 999
"""A number that no enum has."""
ANOTHER_CONVERSATION = {"errand.v1.Message.role"}
"""What an older scheduler would go wrong with: a new one is a conversation with a number of its own."""
BY_THE_WAY = {"errand.v1.Delta.kind"}
"""What is passed on to watchers as it came."""
SAMPLE: dict[str, Any] = {"commit": "a" * 40, "prefix": b"{}"}
OF_SCHEDULER = {
    "task_status_changed",
    "input_added",
    "input_changed",
    "task_retried",
    "pull_request_opened",
    "pull_request_left",
    "work_finished",
    "allowance_raised",
}
KINDS = [field.name for field in event_pb2.EventBody.DESCRIPTOR.oneofs_by_name["kind"].fields]
MESSAGE = task_pb2.Message(message_id="msg_01j9z3k4m5n6p7q8r9s0t1v2w3", role=task_pb2.ROLE_USER)
CALL = task_pb2.ToolCall(tool_call_id="toolu_1", tool_name="bash")


def filled(message: Message) -> Message:
    """The message with every enum in it, at any depth, one that is not known."""
    for field in message.DESCRIPTOR.fields:
        target: Any = getattr(message, field.name)
        if field.enum_type is not None:
            if field.is_repeated:
                target.append(LATER)
            else:
                setattr(message, field.name, LATER)
        elif field.name in SAMPLE and not field.is_repeated:
            setattr(message, field.name, SAMPLE[field.name])
        elif message_of(field) is not None:
            filled(target.add() if field.is_repeated else target)
            if not field.is_repeated:
                target.SetInParent()
    return message


def event_of(kind: str) -> runner_pb2.AttemptEvent:
    event = runner_pb2.AttemptEvent(sequence=1)
    filled(getattr(event.body, kind))
    getattr(event.body, kind).SetInParent()
    if kind.startswith("tool_call"):
        event.tool_call.CopyFrom(CALL)
    elif kind in ("message_appended", "conversation_shortened"):
        event.message.CopyFrom(MESSAGE)
    elif kind in ("prefix_frozen", "model_changed"):
        event.prefix = b"{}"
    return event


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OF_SCHEDULER])
def test_an_event_with_words_of_later_is_taken_and_carried(kind: str) -> None:
    event = event_of(kind)
    (read,) = incoming.events(pb.AttemptBatch(events=[event]))
    assert (read.kind, read.body) == (kind, event.body.SerializeToString())


def test_an_end_that_is_new_is_an_end() -> None:
    attempt = runner_pb2.AttemptRef(attempt_id="att_1", fence=1)
    end = outcomes.attempt_end(runner_pb2.AttemptOutcome(attempt=attempt, phase=LATER, last_sequence=7))  # type: ignore[arg-type]
    assert (end.phase, end.failure, end.last_sequence) == (AttemptPhase.FAILED, FailureReason.INTERNAL, 7)
    assert (
        end.reason
        == "its runner ended it in a way that is new, and this scheduler does not know it: bring it up to date"
    )


def test_a_check_that_came_to_something_new_says_nothing_of_the_work() -> None:
    outcome = runner_pb2.AttemptOutcome(
        phase=task_pb2.ATTEMPT_PHASE_SUCCEEDED,
        finish=runner_pb2.Finish(check=task_pb2.CheckResult(outcome=LATER, tail="3 of 4")),  # type: ignore[arg-type]
    )
    finish = outcomes.attempt_end(outcome).finish
    assert finish is not None
    assert (finish.check.outcome, finish.check.tail) == (task_pb2.CHECK_OUTCOME_NOT_RUN, "3 of 4")
    assert "bring it up to date" in finish.check.reason

    (read,) = incoming.events(pb.AttemptBatch(events=[event_of("check_finished")]))
    assert isinstance(read.effect, CheckFinished)
    assert task_pb2.CheckResult.FromString(read.effect.result).outcome == task_pb2.CHECK_OUTCOME_NOT_RUN


@pytest.mark.parametrize(("resume_s", "reason"), [(None, WaitReason.QUESTION), (60.0, WaitReason.QUOTA)])
def test_a_wait_for_something_new_ends_as_its_runner_says(resume_s: float | None, reason: WaitReason) -> None:
    started = event_pb2.WaitStarted(reason=LATER, summary="the moon", resume_duration=duration(resume_s))  # type: ignore[arg-type]
    event = runner_pb2.AttemptEvent(sequence=1, body=event_pb2.EventBody(wait_started=started))
    (read,) = incoming.events(pb.AttemptBatch(events=[event]))
    assert isinstance(read.effect, WaitBegan)
    assert (read.effect.wait.reason, read.effect.wait.summary) == (reason, "the moon")


def test_what_is_left_out_is_still_refused() -> None:
    for kind in ("wait_started", "check_finished", "attempt_phase_changed"):
        event = runner_pb2.AttemptEvent(sequence=1)
        getattr(event.body, kind).SetInParent()
        with pytest.raises(Invalid):
            incoming.events(pb.AttemptBatch(events=[event]))


def test_these_are_all_the_words_that_runners_send() -> None:
    """Of another message with an enum, or another enum in these, the tests above must know."""
    requests = {
        method.input_type.name: set(enums(method.input_type))
        for service in contract.services()
        for method in service.methods
        if service.name in ("DispatchService", "EnrolmentService")
    }
    told = {name: found for name, found in requests.items() if found}
    assert told.keys() == {"StreamEventsRequest", "FinishAttemptsRequest"}
    walked = set(enums(event_pb2.EventBody.DESCRIPTOR)) | ANOTHER_CONVERSATION
    assert told["StreamEventsRequest"] == walked | BY_THE_WAY
    assert told["FinishAttemptsRequest"] == {
        "errand.v1.AttemptOutcome.phase",
        "errand.v1.AttemptOutcome.failure_reason",
        "errand.v1.CheckResult.outcome",
    }


def enums(descriptor: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    for field in descriptor.fields:
        if field.enum_type is not None:
            yield field.full_name
        elif (inner := message_of(field)) is not None and inner.full_name not in seen:
            yield from enums(inner, seen | {inner.full_name})


def message_of(field: Any) -> Descriptor | None:
    """The type of a field of ours."""
    found: Descriptor | None = field.message_type
    return found if found is not None and found.full_name.startswith("errand.v1.") else None
