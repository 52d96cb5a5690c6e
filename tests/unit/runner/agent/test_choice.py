"""A new task's prefix holds what people chose, as far as the model can take it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from errand_runner.agent.choice import Choice, NoSuchModel, settle_prefix
from errand_runner.agent.model import Model
from tests.standins.claude import ClaudeStandin, in_turn
from tests.unit.runner.agent.harness import MODEL, closing, make_model


@asynccontextmanager
async def service(*, has_models: bool = True) -> AsyncGenerator[Model]:
    async with ClaudeStandin(in_turn(), has_models=has_models) as claude, closing(make_model(claude)) as model:
        yield model


async def test_effort_and_display_are_asked_for() -> None:
    async with service() as model:
        prefix = await settle_prefix(model, Choice(MODEL, effort="xhigh", thinking_display="omitted"))
    assert prefix.params["output_config"] == {"effort": "xhigh"}
    assert prefix.params["thinking"] == {"type": "adaptive", "display": "omitted"}


async def test_what_is_not_chosen_is_the_models_own() -> None:
    async with service() as model:
        prefix = await settle_prefix(model, Choice(MODEL))
    assert "output_config" not in prefix.params
    assert prefix.thinking_display == "summarized"


async def test_an_effort_that_the_model_does_not_have_is_left_out() -> None:
    async with service() as model:
        prefix = await settle_prefix(model, Choice(MODEL, effort="heroic"))
    assert prefix.effort == ""


async def test_a_model_that_the_service_does_not_have_is_refused_before_anything_is_settled() -> None:
    async with service() as model:
        with pytest.raises(NoSuchModel, match=r"no claude-nonsuch; it has claude-sonnet-5-5, .* project's settings"):
            await settle_prefix(model, Choice("claude-nonsuch"))


async def test_another_model_that_the_service_does_not_have_is_refused_too() -> None:
    async with service() as model:
        with pytest.raises(NoSuchModel, match=r"no claude-nonsuch; it has .*: start a new task"):
            await settle_prefix(model, Choice(MODEL, fallback="claude-nonsuch", cure="start a new task"))
        assert (await settle_prefix(model, Choice(MODEL, fallback="claude-haiku-5-5"))).model == MODEL


async def test_a_service_that_lists_no_models_is_believed_to_have_it() -> None:
    async with service(has_models=False) as model:
        prefix = await settle_prefix(model, Choice("their-model", effort="high"))
    assert (prefix.model, prefix.effort, prefix.thinking_display) == ("their-model", "", "")
