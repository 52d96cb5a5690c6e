"""The tools as Claude sees them. Their order and wording are part of every task's frozen prefix."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from errand_runner.agent.transcript import Block

DEFAULT_TIMEOUT_S = 120
LONGEST_TIMEOUT_S = 600


def _encodable(text: str) -> str:
    """A lone surrogate is legal in JSON and in Python, and in no file."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a surrogate pair, which is no character")
    return text


def _without_nul(text: str) -> str:
    """No path, argument or variable of the kernel can hold one."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


_Text = Annotated[str, AfterValidator(_encodable)]
_Words = Annotated[_Text, Field(min_length=1), AfterValidator(_without_nul)]


class Input(BaseModel):
    """What Claude gives a tool; anything else is refused with words that it can act on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class BashInput(Input):
    """For `bash`."""

    command: _Words
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_S)] = DEFAULT_TIMEOUT_S


class ReadInput(Input):
    """For `read`; lines count from 1."""

    path: _Words
    first_line: Annotated[int, Field(ge=1)] = 1
    line_count: Annotated[int, Field(ge=1)] = 2_000


class WriteInput(Input):
    """For `write`."""

    path: _Words
    content: _Text


class EditInput(Input):
    """For `edit`."""

    path: _Words
    old_text: Annotated[_Text, Field(min_length=1)]
    new_text: _Text
    replace_all: bool = False


class AskUserInput(Input):
    """For `ask_user`."""

    question: Annotated[_Words, Field(max_length=2_000)]
    choices: Annotated[tuple[Annotated[_Words, Field(max_length=100)], ...], Field(max_length=10, strict=False)] = ()


ASK_USER = "ask_user"

INPUTS: dict[str, type[Input]] = {
    "bash": BashInput,
    "read": ReadInput,
    "write": WriteInput,
    "edit": EditInput,
    ASK_USER: AskUserInput,
}


def _tool(name: str, description: str, **properties: tuple[str, str]) -> Block:
    """Writes a schema that strict mode accepts; a property is its JSON type (`s`: a list of it; `?`: optional) and its
    meaning."""
    return {
        "name": name,
        "description": description,
        "strict": True,
        "input_schema": {
            "type": "object",
            "properties": {
                key: _type(kind.removesuffix("?")) | {"description": meaning}
                for key, (kind, meaning) in properties.items()
            },
            "required": [key for key, (kind, _) in properties.items() if not kind.endswith("?")],
            "additionalProperties": False,
        },
    }


def _type(kind: str) -> dict[str, object]:
    if kind.endswith("s"):
        return {"type": "array", "items": {"type": kind.removesuffix("s")}}
    return {"type": kind}


_PATH = ("string", "Absolute, or relative to the folder that the last command ended in.")

DEFINITIONS: tuple[Block, ...] = (
    _tool(
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
    ),
    _tool(
        "read",
        "Reads a text file and gives its lines with their numbers. Use it before you edit a file.",
        path=_PATH,
        first_line=("integer?", "The first line to give; 1 unless given."),
        line_count=("integer?", "How many lines to give at most; 2000 unless given."),
    ),
    _tool(
        "write",
        "Writes a whole file, with its folders, replacing what was there. For a change in a file, use edit.",
        path=_PATH,
        content=("string", "The whole content."),
    ),
    _tool(
        "edit",
        "Replaces text in a file and shows the lines around the change. The text must be there exactly once, to the "
        "character, without line numbers; add lines around it to make it unique. Refused when the file changed since "
        "you last read it.",
        path=_PATH,
        old_text=("string", "The text to replace."),
        new_text=("string", "What to put in its place."),
        replace_all=("boolean?", "True replaces every occurrence; false unless given."),
    ),
    _tool(
        ASK_USER,
        "Asks the person and waits for the answer, which may take days. Ask only what you cannot find out yourself and "
        "must know to go on: one question, short, with what you found and what you would do. If the answer takes long, "
        "the sandbox is closed meanwhile: processes end, files are kept.",
        question=("string", "The question, in Markdown, at most 2000 characters."),
        choices=("strings?", "Answers to choose from, at most 10, each at most 100 characters; any other may come."),
    ),
)
