"""Commands, as Claude may give them, look after them and end them."""

from typing import Annotated

from pydantic import Field

from errand_runner.agent.tools.definitions.schema import Input, Words, tool

DEFAULT_TIMEOUT_S = 120
LONGEST_TIMEOUT_S = 600
DEFAULT_LOOK_S = 5
LONGEST_WAIT_S = 600


class BashInput(Input):
    """For `bash`."""

    command: Words
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_S)] = DEFAULT_TIMEOUT_S
    background: bool = False


class BashOutputInput(Input):
    """For `bash_output`."""

    id: Words
    wait_s: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S)] = DEFAULT_LOOK_S


class KillInput(Input):
    """For `kill`."""

    id: Words


class WaitInput(Input):
    """For `wait`."""

    seconds: Annotated[int, Field(ge=1, le=LONGEST_WAIT_S)]
    id: Words | None = None


BASH = tool(
    "bash",
    "Runs a command with bash in the sandbox and gives its output, exit code and duration. Every call is a fresh "
    "shell: the working folder is kept, variables and functions are not. Stdin is empty. What a command leaves running "
    "with & ends with it: start servers, watchers and long builds with background instead. Of long output you get the "
    "beginning and the end, and the path of a file with all of it.",
    command=("string", "The command or script."),
    timeout_s=(
        "integer?",
        f"Seconds until the command and all it started are killed; {DEFAULT_TIMEOUT_S} unless given, "
        f"at most {LONGEST_TIMEOUT_S}. In the background there is no such limit.",
    ),
    background=(
        "boolean?",
        "True starts the command and gives its first output and an id, for bash_output, wait and kill. It runs until "
        "it ends, you end it, or you stop; the working folder stays. False unless given.",
    ),
)

BASH_OUTPUT = tool(
    "bash_output",
    "Gives what a command in the background wrote since you last looked, and whether it still runs.",
    id=("string", "As bash gave it."),
    wait_s=(
        "integer?",
        f"Seconds to wait at most for something new or the end; {DEFAULT_LOOK_S} unless given, "
        f"at most {LONGEST_WAIT_S}.",
    ),
)

KILL = tool(
    "kill",
    "Ends a command in the background with all it started, which has 2 seconds to end well. Gives the rest of its "
    "output.",
    id=("string", "As bash gave it."),
)

WAIT = tool(
    "wait",
    "Waits; use it instead of sleep. Ends early when the command ends that you name, or when the person writes to you.",
    seconds=("integer", f"At most {LONGEST_WAIT_S}."),
    id=("string?", "A command in the background; you get its new output, as from bash_output."),
)
