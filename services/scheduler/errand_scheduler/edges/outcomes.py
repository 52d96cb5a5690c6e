"""How an attempt ended, as its runner says."""

from errand.v1 import runner_pb2, task_pb2
from errand_common.errors import Invalid
from errand_common.values import SUMMARY_BYTES, AttemptPhase, FailureReason
from errand_common.wire import word
from errand_scheduler.lifecycle.turns import AttemptEnd

_OUTCOMES = (
    AttemptPhase.SUCCEEDED,
    AttemptPhase.FAILED,
    AttemptPhase.CANCELLED,
    AttemptPhase.TIMED_OUT,
    AttemptPhase.PARKED,
)


def attempt_end(outcome: runner_pb2.AttemptOutcome) -> AttemptEnd:
    """How an attempt ended. Raises Invalid."""
    phase = word(task_pb2.AttemptPhase, outcome.phase)
    failure = word(task_pb2.FailureReason, outcome.failure_reason)
    if outcome.failure_reason and not failure:
        # Of a newer runner: that the attempt failed is not lost with why.
        failure = FailureReason.INTERNAL
    if phase not in _OUTCOMES:
        raise Invalid(f'an attempt cannot be finished as "{phase}"; use one of {", ".join(_OUTCOMES)}')
    if (phase == AttemptPhase.FAILED) != bool(failure):
        raise Invalid("failure_reason must be set with failed, and with nothing else")
    return AttemptEnd(
        phase=AttemptPhase(phase),
        failure=FailureReason(failure) if failure else None,
        reason=outcome.reason,
        last_sequence=outcome.last_sequence,
        finish=_finish(outcome) if outcome.HasField("finish") else None,
    )


def _finish(outcome: runner_pb2.AttemptOutcome) -> runner_pb2.Finish:
    if outcome.phase != task_pb2.ATTEMPT_PHASE_SUCCEEDED:
        raise Invalid("finish comes with an attempt that succeeded, and with no other")
    _check_words(outcome.finish.result, field="finish.result")
    check_result(outcome.finish.check, field="finish.check")
    return outcome.finish


def check_result(result: task_pb2.CheckResult, *, field: str) -> None:
    if not word(task_pb2.CheckOutcome, result.outcome):
        raise Invalid(f"{field} does not say what came of it, or this scheduler does not know it")
    _check_words(result.tail, field=f"{field}.tail")
    _check_words(result.reason, field=f"{field}.reason")


def _check_words(text: str, *, field: str) -> None:
    if len(text.encode()) > SUMMARY_BYTES:
        raise Invalid(f"{field} has {len(text.encode())} bytes; the most is {SUMMARY_BYTES}")
