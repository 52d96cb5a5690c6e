"""A crowd of people with many live sockets each, which come back as the page does when they are cut off."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import websockets

from errand.v1 import account_service_pb2
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand_common import rpc
from errand_common.credentials import read_secret
from tests.demo.phone import Json, Phone
from tests.demo.stack import REPOSITORY, Stack
from tests.standins.github.remote import RemoteGitHub

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 15.0
SETTLED_S = 5.0
"""As the page's live.js has them; a test compares."""
WITHIN_S = 60.0


def logins(count: int) -> list[str]:
    """Whom the scheduler is to let in."""
    return [f"person{number}" for number in range(count)]


@dataclass
class Watcher:
    """One socket on one task, opened again whenever it is cut."""

    phone: Phone
    task: Json
    chance: random.Random
    events: list[Json] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)
    """When it was caught up, each time."""
    tries: int = 0
    is_up: bool = False

    async def follow(self) -> None:
        """For ever."""
        failures = 0
        while True:
            began_s = time.monotonic()
            try:
                self.tries += 1
                await self._watch()
            except (OSError, httpx2.HTTPError, websockets.WebSocketException):
                pass
            self.is_up = False
            failures = 1 if time.monotonic() - began_s > SETTLED_S else failures + 1
            await asyncio.sleep(retry_s(failures, self.chance))

    async def _watch(self) -> None:
        cursor = self.events[-1]["cursor"] if self.events else ""
        async with self.phone.live(self.task, cursor=cursor) as live:
            async for message in live:
                if message["type"] == "caught_up":
                    self.opened_s.append(time.monotonic())
                    self.is_up = True
                elif message["type"] == "event":
                    self.events.append(message["event"])


def retry_s(failures: int, chance: random.Random) -> float:
    """How long the page waits before it opens its socket again."""
    longest_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures - 1, 10))
    return longest_s * chance.uniform(0.5, 1.0)


@dataclass
class Crowd:
    """Each person has a task of their own, and as many sockets on it as they may."""

    phones: Sequence[Phone]
    tasks: Sequence[Json]
    watchers: Sequence[Watcher]

    async def until(self, holds: Callable[[Watcher], bool], *, within_s: float = WITHIN_S) -> None:
        """Wait until that is so of every socket."""
        async with asyncio.timeout(within_s):
            while not all(map(holds, self.watchers)):
                await asyncio.sleep(0.05)


@asynccontextmanager
async def crowd(
    stack: Stack, *, people: Sequence[str], sockets: int, prompt: str, chance: random.Random
) -> AsyncIterator[Crowd]:
    """All of them, watching from the beginning."""
    async with AsyncExitStack() as opened:
        phones = [await opened.enter_async_context(Phone.open(stack.gateway_url)) for _ in people]
        await _sign_in(stack, people, phones)
        tasks = [await phone.create_task(await phone.add_project(REPOSITORY), prompt) for phone in phones]
        watchers = [
            Watcher(phone, task, random.Random(chance.random()))
            for phone, task in zip(phones, tasks, strict=True)
            for _ in range(sockets)
        ]
        following = asyncio.gather(*(watcher.follow() for watcher in watchers))
        try:
            yield Crowd(phones, tasks, watchers)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _sign_in(stack: Stack, people: Sequence[str], phones: Sequence[Phone]) -> None:
    """With a token of GitHub's each, as the gateway does once a person came back from there."""
    github, gateway = RemoteGitHub(stack.github), stack.folder / "scheduler" / "credentials" / "gateway"
    metadata = rpc.bearer(read_secret(gateway / "token"))
    async with rpc.channel(stack.scheduler_address, ca=(gateway / "ca.pem").read_bytes()) as channel:
        for login, phone in zip(people, phones, strict=True):
            await github.let_push(REPOSITORY, login)
            token = await github.issue_token(login)
            request = account_service_pb2.CompleteSignInRequest(github_access_token=token, client="test")
            answer = await AccountServiceStub(channel).CompleteSignIn(request, metadata=metadata, timeout=WITHIN_S)
            phone.access_token = answer.tokens.access_token
