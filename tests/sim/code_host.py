"""The code host, as the scheduler meets it: slow, away, or with other ideas of who may do what."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from errand_common.errors import Unavailable
from errand_scheduler.access.rights import Answer, Right
from errand_scheduler.durations import Durations
from errand_scheduler.github import PullRequest, TokenRefused
from tests.sim.clock import HostClock
from tests.sim.temper import Temper


@dataclass
class GitHubMood:
    """How the code host answers: seconds that a question takes, and the chance that it does not answer."""

    slow_s: float = 0.0
    away: float = 0.0
    denied: frozenset[str] = frozenset()
    """Who may not push."""
    moves_branch: float = 0.0


class Rights:
    """At the door of `rights`: everybody may push; sometimes that is known late, or not just now."""

    def __init__(self, durations: Durations, clock: HostClock, chance: random.Random, mood: GitHubMood) -> None:
        self._clock, self._chance, self._mood, self._retry_s = clock, chance, mood, durations.github_retry_s
        self._answers: dict[tuple[str, str], tuple[Answer, float]] = {}

    def known(self, user: str, project: str) -> Answer | None:
        answer, until_s = self._answers.get((user, project), (None, 0.0))
        return answer if self._clock.boot_s() < until_s else None

    def remember(self, user: str, project: str, answer: Answer) -> None:
        kept_s = 300.0 if answer.right is Right.PUSH else self._retry_s
        self._answers[user, project] = (answer, self._clock.boot_s() + kept_s)

    def forget(self, user: str) -> None:
        self._answers = {key: value for key, value in self._answers.items() if key[0] != user}

    async def ask(self, user: str, project: str) -> Answer:
        if self._mood.slow_s:
            await asyncio.sleep(self._chance.random() * self._mood.slow_s)
        away = self._chance.random() < self._mood.away
        branch = "trunk" if self._chance.random() < self._mood.moves_branch else ""
        answer = Answer(Right.UNKNOWN, "GitHub does not answer") if away else Answer(Right.PUSH, "", branch)
        if user in self._mood.denied:
            return Answer(Right.NONE, "you may not push there")
        self.remember(user, project, answer)
        return answer

    def limits(self, user: str, project: str) -> str:
        """Nothing is out of reach."""
        return ""


class Tokens:
    """At the door of `user_tokens`: there is one for everybody, mostly."""

    def __init__(self, github: "GitHub") -> None:
        self._github = github

    async def run(self) -> None:
        """Nothing to renew."""
        await asyncio.Event().wait()

    async def current(self, user: str) -> str:
        self._github.check_there()
        return f"token of {user}"

    async def next_after(self, user: str, refused: str) -> str:
        raise TokenRefused("GitHub does not take your token; sign in again")

    async def using(self, user: str, call: Callable[[str], Awaitable[Any]]) -> Any:
        return await call(await self.current(user))


class GitHub:
    """What little of GitHub's API attempts need."""

    def __init__(self, chance: random.Random, temper: Temper, mood: GitHubMood) -> None:
        self._chance, self._temper, self._mood = chance, temper, mood

    async def account(self, token: str) -> None:
        """The token is good, mostly."""
        self._check()

    def check_there(self) -> None:
        """It answers, mostly."""
        if self._chance.random() < self._mood.away:
            raise Unavailable("GitHub does not answer", reason="GITHUB_UNAVAILABLE")

    def _check(self) -> None:
        if self._temper.token_refused and self._chance.random() < self._temper.token_refused:
            raise TokenRefused("GitHub does not take your token; sign in again")

    async def settle_pull_request(self, token: str, proposal: Any) -> Any:
        self._check()

        return PullRequest(url=f"https://git.test/{proposal.head}", number=1)
