"""Tables on terminals of any width: ids stay whole, and nothing is lost where they do not fit."""

import io

import pytest
from rich.console import Console

from errand_cli.output import Output

COLUMNS = ("TASK", "STATUS", "PROMPT")
ROWS = [("tsk_" + "1" * 26, "completed", "mend the broken link in the readme"), ("tsk_" + "2" * 26, "failed", "")]


def shown(width: int, *, terminal: bool = True) -> list[str]:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=terminal, no_color=True, width=width, highlight=False, markup=False, soft_wrap=True
    )
    Output(as_json=False, console=console).table(COLUMNS, ROWS)
    return [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in file.getvalue().splitlines()]


def test_where_there_is_room_all_of_it_is_in_columns() -> None:
    assert shown(100) == [
        "TASK                            STATUS     PROMPT",
        f"{ROWS[0][0]}  completed  {ROWS[0][2]}",
        f"{ROWS[1][0]}  failed",
    ]


def test_the_last_column_gives_way() -> None:
    assert shown(60)[1] == f"{ROWS[0][0]}  completed  mend the broken …"


@pytest.mark.parametrize("width", [40, 50])
def test_on_a_narrow_terminal_each_row_is_told_by_itself(width: int) -> None:
    assert shown(width) == [
        f"task    {ROWS[0][0]}",
        "status  completed",
        f"prompt  {ROWS[0][2]}",
        "",
        f"task    {ROWS[1][0]}",
        "status  failed",
    ]


def test_what_is_no_terminal_gets_all_of_it_in_columns() -> None:
    assert shown(40, terminal=False) == shown(100)
