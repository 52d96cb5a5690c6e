"""The real loop, the real SDK and a real supervisor process; Claude and time are scripted."""

import asyncio
import itertools
import json
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from errand_runner.agent.agent import Agent
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.facts import (
    ConversationShortened,
    Fact,
    MessageAppended,
    ModelChanged,
    PrefixFrozen,
    ToolFinished,
    ToolStarted,
    TurnEnded,
)
from errand_runner.agent.leaving import Leaving, Stopper
from errand_runner.agent.loop import run_turn
from errand_runner.agent.model import Model
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prices import PriceList
from errand_runner.agent.prompt import follow_up
from errand_runner.agent.redact import Redactor
from errand_runner.agent.retry import Patience
from errand_runner.agent.said import Answer, Said
from errand_runner.agent.tools import Toolbox
from errand_runner.agent.transcript import CallRecord, Message, ToolResult, Transcript
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import ClaudeStandin, Script

MODEL = "claude-sonnet-5-5"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "ghs_c0ffeec0ffeec0ffee"


def make_model(
    claude: ClaudeStandin, *, key: str = "", request_limit_s: float = 20.0, silence_s: float = 20.0
) -> Model:
    return Model(
        api_key=key or claude.key,
        base_url=claude.url,
        request_limit_s=request_limit_s,
        silence_s=silence_s,
        utcnow=lambda: NOON,
    )


class Time:
    """Stands still but for the sleeps, which take no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now_s(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class Record:
    """What a durable store would hold of the facts: the only thing that survives a crash."""

    prefix: bytes = b""
    messages: list[MessageAppended] = field(default_factory=list)
    kept: list[Message] = field(default_factory=list)
    """All messages, those that take the place of others too."""
    calls: dict[str, ToolFinished | None] = field(default_factory=dict)

    def keep(self, fact: Fact) -> None:
        match fact:
            case PrefixFrozen() | ModelChanged():
                self.prefix = fact.prefix.to_bytes()
            case MessageAppended():
                self.messages.append(fact)
                self.kept.append(Message(fact.message_id, fact.role, fact.content))
            case ConversationShortened():
                self.kept.append(fact.message)
            case ToolStarted():
                self.calls[fact.tool_use_id] = None
            case ToolFinished():
                self.calls[fact.tool_use_id] = fact

    def restore(self) -> Transcript:
        calls = [CallRecord(call, _result(finished)) for call, finished in self.calls.items()]
        return Transcript.restore(Prefix.from_bytes(self.prefix), self.kept, calls)


@dataclass
class Errand:
    """One task: a conversation, what it recorded, and everything around it."""

    claude: ClaudeStandin
    agent: Agent
    transcript: Transcript
    time: Time
    folder: Path
    steers: list[Said] = field(default_factory=list)
    """What a person says in mid-work: the next comes at the next boundary."""
    answers: list[Answer] = field(default_factory=list)
    """What a person answers in time: the next for the next question."""
    record: Record = field(default_factory=Record)
    facts: list[Fact] = field(default_factory=list)

    async def turn(self, words: str, *, answer: Answer | None = None) -> TurnEnded:
        """Says something, or answers what was asked, and lets the turn run to its end."""
        said = replace(saying(words), answer=answer)
        async with aclosing(run_turn(self.agent, self.transcript, said)) as facts:
            async for fact in facts:
                self.facts.append(fact)
                self.record.keep(fact)
        ended = self.facts[-1]
        assert isinstance(ended, TurnEnded)
        return ended

    async def turn_until_crash(self, words: str, *, facts: int) -> bool:
        """Runs until so many facts are kept, then loses all but the record. Says whether it ended before that."""
        async with aclosing(run_turn(self.agent, self.transcript, saying(words))) as stream:
            async for fact in stream:
                self.record.keep(fact)
                facts -= 1
                if isinstance(fact, TurnEnded):
                    return True
                if facts == 0:
                    break
        if self.record.prefix:
            self.transcript = self.record.restore()
        else:
            self.transcript = Transcript(self.transcript.prefix)
        return False

    async def stopped(
        self, words: str, *, at: Callable[[Fact], bool], by: Stopper | None = Stopper.PERSON, cancels: bool = False
    ) -> list[Fact]:
        """Says something, and ends the turn once it has told such a fact: by closing it there, or by cancelling it
        while it does what comes next. Gives what the turn left; the record is all that is left of it."""
        left: list[Fact] = []
        agent = replace(self.agent, leaving=Leaving(stopper=lambda: by, leave=left.append))

        async def told() -> None:
            async with aclosing(run_turn(agent, self.transcript, saying(words))) as facts:
                async for fact in facts:
                    self.record.keep(fact)
                    if at(fact) and not cancels:
                        return
                    if at(fact):
                        asyncio.get_running_loop().call_later(0.05, task.cancel)

        task = asyncio.ensure_future(told())
        await asyncio.wait([task], timeout=10)
        assert task.done(), "a turn that is stopped ends at once"
        assert task.cancelled() is cancels
        for fact in left:
            self.record.keep(fact)
        self.transcript = self.record.restore()
        return left

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The messages of the latest request."""
        messages: Sequence[Mapping[str, Any]] = self.claude.requests[-1]["messages"]
        return messages

    @property
    def recorded(self) -> Sequence[Mapping[str, Any]]:
        """The stored messages, as a request carries them."""
        return [{"role": fact.role, "content": json.loads(fact.content)} for fact in self.record.messages]

    @property
    def results(self) -> Sequence[Mapping[str, Any]]:
        """The tool results in the last message of the latest request."""
        return [block for block in self.messages[-1]["content"] if block["type"] == "tool_result"]


def saying(words: str) -> Said:
    """What a person says at a turn's beginning; nothing when there are no words."""
    return Said(follow_up(words, Redactor())) if words else Said()


@asynccontextmanager
async def errand(
    script: Script,
    supervisor: Supervisor,
    folder: Path,
    *,
    max_requests: int = 50,
    longest_delay_s: float = math.inf,
    context_tokens: int = 1_000_000,
    request_limit_s: float = 20.0,
    patience: Patience | None = None,
    fallback_model: str = "",
) -> AsyncGenerator[Errand]:
    (folder / "work").mkdir()
    (folder / "tmp").mkdir()
    time, ids, steers, answers = Time(), itertools.count(1), list[Said](), list[Answer]()

    async def answered() -> Answer | None:
        return answers.pop(0) if answers else None

    async with (
        ClaudeStandin(script, context_tokens=context_tokens) as claude,
        closing(make_model(claude, request_limit_s=request_limit_s)) as model,
    ):
        agent = Agent(
            model=model,
            tools=Toolbox(
                supervisor,
                workspace=str(folder / "work"),
                scratch=str(folder / "tmp"),
                redactor=Redactor([SECRET, claude.key]),
            ),
            prices=PriceList.load(),
            new_id=lambda prefix: f"{prefix}_{next(ids)}",
            steers=lambda: steers.pop(0) if steers else Said(),
            answered=answered,
            longest_delay_s=longest_delay_s,
            patience=patience or Patience(),
            fallback_model=fallback_model,
            max_requests=max_requests,
            now_s=time.now_s,
            utcnow=lambda: NOON + timedelta(seconds=time.now_s()),
            sleep=time.sleep,
            chance=lambda: 0.5,
        )
        transcript = Transcript(await settle_prefix(model, Choice(MODEL)))
        yield Errand(claude, agent, transcript, time, folder / "work", steers=steers, answers=answers)


@asynccontextmanager
async def closing(model: Model) -> AsyncGenerator[Model]:
    try:
        yield model
    finally:
        await model.close()


def _result(finished: ToolFinished | None) -> ToolResult | None:
    return ToolResult(finished.tool_use_id, finished.output, finished.is_error) if finished else None
