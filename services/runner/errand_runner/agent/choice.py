"""Which model a task is for, and how it is asked: what people chose, as far as the model's service has it."""

from dataclasses import dataclass

from errand_runner.agent.blocks import Block
from errand_runner.agent.exchange import ModelError
from errand_runner.agent.model import Abilities, Model
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prompt import SYSTEM
from errand_runner.agent.tools import DEFINITIONS

# A sentence for people names no more.
_NAMED = 8


@dataclass(frozen=True)
class Choice:
    """A model's id; effort and display of its thoughts in the words of its API, empty for the model's own. The
    model of `fallback` goes on where the first declines; empty: none does. `cure` says what a person does
    about a model that there is not."""

    model: str
    effort: str = ""
    thinking_display: str = ""
    fallback: str = ""
    cure: str = "choose one of them in the project's settings, then send the task on"


class NoSuchModel(Exception):
    """The service does not have the model that was chosen; the message says which it has and what to do."""


async def settle_prefix(model: Model, choice: Choice) -> Prefix:
    """Makes a new task's prefix: today's prompt and tools, and of what was chosen all that the model can take.

    Raises NoSuchModel while there is still another to be chosen: a task's prefix never changes.
    """
    for each in filter(None, (choice.model, choice.fallback)):
        await _check(model, each, choice.cure)
    abilities = await model.abilities(choice.model)
    return Prefix.freeze(
        model=choice.model,
        max_tokens=abilities.max_tokens,
        system=SYSTEM,
        tools=DEFINITIONS,
        thinking=_thinking(abilities, choice.thinking_display),
        effort=_effort(abilities, choice.effort),
    )


async def prefix_for(model: Model, model_id: str, before: Prefix) -> Prefix:
    """Makes the beginning for another model: system prompt and tools are those that the task began with."""
    abilities = await model.abilities(model_id)
    return before.for_model(
        model_id,
        max_tokens=abilities.max_tokens,
        thinking=_thinking(abilities, before.thinking_display),
        effort=_effort(abilities, before.effort),
    )


def _thinking(abilities: Abilities, display: str) -> Block | None:
    """As the model gives its thoughts, shown in the way that was chosen, if one was."""
    thinking = abilities.thinking
    return thinking if thinking is None or not display else {**thinking, "display": display}


def _effort(abilities: Abilities, chosen: str) -> str:
    """What was chosen, where the model takes it; empty for its own."""
    return chosen if chosen in abilities.efforts else ""


async def _check(model: Model, model_id: str, cure: str) -> None:
    abilities = await model.abilities(model_id)
    if not abilities.known and (listed := await _listed(model)) and model_id not in listed:
        names = ", ".join(listed[:_NAMED])
        raise NoSuchModel(f"the model's service at {model.address} has no {model_id}; it has {names}: {cure}")


async def _listed(model: Model) -> tuple[str, ...]:
    try:
        return tuple(await model.models())
    except ModelError:
        # What is the matter is told by the first request, which can wait for it.
        return ()
