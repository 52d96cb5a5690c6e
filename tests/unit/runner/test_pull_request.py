"""What a pull request says where Claude did not, and the page on which a person opens it."""

import pytest

from errand.v1.task_pb2 import Project, Task
from errand_common.values import CheckOutcome
from errand_runner.finish import CheckResult
from errand_runner.pull_request import TITLE_CHARACTERS, by_hand, check_words, title_of


def test_the_title_is_the_first_line_of_the_prompt():
    assert title_of("\n  Make the failing test pass.\nIt is in tests/.") == "Make the failing test pass."


def test_a_long_title_is_cut_visibly():
    title = title_of("word " * 100)

    assert len(title) <= TITLE_CHARACTERS
    assert title.endswith("word…")
    assert title_of("x" * 100) == "x" * 71 + "…"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (CheckResult(), ""),
        (CheckResult(outcome=CheckOutcome.PASSED, exit_code=0), "passed"),
        (CheckResult(outcome=CheckOutcome.FAILED, exit_code=2), "failed with exit code 2"),
        (CheckResult(outcome=CheckOutcome.FAILED), "failed"),
        (CheckResult(outcome=CheckOutcome.NOT_RUN), "could not be run"),
    ],
)
def test_what_the_check_came_to_is_said_in_words(check, words):
    assert check_words(check) == words


def test_the_page_for_opening_it_by_hand_holds_both_branches_whatever_their_names():
    project = Project(repo_url="https://github.com/octo/demo.git", default_branch="release/2.0-ü#1")
    assert by_hand(project, Task(branch="errand/tsk_1")) == (
        "https://github.com/octo/demo/compare/release/2.0-%C3%BC%231...errand/tsk_1?expand=1"
    )
