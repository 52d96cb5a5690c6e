"""A pull request can be reviewed from its title and body alone."""

from errand.v1.task_pb2 import Task
from errand_runner.pull_request import TITLE_CHARACTERS, body_of, title_of
from errand_runner.workspace import Changes

CHANGES = Changes(commit="0" * 40, commits=2, files=3, insertions=10, deletions=4)


def test_the_title_is_the_first_line_of_the_prompt():
    assert title_of("\n  Make the failing test pass.\nIt is in tests/.") == "Make the failing test pass."


def test_a_long_title_is_cut_visibly():
    title = title_of("word " * 100)

    assert len(title) <= TITLE_CHARACTERS
    assert title.endswith("word…")
    assert title_of("x" * 100) == "x" * 71 + "…"


def test_the_body_holds_the_words_the_prompt_and_the_facts():
    body = body_of(Task(task_id="tsk_1", prompt="Fix it\nplease"), CHANGES, "I fixed the rounding.")

    assert body.startswith("I fixed the rounding.")
    assert "> Fix it\n> please" in body
    assert "`tsk_1`: 2 commits, 3 files, +10 -4" in body


def test_the_longest_words_and_prompt_stay_within_the_contract():
    body = body_of(Task(task_id="tsk_1", prompt="ü\n" * 40_000), CHANGES, "ü" * 80_000)

    assert len(body.encode()) <= 60 * 1024
    assert body.endswith("`tsk_1`: 2 commits, 3 files, +10 -4.\n")
