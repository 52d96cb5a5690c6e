"""The demo's Claude: finds a bug in a small repository, repairs it at the second try, and adds a test when asked.

Every step follows from what the tools answered, as far as it can be read on the wire; where an answer is not what it
should be, it says so and stops.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

from tests.demo.story import FOLLOW_UP, PROMPT
from tests.standins.claude.replies import Block, Reply, Text, Thinking, ToolUse
from tests.standins.claude.request import Request, ToolRun

SOURCE = "pricing/discount.py"
TESTS = "tests/test_discount.py"
TEST_COMMAND = "python3 -m pytest -q"

BUG = "return price_cents - price_cents * percent // 100"
WRONG = "return price_cents * (100 - percent) // 100"
RIGHT = "return (price_cents * (100 - percent) + 50) // 100"

ANCHOR = "def test_a_full_discount_is_free() -> None:"
ZERO_TEST = "def test_a_price_of_zero_stays_zero() -> None:\n    assert discounted(0, 50) == 0\n\n\n"


class Colour(Enum):
    """What a test run showed."""

    RED = auto()
    GREEN = auto()
    UNKNOWN = auto()


def script(request: Request) -> Reply:
    """Does what the person asked last."""
    if FOLLOW_UP in request.said:
        return add_test(request.runs)
    if PROMPT in request.said:
        return fix(request.runs)
    return say(f"I only know two errands: “{PROMPT}” and “{FOLLOW_UP}”")


def fix(runs: Sequence[ToolRun]) -> Reply:
    """The first errand, one step on."""
    if not runs:
        return act(
            Thinking("A test fails. I should see the layout first, then the failure itself, before I touch anything."),
            Text("I'll look around first, then run the tests to see what fails."),
            bash("ls -a . pricing tests"),
        )
    match runs[-1]:
        case ToolRun(name="bash", input={"command": str(command)}, output=output) if command.startswith("ls"):
            if "discount.py" not in output:
                return say(f"I expected {SOURCE} here and do not see it, so I stop.")
            return act(Text("Small enough to read whole: the code and its tests."), read(SOURCE), read(TESTS))
        case ToolRun(name="read", is_error=False):
            if not any(BUG in run.output or RIGHT in run.output for run in runs):
                return say(f"{SOURCE} does not look as I expected, so I leave it alone.")
            return act(Text("Now the tests, to see the failure with my own eyes."), bash(TEST_COMMAND))
        case ToolRun(name="bash", input={"command": str(command)}, output=output) if command == TEST_COMMAND:
            return after_tests(runs, output)
        case ToolRun(name="edit", is_error=False):
            return act(Text("Let me see whether that was it."), bash(TEST_COMMAND))
        case ToolRun(name="bash", output=output) if is_committed(output):
            return say(
                f"Done. `discounted` in {SOURCE} rounded the discount down instead of rounding the price half up. My "
                "first change dropped every fraction of a cent and broke the half-cent case; now half a cent is added "
                "before the division. All tests pass, and the change is committed."
            )
        case failed:
            return say(f"That did not work, so I stop here. {failed.name} answered:\n\n{failed.output[-500:]}")


def after_tests(runs: Sequence[ToolRun], output: str) -> Reply:
    """Decides by the colour, and by which edits have been made."""
    edits = [run.input["new_text"] for run in runs if run.name == "edit" and not run.is_error]
    failing = ", ".join(re.findall(r"^FAILED \S+::(\w+)", output, re.MULTILINE)) or "a test"
    match colour(output), edits:
        case Colour.RED, []:
            return act(
                Text(f"Red: `{failing}`. The discount is rounded down on its own; I'll compute the price in one step."),
                edit(SOURCE, BUG, WRONG),
            )
        case Colour.RED, [new] if new == WRONG:
            return act(
                Thinking("Floor division drops the half cent. The docstring says half up, so add 50 before dividing."),
                Text(f"Still red, but elsewhere: `{failing}`. I dropped the half cent. The price must round half up."),
                edit(SOURCE, WRONG, RIGHT),
            )
        case Colour.RED, _:
            return say(f"Still red after my changes: {failing}. I stop here, nothing is committed.")
        case Colour.GREEN, []:
            return say("All tests pass already; there is nothing to repair.")
        case Colour.GREEN, _:
            return act(Text("Green. I'll commit it."), commit("Round discounted prices half up"))
    return say(f"I cannot run the tests here, so I stop. They answered:\n\n{output[-500:]}")


def add_test(runs: Sequence[ToolRun]) -> Reply:
    """The second errand, one step on."""
    if not runs:
        return act(Text("I'll add it beside the other limits."), read(TESTS))
    match runs[-1]:
        case ToolRun(name="read", output=output, is_error=False):
            if ANCHOR not in output:
                return say(f"{TESTS} does not look as I expected, so I leave it alone.")
            return act(edit(TESTS, ANCHOR, ZERO_TEST + ANCHOR))
        case ToolRun(name="edit", is_error=False):
            return act(Text("Now all of them."), bash(TEST_COMMAND))
        case ToolRun(name="bash", input={"command": str(command)}, output=output) if command == TEST_COMMAND:
            if colour(output) is not Colour.GREEN:
                return say(f"The tests do not pass, so I commit nothing. They answered:\n\n{output[-500:]}")
            return act(Text("Green."), commit("Test the discount on a price of zero"))
        case ToolRun(name="bash", output=output) if is_committed(output):
            return say("Done: a price of zero stays zero under any discount, and a test says so. All tests pass.")
        case failed:
            return say(f"That did not work, so I stop here. {failed.name} answered:\n\n{failed.output[-500:]}")


def colour(output: str) -> Colour:
    """Reads pytest's summary."""
    if re.search(r"\b\d+ (failed|errors?)\b", output):
        return Colour.RED
    return Colour.GREEN if re.search(r"\b\d+ passed\b", output) else Colour.UNKNOWN


def is_committed(output: str) -> bool:
    """Reads git's answer to a commit."""
    return re.search(r"^\[\S+ (\(root-commit\) )?[0-9a-f]{7,}\]", output, re.MULTILINE) is not None


def act(*blocks: Block) -> Reply:
    return Reply(blocks)


def say(words: str) -> Reply:
    return Reply([Text(words)])


def bash(command: str) -> ToolUse:
    return ToolUse("bash", {"command": command})


def read(path: str) -> ToolUse:
    return ToolUse("read", {"path": path})


def edit(path: str, old: str, new: str) -> ToolUse:
    return ToolUse("edit", {"path": path, "old_text": old, "new_text": new})


def commit(subject: str) -> ToolUse:
    return ToolUse("bash", {"command": f"git add -A && git commit -m '{subject}'"})
