"""The network between the simulated processes: it delays, cuts and doubles, and never shares an object."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from tests.sim.process import CURRENT, Process

KEEPALIVE_S = (10.0, 15.0)
"""Between these a peer that is cut off is noticed (errand_common.rpc)."""


@dataclass
class Weather:
    """What the network does to messages; all chances are per message or call."""

    latency_s: float = 0.002
    jitter_s: float = 0.0
    lose_request: float = 0.0
    lose_reply: float = 0.0
    double: float = 0.0
    double_late_s: float = 1.0
    cut_stream: float = 0.0

    def calm(self) -> None:
        """Fair from now on."""
        self.jitter_s = self.lose_request = self.lose_reply = self.double = self.cut_stream = 0.0


@dataclass
class Link:
    """One host's way to the scheduler. A blocked direction holds what is sent; long enough, both ends notice."""

    name: str
    up_blocked: bool = False
    down_blocked: bool = False
    held: list[tuple[bool, Callable[[], None]]] = field(default_factory=list)
    pipes: dict[int, "Pipe"] = field(default_factory=dict)

    def blocked(self, up: bool) -> bool:
        """Whether nothing passes that way."""
        return self.up_blocked if up else self.down_blocked

    @property
    def broken(self) -> bool:
        """Whether anything is blocked."""
        return self.up_blocked or self.down_blocked


class Pipe:
    """One call's two ways; each keeps the order of what is sent on it."""

    def __init__(self, network: "Network", link: Link, number: int) -> None:
        self.network, self.link, self.number = network, link, number
        self.open = True
        self.on_client_lost: Callable[[], None] = lambda: None
        self.on_server_lost: Callable[[], None] = lambda: None
        self._free_s = {True: 0.0, False: 0.0}
        self._queues: dict[bool, deque[Callable[[], None]]] = {True: deque(), False: deque()}
        link.pipes[number] = self

    def send(self, up: bool, deliver: Callable[[], None]) -> None:
        """Deliver after what was sent before, unless the pipe breaks first."""
        loop = asyncio.get_running_loop()
        when = max(self._free_s[up], loop.time() + self.network.delay_s())
        self._free_s[up] = when
        self._queues[up].append(deliver)
        loop.call_at(when, self._arrive, up, context=self.network.nowhere())

    def close(self) -> None:
        """Nothing more arrives."""
        self.open = False
        self.link.pipes.pop(self.number, None)

    def lose(self) -> None:
        """The connection breaks: both ends find out, each on its own."""
        if self.open:
            self.close()
            loop = asyncio.get_running_loop()
            loop.call_later(self.network.delay_s(), self.on_client_lost, context=self.network.nowhere())
            loop.call_later(self.network.delay_s(), self.on_server_lost, context=self.network.nowhere())

    def _arrive(self, up: bool) -> None:
        if not self.open:
            return
        if self.link.blocked(up):
            self.link.held.append((up, lambda: self._arrive(up)))
            return
        queue = self._queues[up]
        if queue:
            queue.popleft()()


class Network:
    """All links, one server at the end of them."""

    def __init__(self, chance: random.Random, weather: Weather, *, step: Callable[[str], None]) -> None:
        self.chance, self.weather, self.step = chance, weather, step
        self.server: Any = None
        self._links: dict[str, Link] = {}
        self._count = 0
        self._nowhere = Process("network")._context.copy()
        self._nowhere.run(_leave)

    def nowhere(self) -> Any:
        """The context of what happens in no process."""
        return self._nowhere.copy()

    def link(self, name: str) -> Link:
        """The host's link."""
        return self._links.setdefault(name, Link(name))

    def links(self) -> list[Link]:
        """Every link."""
        return list(self._links.values())

    def pipe(self, link: Link) -> Pipe:
        """A new call's."""
        self._count += 1
        return Pipe(self, link, self._count)

    def delay_s(self) -> float:
        """How long a message takes."""
        weather = self.weather
        if not weather.jitter_s:
            return weather.latency_s
        return weather.latency_s + self.chance.random() ** 4 * weather.jitter_s

    def happens(self, chance: float) -> bool:
        """Whether something of this chance happens now."""
        return chance > 0 and self.chance.random() < chance

    def block(self, link: Link, *, up: bool, down: bool) -> None:
        """Stop what goes up, what comes down, or both; after the keepalive time the open calls break."""
        link.up_blocked, link.down_blocked = up, down
        for pipe in list(link.pipes.values()):
            asyncio.get_running_loop().call_later(
                self.chance.uniform(*KEEPALIVE_S), self._notice, pipe, context=self.nowhere()
            )

    def heal(self, link: Link) -> None:
        """Let everything pass again."""
        link.up_blocked = link.down_blocked = False
        held, link.held = link.held, []
        for _, arrive in held:
            arrive()

    def lose_all(self, link: Link | None = None) -> None:
        """Every open call of a link, or of all links, breaks: a process at one end died."""
        for each in [link] if link is not None else self.links():
            for pipe in list(each.pipes.values()):
                if each.broken:
                    asyncio.get_running_loop().call_later(
                        self.chance.uniform(*KEEPALIVE_S), pipe.lose, context=self.nowhere()
                    )
                else:
                    pipe.lose()

    def _notice(self, pipe: Pipe) -> None:
        if pipe.link.broken:
            pipe.lose()


def _leave() -> None:
    CURRENT.set(None)


def transport_error(code: grpc.StatusCode, words: str) -> grpc.aio.AioRpcError:
    """What grpc raises where no server answered."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), words, words)
