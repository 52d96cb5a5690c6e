"""What Claude is told of a call that no tool takes."""

from collections.abc import Sequence

_NO_TOOL = "There is no tool "
_NOT_VALID = " is not valid and nothing was run: "


def no_such_tool(name: str, tools: Sequence[str]) -> str:
    """Answers a call of a tool that there is not."""
    return f"{_NO_TOOL}{name!r}; the tools are {', '.join(tools)}."


def not_valid(name: str, problems: str) -> str:
    """Answers a call whose input breaks the tool's schema."""
    return f"The input of {name}{_NOT_VALID}{problems}."


def was_wrong(told: str) -> bool:
    """Whether an error's words are one of these."""
    return told.startswith(_NO_TOOL) or _NOT_VALID in told.partition("\n")[0]
