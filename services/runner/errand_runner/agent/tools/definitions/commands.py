"""Commands, as Claude may give them."""

from typing import Annotated

from pydantic import Field

from errand_runner.agent.tools.definitions.schema import Input, Words, tool

DEFAULT_TIMEOUT_S = 120
LONGEST_TIMEOUT_S = 600


class BashInput(Input):
    """For `bash`."""

    command: Words
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_S)] = DEFAULT_TIMEOUT_S


BASH = tool(
    "bash",
    "Runs a command with bash in the sandbox and gives its output, exit code and duration. Every call is a fresh "
    "shell: the working folder is kept, variables and functions are not. Stdin is empty. Processes left in the "
    "background end with the command. Of long output you get the beginning and the end, and the "
    "path of a file with all of it.",
    command=("string", "The command or script."),
    timeout_s=(
        "integer?",
        f"Seconds until the command and all it started are killed; {DEFAULT_TIMEOUT_S} unless given, "
        f"at most {LONGEST_TIMEOUT_S}.",
    ),
)
