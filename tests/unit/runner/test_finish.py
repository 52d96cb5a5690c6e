"""What a script's end says of the work, and what it does not say."""

import pytest

from errand_common.values import CheckOutcome
from errand_runner.agent.redact import Redactor
from errand_runner.finish import TAIL_BYTES, CheckResult, Finish, judged
from errand_runner.finish_wire import check_result, finish_of, known_check
from errand_runner.sandbox.supervisor import Exit
from errand_runner.scripts import Ran
from errand_runner.workspace import Changes

SECRET = "the-value-of-a-secret"


def ran(code=None, *, signal=None, timed_out=False, printed=""):
    return Ran(Exit(code, signal, timed_out, 12.5), printed)


@pytest.mark.parametrize(
    ("end", "outcome", "exit_code", "reason"),
    [
        (ran(0), CheckOutcome.PASSED, 0, ""),
        (ran(3), CheckOutcome.FAILED, 3, "exit code 3"),
        (ran(signal=9), CheckOutcome.FAILED, None, "it was killed by signal 9"),
        (ran(signal=9, timed_out=True), CheckOutcome.NOT_RUN, None, "it did not end within 15 minutes"),
        # What handles the signal may end by a code of its own.
        (ran(0, timed_out=True), CheckOutcome.NOT_RUN, 0, "it did not end within 15 minutes"),
    ],
)
def test_only_a_check_that_came_to_its_end_says_something_of_the_work(end, outcome, exit_code, reason):
    found = judged(end, limit_s=900.0)

    assert (found.outcome, found.exit_code, found.reason, found.duration_s) == (outcome, exit_code, reason, 12.5)


def test_of_what_it_printed_the_end_is_told_and_claude_reads_more_of_it():
    found = judged(ran(1, printed="é" * 20_000 + "\nlast words\n"), limit_s=900.0)

    assert len(found.tail.encode()) <= TAIL_BYTES
    assert found.tail.startswith("…é")
    assert found.tail.endswith("é\nlast words")
    assert found.printed.endswith(found.tail.removeprefix("…"))
    assert TAIL_BYTES < len(found.printed) <= 8_000


def test_a_result_comes_back_from_the_scheduler_as_it_went():
    sent = judged(ran(3, printed="no such module"), limit_s=900.0)
    assert known_check(check_result(sent)) == sent
    assert known_check(check_result(CheckResult())) == CheckResult(), "none was run yet"


def test_what_the_card_is_made_of_has_no_secret_and_fits():
    changes = Changes("c0ffee", commits=1, files=1, insertions=1, deletions=0)
    told = finish_of(Finish(result=f"{SECRET} " + "é" * 5000, changes=changes, message_id="msg_1"), Redactor([SECRET]))

    assert told.result.startswith("[redacted] éé")
    assert len(told.result.encode()) <= 1024
    assert (told.commit, told.message_id) == ("c0ffee", "msg_1")
    assert finish_of(Finish(result="", changes=None), Redactor([])).commit == ""
