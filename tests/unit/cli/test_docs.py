"""docs/cli.md names every command."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from errand_cli.app import app

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def commands(command: Any, name: str) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name
        return
    for word, each in below.items():
        yield from commands(each, f"{name} {word}")


def test_each_command_is_named_and_there_is_one() -> None:
    known = list(commands(typer.main.get_command(app), "errand"))

    assert "errand task create" in known
    assert [name for name in known if f"`{name}" not in DOCS] == []
