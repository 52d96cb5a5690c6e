"""What Claude may want of the person, and show them."""

from typing import Annotated

from pydantic import Field

from errand_common.values import TodoState
from errand_runner.agent.tools.definitions.schema import Input, Words, shape, tool

ASK_USER = "ask_user"


class AskUserInput(Input):
    """For `ask_user`."""

    question: Annotated[Words, Field(max_length=2_000)]
    choices: Annotated[tuple[Annotated[Words, Field(max_length=100)], ...], Field(max_length=10, strict=False)] = ()


class TodoItem(Input):
    """A point of the list."""

    text: Annotated[Words, Field(max_length=200)]
    state: Annotated[TodoState, Field(strict=False)]


class TodoInput(Input):
    """For `todo`."""

    items: Annotated[tuple[TodoItem, ...], Field(max_length=50, strict=False)]


class CreatePullRequestInput(Input):
    """For `create_pull_request`."""

    title: Annotated[Words, Field(max_length=200)]
    body: Annotated[Words, Field(max_length=20_000)]


ASK = tool(
    ASK_USER,
    "Asks the person and waits for the answer, which may take days. Ask only what you cannot find out yourself and "
    "must know to go on: one question, short, with what you found and what you would do. If the answer takes long, "
    "the sandbox is closed meanwhile: processes end, files are kept.",
    question=("string", "The question, in Markdown, at most 2000 characters."),
    choices=("strings?", "Answers to choose from, at most 10, each at most 100 characters; any other may come."),
)

_ITEM = shape(
    text=("string", "What is to be done, in a few plain words; at most 200 characters."),
    state=({"type": "string", "enum": [state.value for state in TodoState]}, "How far it is."),
)

TODO = tool(
    "todo",
    "Writes down what there is to do, as the person sees it on their phone. Use it for an errand of three steps or "
    "more, and write it anew as soon as one is begun or done. Give the whole list each time.",
    items=({"type": "array", "items": _ITEM}, "All points in order, at most 50; one of them in progress at a time."),
)

CREATE_PULL_REQUEST = tool(
    "create_pull_request",
    "Pushes what is committed on this branch and opens its pull request, with your title and body. Commit first. "
    "Called again it pushes what is new, and the new title and body take the place of those that you gave before. "
    "Later commits are added to it when you stop. Without it one is opened then, with the person's words for a title.",
    title=("string", "In the project's manner, at most 200 characters."),
    body=("string", "What changes and why, and how you checked it, in Markdown; at most 20000 characters."),
)
