"""What a turn works with."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from errand_runner.agent.allowance import Amounts
from errand_runner.agent.leaving import Leaving
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.agent.purse import Purse
from errand_runner.agent.retry import Patience
from errand_runner.agent.said import Answer, Said
from errand_runner.agent.tools import Outcome
from errand_runner.agent.transcript import ToolCall


class Tools(Protocol):
    """Runs what Claude asks for."""

    def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        """Gives live pieces of output, and last the outcome. Closing the generator ends the tool."""

    async def end_turn(self) -> None:
        """The turn is over: ends what still runs."""


async def _nobody() -> Answer | None:
    return None


async def _unraised(limits: Amounts) -> bool:
    """Nobody raises anything in time."""
    return False


async def _no_gate() -> None:
    """Always open."""


def _unheard(tool_use_id: str) -> None:
    """Nobody prepares for an answer."""


def _utcnow() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Agent:
    """The model, the tools, and what is asked of others.

    `new_id` makes an id of a prefix; `steers` gives what a person said in mid-work since it was last asked, once;
    `asks` hears the call of a question before the person does: what was said until then is no answer to it; `answered`
    waits for the person's answer as long as the sandbox is kept for it, and gives None after that; `purse` knows what
    may still be spent; `raised` waits as long for the person to change these limits, and says whether that was done; a
    wait for the model's service of more than `longest_delay_s` is not sat out; `gate` is awaited before each request to
    the model and each tool, and returns when the attempt may act; `fallback_model` goes on once where the model
    declines, empty: none does; `leaving` hears of what a turn that breaks off has under way. The last four are time and
    chance, injected.
    """

    model: Model
    tools: Tools
    prices: PriceList
    new_id: Callable[[str], str]
    steers: Callable[[], Said] = Said
    asks: Callable[[str], None] = _unheard
    answered: Callable[[], Awaitable[Answer | None]] = _nobody
    purse: Purse = field(default_factory=Purse)
    raised: Callable[[Amounts], Awaitable[bool]] = _unraised
    gate: Callable[[], Awaitable[None]] = _no_gate
    leaving: Leaving = field(default_factory=Leaving)
    fallback_model: str = ""
    patience: Patience = field(default_factory=Patience)
    max_requests: int = 300
    longest_delay_s: float = 120.0
    now_s: Callable[[], float] = time.monotonic
    utcnow: Callable[[], datetime] = _utcnow
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
