"""What Claude does in every session that is measured: a command a turn, each with a page of output, and a last word."""

TURNS = 40
MODEL = "claude-sonnet-5-5"
WORDS = "I look at the next part of the file, since the one before did not hold what I am after. " * 3
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""How a session with mini-swe-agent ends: by a command."""


def command(turn: int) -> str:
    """The command of a turn, counted from 0: it prints about 1 KiB, and each something else."""
    return f"seq {turn}0000 {turn}0170"


def blocks(turn: int, *, turns: int, by_command: bool) -> list[dict[str, object]]:
    """The content of Claude's reply in a turn; `by_command` says how the last one ends the session."""
    words: dict[str, object] = {"type": "text", "text": WORDS if turn < turns else "Done."}
    if turn == turns and not by_command:
        return [words]
    what = command(turn) if turn < turns else SUBMIT
    return [words, {"type": "tool_use", "id": f"toolu_{turn:04}", "name": "bash", "input": {"command": what}}]
