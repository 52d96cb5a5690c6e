"""Reading, writing and changing a file, as Claude may ask for it."""

from typing import Annotated

from pydantic import Field

from errand_runner.agent.tools.definitions.schema import PATH, Input, Text, Words, tool


class ReadInput(Input):
    """For `read`; lines count from 1."""

    path: Words
    first_line: Annotated[int, Field(ge=1)] = 1
    line_count: Annotated[int, Field(ge=1)] = 2_000


class WriteInput(Input):
    """For `write`."""

    path: Words
    content: Text


class EditInput(Input):
    """For `edit`."""

    path: Words
    old_text: Annotated[Text, Field(min_length=1)]
    new_text: Text
    replace_all: bool = False


READ = tool(
    "read",
    "Reads a text file and gives its lines with their numbers, or shows you a picture (PNG, JPEG, GIF, WebP). Use it "
    "before you edit a file.",
    path=PATH,
    first_line=("integer?", "The first line to give; 1 unless given."),
    line_count=("integer?", "How many lines to give at most; 2000 unless given."),
)

WRITE = tool(
    "write",
    "Writes a whole file, with its folders, replacing what was there. For a change in a file, use edit.",
    path=PATH,
    content=("string", "The whole content."),
)

EDIT = tool(
    "edit",
    "Replaces text in a file and shows the lines around the change. The text must be there exactly once, to the "
    "character, without line numbers; add lines around it to make it unique. Refused when the file changed since "
    "you last read it.",
    path=PATH,
    old_text=("string", "The text to replace."),
    new_text=("string", "What to put in its place."),
    replace_all=("boolean?", "True replaces every occurrence; false unless given."),
)
