"""How scripted work goes, and what a host gives it."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.book import Book
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.journal import Journal
from errand_runner.lease import Leases
from tests.sim.outside import Outside


@dataclass
class Temper:
    """How the scripted work goes: chances per attempt or turn; `pace_s` is the mean time of a step."""

    pace_s: float = 2.0
    start_s: float = 3.0
    fail_early: float = 0.0
    fail_late: float = 0.0
    crash: float = 0.0
    ask: float = 0.0
    quota: float = 0.0
    allowance: float = 0.0
    tools_most: int = 3
    turns_most: int = 2
    large: float = 0.0
    hang: float = 0.0
    poison: float = 0.0
    delays: float = 0.0
    gaps: float = 0.0
    wrong: float = 0.0
    stumble: float = 0.0
    engine_away: float = 0.0
    token_refused: float = 0.0
    costly: bool = False
    """Whether replies take time and cost more or less: where money is limited."""

    def calm(self) -> None:
        """From now on everything goes well and comes to an end."""
        self.fail_early = self.fail_late = self.crash = self.hang = self.quota = self.allowance = 0.0
        self.ask = self.poison = self.wrong = self.stumble = self.engine_away = self.token_refused = 0.0
        self.start_s = min(self.start_s, 3.0)
        self.pace_s = min(self.pace_s, 2.0)


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a host gives its attempts."""

    host: str
    dispatch: Dispatch
    deltas: Deltas
    leases: Leases
    clock: Clock
    ids: Ids
    chance: random.Random
    outside: Outside
    temper: Temper
    engine: Any
    journal: Journal
    book: Book
    socket_root: Path
