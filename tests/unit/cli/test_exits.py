"""One table of exit codes: each error has one, each is documented, and a watch ends as its task stands."""

from pathlib import Path

import pytest

from errand_cli import exits
from errand_cli.exits import MEANINGS, Exit
from errand_common.errors import (
    Conflict,
    Denied,
    ErrandError,
    Exhausted,
    Internal,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Invalid, 2),
        (NotFound, 3),
        (Unauthenticated, 4),
        (Denied, 4),
        (Unavailable, 5),
        (Conflict, 6),
        (Exhausted, 7),
        (Internal, 1),
        (Unimplemented, 1),
    ],
)
def test_each_error_has_its_code(kind: type[ErrandError], code: int) -> None:
    assert exits.of_error(kind("no")) == code


@pytest.mark.parametrize(
    ("status", "waits", "code"),
    [
        ("completed", "", 0),
        ("failed", "", 1),
        ("cancelled", "", 1),
        ("waiting", "question", 8),
        ("waiting", "allowance", 8),
        ("waiting", "quota", None),
        ("pending", "", None),
        ("running", "question", None),
    ],
)
def test_a_watch_ends_where_nothing_goes_on_by_itself(status: str, waits: str, code: int | None) -> None:
    assert exits.of_task(status, waits) == code


def test_each_code_is_documented_with_its_meaning() -> None:
    assert [code for code in Exit if f"| {code.value} | {MEANINGS[code]} |" not in DOCS] == []
