"""The egress proxy: one connection from CONNECT to its end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from errand_common.values import EgressOutcome
from errand_runner.broker.egress import hello, request
from errand_runner.broker.egress.internet import Internet
from errand_runner.broker.egress.ledger import Ledger, Use
from errand_runner.broker.egress.public import is_public
from errand_runner.broker.egress.rules import Rules
from errand_runner.broker.egress.side import Side

# A fatal alert, unrecognized_name (RFC 8446, 6): what TLS libraries have words for.
_WRONG_NAME = bytes.fromhex("15030300020270")
_LOOKUPS = 4
# For all addresses of a name together.
_REACH_S = 30.0
_PAUSED = "the task was paused"

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Of one sandbox: connections at once, bytes both ways in each and in all, seconds without a byte, seconds for a
    request or a greeting."""

    connections: int = 48
    connection_bytes: int = 4 << 30
    all_bytes: int = 32 << 30
    idle_s: float = 300.0
    beginning_s: float = 10.0


class _Refused(Exception):
    """No connection comes of it; the message is for whoever asked."""

    def __init__(self, host: str, outcome: EgressOutcome, status: str, words: str) -> None:
        super().__init__(words)
        self.host, self.outcome, self.status = host, outcome, status


class EgressProxy:
    """Every tunnel of one sandbox. `rules` are asked for each; `holds` for every piece of what passes."""

    def __init__(
        self,
        *,
        rules: Callable[[], Rules],
        internet: Internet,
        ledger: Ledger,
        holds: Callable[[], bool],
        bounds: Bounds,
    ) -> None:
        self._rules, self._internet, self._ledger, self._holds = rules, internet, ledger, holds
        self._bounds = bounds
        self._open: set[_Tunnel] = set()
        self._lookups = asyncio.Semaphore(_LOOKUPS)
        self._passed_bytes = 0

    @property
    def connections(self) -> int:
        """At once, those that only ask too."""
        return len(self._open)

    def cut(self) -> None:
        """Abort every tunnel."""
        for tunnel in list(self._open):
            tunnel.cut(_PAUSED)

    async def serve(self, client: Side) -> None:
        """From the first byte of its request to the end of its tunnel."""
        tunnel = _Tunnel(client, Side(), self._bounds, self._may_pass)
        self._open.add(tunnel)
        host = ""
        try:
            host = await self._target(client)
            await self._reach(host, tunnel.server)
            await self._greet(host, client)
            await tunnel.carry()
        except _Refused as refusal:
            client.write(_answer(refusal.status, str(refusal)))
            self._note(tunnel, refusal.host, refusal.outcome, str(refusal))
        except _Mismatch as mismatch:
            client.write(_WRONG_NAME)
            self._note(tunnel, host, EgressOutcome.REFUSED, str(mismatch))
        except EOFError:
            # Who hangs up before anything was asked or sent has done nothing.
            pass
        except asyncio.CancelledError:
            self._note(tunnel, host, EgressOutcome.CUT_OFF, "the sandbox was closed")
            raise
        else:
            self._note(tunnel, host, EgressOutcome.CUT_OFF if tunnel.cut_for else EgressOutcome.CLOSED, tunnel.cut_for)
        finally:
            client.close()
            tunnel.server.close()
            self._open.discard(tunnel)

    def refuse_plain(self, target: str) -> str:
        """The words for a request by plain HTTP."""
        words = "only HTTPS leaves this sandbox, and no plain HTTP; ask for the same address by https://"
        host = target.partition("://")[2].partition("/")[0]
        self._ledger.note(Use(host=_shown(host), outcome=EgressOutcome.REFUSED, reason=words))
        return words

    async def _target(self, client: Side) -> str:
        head = await self._head(client)
        if not self._holds():
            raise _Refused("", EgressOutcome.REFUSED, "503", "this task is paused: nothing leaves it now")
        if len(self._open) > self._bounds.connections:
            words = f"this sandbox has {self._bounds.connections} connections open already; close some first"
            raise _Refused("", EgressOutcome.REFUSED, "503", words)
        try:
            host = request.parse(head).host
        except request.Malformed as exc:
            raise _Refused("", EgressOutcome.REFUSED, "400", str(exc)) from exc
        except request.OutOfBounds as exc:
            raise _Refused(_shown(exc.host), EgressOutcome.REFUSED, "403", _shown(str(exc), 300)) from exc
        if words := self._rules().refusal(host):
            raise _Refused(host, EgressOutcome.BLOCKED, "403", words)
        return host

    async def _head(self, client: Side) -> bytes:
        try:
            async with asyncio.timeout(self._bounds.beginning_s):
                data = await client.kept(0)
                while request.END not in data:
                    if len(data) > request.MOST_BYTES:
                        words = f"a CONNECT request has at most {request.MOST_BYTES >> 10} KiB"
                        raise _Refused("", EgressOutcome.REFUSED, "431", words)
                    data = await client.kept(len(data))
        except TimeoutError as exc:
            words = f"the CONNECT request was not whole after {self._bounds.beginning_s:g} s"
            raise _Refused("", EgressOutcome.REFUSED, "408", words) from exc
        head = data[: data.index(request.END) + len(request.END)]
        client.drop(len(head))
        return head

    async def _reach(self, host: str, server: Side) -> None:
        """Connect to the first address that answers, once all that the name has are judged: never by the name again."""
        addresses = await self._addresses(host)
        with suppress(TimeoutError):
            async with asyncio.timeout(_REACH_S):
                for address in addresses:
                    if await self._connect(host, address, server):
                        return
        raise _Refused(host, EgressOutcome.UNREACHABLE, "502", f"{host} does not answer on port 443")

    async def _connect(self, host: str, address: str, server: Side) -> bool:
        try:
            await self._internet.connect(lambda: server, address, request.PORT)
        except OSError as exc:
            # A connection that comes too late is a TimeoutError, which is one.
            _log.info("egress_not_connected", host=host, address=address, error=str(exc))
            return False
        return True

    async def _addresses(self, host: str) -> list[str]:
        try:
            async with self._lookups:
                addresses = list(await self._internet.resolve(host))
        except (OSError, UnicodeError) as exc:
            _log.info("egress_not_resolved", host=host, error=str(exc))
            words = f"the name {host} is not known, or its name server does not answer"
            raise _Refused(host, EgressOutcome.UNREACHABLE, "502", words) from exc
        # All of them: one public address beside a private one is how names are turned around.
        if not addresses or not all(map(is_public, addresses)) or any(map(self._internet.is_own, addresses)):
            words = f"{host} has an address that is not on the public internet, so it is not reached"
            raise _Refused(host, EgressOutcome.REFUSED, "403", words)
        return addresses

    async def _greet(self, host: str, client: Side) -> None:
        """Let the client begin, and hear it greet the host that it asked for."""
        client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            async with asyncio.timeout(self._bounds.beginning_s):
                data = await client.kept(0)
                while (name := hello.server_name(data)) is None:
                    data = await client.kept(len(data))
        except TimeoutError as exc:
            raise _Mismatch(f"{host} was not greeted by TLS within {self._bounds.beginning_s:g} s") from exc
        except hello.Malformed as exc:
            raise _Mismatch(f"only TLS passes to {host}, and {exc}") from exc
        if name != host:
            raise _Mismatch(f"{host} was asked for, and another host was greeted by TLS: {_shown(name)}")

    def _may_pass(self, size: int) -> str:
        """Why it may not; empty where it may."""
        if not self._holds():
            return _PAUSED
        self._passed_bytes += size
        if self._passed_bytes > self._bounds.all_bytes:
            return f"all connections of this sandbox together had {self._bounds.all_bytes >> 30} GiB"
        return ""

    def _note(self, tunnel: "_Tunnel", host: str, outcome: EgressOutcome, reason: str) -> None:
        use = Use(
            host=host,
            outcome=outcome,
            sent_bytes=tunnel.client.received_bytes,
            received_bytes=tunnel.server.received_bytes,
            duration_s=_now_s() - tunnel.began_s,
            reason=reason,
        )
        _log.debug("egress", host=host, outcome=outcome, reason=reason or None)
        self._ledger.note(use)


class _Mismatch(Exception):
    """What came through the tunnel is not TLS to its host; the message says what it was."""


class _Tunnel:
    """Two joined ends, and what passed between them. `cut_for` says why they were cut off, if they were."""

    def __init__(self, client: Side, server: Side, bounds: Bounds, may_pass: Callable[[int], str]) -> None:
        self.client, self.server = client, server
        self._bounds, self._may_pass = bounds, may_pass
        self.cut_for = ""
        self.began_s = self._last_s = _now_s()

    async def carry(self) -> None:
        """Until both ends are closed."""
        self._last_s = _now_s()
        self.client.join(self.server, self._check)
        self.server.join(self.client, self._check)
        while not (self.client.lost.is_set() and self.server.lost.is_set()):
            try:
                async with asyncio.timeout(max(0.0, self._last_s + self._bounds.idle_s - _now_s())):
                    await self.client.lost.wait()
                    await self.server.lost.wait()
            except TimeoutError:
                if self._last_s + self._bounds.idle_s <= _now_s():
                    self.cut(f"nothing passed for {self._bounds.idle_s:g} s")

    def cut(self, reason: str) -> None:
        """At once, whatever is under way."""
        self.cut_for = self.cut_for or reason
        self.client.abort()
        self.server.abort()

    def _check(self, size: int) -> bool:
        self._last_s = _now_s()
        passed = self.client.received_bytes + self.server.received_bytes + size
        if passed > self._bounds.connection_bytes:
            self.cut_for = f"it had {self._bounds.connection_bytes >> 30} GiB, the most of a connection"
        else:
            self.cut_for = self._may_pass(size)
        return not self.cut_for


def _answer(status: str, words: str) -> bytes:
    """The words in the status line too: pip and npm show that, and curl neither."""
    body = f"{words}\n".encode()
    head = (
        f"HTTP/1.1 {status} {words}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii", "replace") + body


def _shown(text: str, most: int = 253) -> str:
    """What a sandbox sent, fit to be read: printable ASCII, and not much of it."""
    return "".join(letter if "!" <= letter <= "~" or letter == " " else "?" for letter in text[:most])


def _now_s() -> float:
    return asyncio.get_running_loop().time()
