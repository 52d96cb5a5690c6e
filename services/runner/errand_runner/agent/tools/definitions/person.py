"""What Claude may want of the person."""

from typing import Annotated

from pydantic import Field

from errand_runner.agent.tools.definitions.schema import Input, Words, tool

ASK_USER = "ask_user"


class AskUserInput(Input):
    """For `ask_user`."""

    question: Annotated[Words, Field(max_length=2_000)]
    choices: Annotated[tuple[Annotated[Words, Field(max_length=100)], ...], Field(max_length=10, strict=False)] = ()


ASK = tool(
    ASK_USER,
    "Asks the person and waits for the answer, which may take days. Ask only what you cannot find out yourself and "
    "must know to go on: one question, short, with what you found and what you would do. If the answer takes long, "
    "the sandbox is closed meanwhile: processes end, files are kept.",
    question=("string", "The question, in Markdown, at most 2000 characters."),
    choices=("strings?", "Answers to choose from, at most 10, each at most 100 characters; any other may come."),
)
