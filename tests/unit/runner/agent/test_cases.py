"""The table of the loop's cases names tests that there are, for each case one at least."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parents[2]
CASES = 33

ROWS = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", (HERE / "README.md").read_text("utf-8"), re.MULTILINE)


def test_every_case_stands_in_the_table() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, CASES + 1))


@pytest.mark.parametrize(("number", "held_by"), ROWS)
def test_a_case_is_held_by_tests_that_there_are(number: str, held_by: str) -> None:
    named = re.findall(r"`(.+?)::(\w+)`", held_by)
    assert named, f"case {number} names no test"
    for file, name in named:
        source = (TESTS / file if "/" in file else HERE / file).read_text("utf-8")
        assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"case {number}: no {name} in {file}"
