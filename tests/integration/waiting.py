"""Attempts that wait, as their runner tells it."""

from errand.v1 import event_pb2, runner_pb2, task_pb2
from tests.integration.scheduling import ScriptedRunner, inputs_event, phase_event

QUESTION, ALLOWANCE, QUOTA = (
    task_pb2.WAIT_REASON_QUESTION,
    task_pb2.WAIT_REASON_ALLOWANCE,
    task_pb2.WAIT_REASON_QUOTA,
)


async def waits(
    runner: ScriptedRunner, reason: "task_pb2.WaitReason.ValueType", *, resume_s: float = 0
) -> runner_pb2.AttemptRef:
    """The next attempt, which has read its inputs and waits."""
    taken = await runner.take()
    ack = await runner.send(
        taken.attempt,
        phase_event(task_pb2.ATTEMPT_PHASE_RUNNING),
        inputs_event(taken),
        _wait_event(reason, resume_s=resume_s),
    )
    assert ack.error_reason == ""
    return taken.attempt


def _wait_event(reason: "task_pb2.WaitReason.ValueType", *, resume_s: float = 0) -> runner_pb2.AttemptEvent:
    started = event_pb2.WaitStarted(reason=reason, summary="left or right?")
    if resume_s:
        started.resume_duration.FromMilliseconds(int(resume_s * 1000))
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(wait_started=started))
