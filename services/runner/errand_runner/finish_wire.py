"""What a turn came to, in the contract's words."""

from errand.v1 import runner_pb2, task_pb2
from errand_common import wire
from errand_common.values import CheckOutcome, summarise
from errand_runner.agent.redact import Redactor
from errand_runner.finish import CheckResult, Finish


def check_result(result: CheckResult) -> task_pb2.CheckResult:
    """What came of a check."""
    return task_pb2.CheckResult(
        outcome=wire.number(task_pb2.CheckOutcome, result.outcome),
        commit=result.commit,
        exit_code=result.exit_code,
        duration=wire.duration(result.duration_s),
        tail=result.tail,
        reason=result.reason,
        key=result.key,
    )


def known_check(told: task_pb2.CheckResult) -> CheckResult:
    """What came of an earlier one, as the scheduler keeps it; empty where it knows of none."""
    return CheckResult(
        outcome=CheckOutcome(wire.word(task_pb2.CheckOutcome, told.outcome) or CheckOutcome.NONE_DECLARED),
        commit=told.commit,
        exit_code=told.exit_code if told.HasField("exit_code") else None,
        duration_s=wire.seconds(told.duration),
        tail=told.tail,
        reason=told.reason,
        key=told.key,
        printed=told.tail,
    )


def finish_of(finish: Finish, redactor: Redactor) -> runner_pb2.Finish:
    """What the scheduler makes the card of."""
    return runner_pb2.Finish(
        result=summarise(redactor.text(finish.result)),
        message_id=finish.message_id,
        commit=finish.changes.commit if finish.changes else "",
        check=check_result(finish.check),
    )
