"""The tools as Claude sees them. Their order and wording are part of every task's frozen prefix."""

from errand_runner.agent.blocks import Block
from errand_runner.agent.tools.definitions.commands import (
    BASH,
    BASH_OUTPUT,
    KILL,
    WAIT,
    BashInput,
    BashOutputInput,
    KillInput,
    WaitInput,
)
from errand_runner.agent.tools.definitions.files import EDIT, READ, WRITE, EditInput, ReadInput, WriteInput
from errand_runner.agent.tools.definitions.person import (
    ASK,
    ASK_USER,
    CREATE_PULL_REQUEST,
    TODO,
    AskUserInput,
    CreatePullRequestInput,
    TodoInput,
)
from errand_runner.agent.tools.definitions.schema import Input
from errand_runner.agent.tools.definitions.search import GLOB, GREP, GlobInput, GrepInput

__all__ = [
    "ASK_USER",
    "DEFINITIONS",
    "INPUTS",
    "AskUserInput",
    "BashInput",
    "BashOutputInput",
    "CreatePullRequestInput",
    "EditInput",
    "GlobInput",
    "GrepInput",
    "Input",
    "KillInput",
    "ReadInput",
    "TodoInput",
    "WaitInput",
    "WriteInput",
]

INPUTS: dict[str, type[Input]] = {
    "bash": BashInput,
    "read": ReadInput,
    "write": WriteInput,
    "edit": EditInput,
    ASK_USER: AskUserInput,
    "glob": GlobInput,
    "grep": GrepInput,
    "bash_output": BashOutputInput,
    "kill": KillInput,
    "wait": WaitInput,
    "todo": TodoInput,
    "create_pull_request": CreatePullRequestInput,
}

# A task that is at work sends the ones that it began with: an input that any release had stays one.
DEFINITIONS: tuple[Block, ...] = (
    BASH,
    READ,
    WRITE,
    EDIT,
    ASK,
    GLOB,
    GREP,
    BASH_OUTPUT,
    KILL,
    WAIT,
    TODO,
    CREATE_PULL_REQUEST,
)
