"""How an attempt ended, as its runner says. What only a newer runner knows is taken for what comes nearest to it."""

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
_UPDATE = "this scheduler does not know it: bring it up to date"


def attempt_end(outcome: runner_pb2.AttemptOutcome) -> AttemptEnd:
    """How an attempt ended. Raises Invalid."""
    phase = word(task_pb2.AttemptPhase, outcome.phase)
    if outcome.phase and not phase:
        return _ended_otherwise(outcome)
    failure = word(task_pb2.FailureReason, outcome.failure_reason)
    if outcome.failure_reason and not failure:
        # That the attempt failed is not lost with why.
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


def check_result(result: task_pb2.CheckResult, *, field: str) -> task_pb2.CheckResult:
    """What a check said; with an outcome that is not known here, nothing of the work. Raises Invalid."""
    if not result.outcome:
        raise Invalid(f"{field} does not say what came of it")
    _check_words(result.tail, field=f"{field}.tail")
    _check_words(result.reason, field=f"{field}.reason")
    if word(task_pb2.CheckOutcome, result.outcome):
        return result
    known = task_pb2.CheckResult()
    known.CopyFrom(result)
    known.outcome = task_pb2.CHECK_OUTCOME_NOT_RUN
    known.reason = result.reason or f"its runner says of it what is new, and {_UPDATE}"
    return known


def _ended_otherwise(outcome: runner_pb2.AttemptOutcome) -> AttemptEnd:
    """It is over, whatever it came to."""
    return AttemptEnd(
        phase=AttemptPhase.FAILED,
        failure=FailureReason.INTERNAL,
        reason=outcome.reason or f"its runner ended it in a way that is new, and {_UPDATE}",
        last_sequence=outcome.last_sequence,
        finish=None,
    )


def _finish(outcome: runner_pb2.AttemptOutcome) -> runner_pb2.Finish:
    if outcome.phase != task_pb2.ATTEMPT_PHASE_SUCCEEDED:
        raise Invalid("finish comes with an attempt that succeeded, and with no other")
    _check_words(outcome.finish.result, field="finish.result")
    finish = runner_pb2.Finish()
    finish.CopyFrom(outcome.finish)
    finish.check.CopyFrom(check_result(outcome.finish.check, field="finish.check"))
    return finish


def _check_words(text: str, *, field: str) -> None:
    if len(text.encode()) > SUMMARY_BYTES:
        raise Invalid(f"{field} has {len(text.encode())} bytes; the most is {SUMMARY_BYTES}")
