"""A small internet: names with public addresses, and behind these servers of the test on the loopback interface."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from errand_common.values import EgressMode
from errand_runner.broker.broker import Egress
from errand_runner.broker.egress.ledger import Ledger, Use
from errand_runner.broker.egress.proxy import Bounds
from errand_runner.broker.egress.rules import Rules
from tests.certificates import Identity, identity
from tests.patience import ANSWER_S

PUBLIC = "93.184.216.34"
"""An address that the broker takes for one of the internet."""


@dataclass
class SmallInternet:
    """`names` have addresses, `servers` are ports of this host behind addresses. What was asked of it is kept."""

    names: dict[str, Sequence[str]] = field(default_factory=dict)
    servers: dict[str, int] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    resolved: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)

    async def resolve(self, host: str) -> Sequence[str]:
        self.resolved.append(host)
        if host not in self.names:
            raise OSError(f"{host} is not known")
        return self.names[host]

    def is_own(self, address: str) -> bool:
        return address in self.own

    async def connect(self, protocol: Callable[[], asyncio.Protocol], address: str, port: int) -> None:
        self.connected.append((address, port))
        if address not in self.servers:
            raise OSError(f"{address} does not answer")
        await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", self.servers[address])


class Noted:
    """What a broker told of its connections."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self._came = asyncio.Event()

    def note(self, use: Use) -> None:
        self.uses.append(use)
        self._came.set()

    async def next(self) -> Use:
        """The oldest that was not given yet."""
        async with asyncio.timeout(10):
            while not self.uses:
                self._came.clear()
                await self._came.wait()
        return self.uses.pop(0)


class NotedLedger(Ledger):
    """A ledger whose entries can be looked at as they are made."""

    def __init__(self) -> None:
        super().__init__(_tell)
        self.noted = Noted()

    def note(self, use: Use) -> None:
        super().note(use)
        self.noted.note(use)


async def _tell(uses: Sequence[Use]) -> None:
    """Nobody reads it."""


@dataclass
class Way:
    """A broker's way out, of which everything can be changed and looked at."""

    internet: SmallInternet = field(default_factory=SmallInternet)
    ledger: NotedLedger = field(default_factory=NotedLedger)
    rules: Rules = field(default_factory=lambda: Rules(EgressMode.ALLOW_LIST, frozenset({"mirror.example"})))

    def egress(self, bounds: Bounds | None = None) -> Egress:
        return Egress(rules=lambda: self.rules, internet=self.internet, ledger=self.ledger, bounds=bounds or Bounds())

    @property
    def noted(self) -> Noted:
        return self.ledger.noted


@dataclass(frozen=True)
class Mirror:
    """A server of the small internet, with a certificate for its name."""

    identity: Identity
    port: int


@asynccontextmanager
async def serving(
    folder: Path,
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    name: str = "mirror.example",
) -> AsyncIterator[Mirror]:
    """Answer by `handle` over TLS. At the end all lines to it are to have ended."""
    lines: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await handle(reader, writer)
            writer.close()
            await writer.wait_closed()

    shown = identity(name)
    context = await asyncio.to_thread(shown.context, folder)
    server = await asyncio.start_server(
        lambda *line: lines.add(asyncio.ensure_future(answer(*line))), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield Mirror(shown, server.sockets[0].getsockname()[1])
    async with asyncio.timeout(ANSWER_S):
        await asyncio.gather(*lines)


def at(names: Mapping[str, int]) -> SmallInternet:
    """Each name at a public address of its own, and behind that this port."""
    addresses = {name: f"93.184.216.{number}" for number, name in enumerate(names, start=34)}
    return SmallInternet(
        names={name: [address] for name, address in addresses.items()},
        servers={addresses[name]: port for name, port in names.items()},
    )
