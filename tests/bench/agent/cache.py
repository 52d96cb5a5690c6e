"""How much of what a request repeats is read from the model's cache, by the rules as the stand-in has them."""

from contextlib import aclosing

from errand_runner.agent.agent import Agent
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.facts import EndReason, Fact, MessageAppended, TurnEnded
from errand_runner.agent.loop import run_turn
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.agent.prompt import follow_up
from errand_runner.agent.redact import Redactor
from errand_runner.agent.said import Said
from errand_runner.agent.transcript import Transcript
from tests.bench.agent.loops import QuickTools
from tests.bench.agent.script import MODEL, TURNS, WORDS, command
from tests.bench.rows import Table
from tests.standins.claude import ClaudeStandin, Reply, Request, Script, Text, ToolUse
from tests.standins.claude.prefix import chain_of


async def measure_cache(table: Table) -> None:
    """Sessions of one call a turn, and of many calls a turn: the share that was read of each request before."""
    for calls in (1, 12):
        share = await _share(calls)
        what = "a call" if calls == 1 else f"{calls} calls"
        table.add(
            f"read from the model's cache, {TURNS} turns of {what}", share, unit="of 1", goal="0.98 or more: a share"
        )


async def _share(calls: int) -> float:
    facts: list[Fact] = []
    async with ClaudeStandin(_script(calls)) as claude:
        model = Model(api_key=claude.key, base_url=claude.url)
        try:
            transcript = Transcript(await settle_prefix(model, Choice(MODEL)))
            ids = iter(range(1_000_000))
            agent = Agent(
                model=model, tools=QuickTools(), prices=PriceList.load(), new_id=lambda kind: f"{kind}_{next(ids)}"
            )
            said = Said(follow_up("Go through the steps.", Redactor()))
            async with aclosing(run_turn(agent, transcript, said)) as turn:
                facts += [fact async for fact in turn]
        finally:
            await model.close()
    assert isinstance(facts[-1], TurnEnded)
    assert facts[-1].reason is EndReason.COMPLETED
    usages = [fact.usage for fact in facts if isinstance(fact, MessageAppended) and fact.usage is not None]
    assert len(usages) == len(claude.requests) == TURNS + 1
    reusable = [chain_of(request).tokens for request in claude.requests[:-1]]
    return sum(usage.cache_read_tokens for usage in usages[1:]) / sum(reusable)


def _script(calls: int) -> Script:
    def script(request: Request) -> Reply:
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn == TURNS:
            return Reply([Text("Done.")])
        asked = [ToolUse("bash", {"command": command(turn * calls + place)}) for place in range(calls)]
        return Reply([Text(WORDS), *asked])

    return script
