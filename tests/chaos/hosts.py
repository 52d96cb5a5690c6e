"""Hosts of their own: network namespaces on one bridge, with runners in them, and packets that are dropped."""

import asyncio
import ctypes
import itertools
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

from tests.chaos.wire import wire_to

NEW_NETWORK = 0x40000000  # CLONE_NEWNET of setns(2)
_COUNT = itertools.count()
"""A namespace goes some time after it is deleted: none has the name of one before."""


async def _ip(*arguments: str) -> None:
    await _run("ip", *arguments)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, f"{' '.join(command)}: {said.decode()}"


class Host:
    """One namespace, which reaches the bridge and nothing else."""

    def __init__(self, name: str, *, far: str) -> None:
        self.name, self._far = name, far

    async def begin(self, *arguments: str, env: Mapping[str, str], log: IO[bytes]) -> asyncio.subprocess.Process:
        """`python -m errand_runner ...` on this host."""
        return await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", self.name, sys.executable, "-m", "errand_runner", *arguments),
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    async def drop(self, *ways: str) -> None:
        """From now on packets to the bridge (OUTPUT) or from it (INPUT) are lost, without a word to anybody."""
        for way in ways:
            side = "-d" if way == "OUTPUT" else "-s"
            await self._iptables("-A", way, side, self._far, "-j", "DROP")

    async def heal(self) -> None:
        """All of them arrive again."""
        await self._iptables("-F")

    async def listen(self, port: int) -> socket.socket:
        """A socket that listens on this host's loopback; whoever accepts is where the test is."""
        return await asyncio.to_thread(_listening, Path("/run/netns") / self.name, port)

    async def _iptables(self, *arguments: str) -> None:
        await _ip("netns", "exec", self.name, "iptables", "-w", *arguments)


def _listening(namespace: Path, port: int) -> socket.socket:
    """Of a thread of its own, which goes to the namespace and comes back: a socket stays where it was made."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    with open("/proc/thread-self/ns/net") as home, namespace.open() as there:
        assert setns(there.fileno(), NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        try:
            return socket.create_server(("127.0.0.1", port))
        finally:
            assert setns(home.fileno(), NEW_NETWORK) == 0


@asynccontextmanager
async def network(*names: str) -> AsyncIterator[tuple[str, list[Host]]]:
    """A bridge with an address of this machine, and hosts on it."""
    net = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
    mark = f"er{os.getpid() % 100_000}-{next(_COUNT)}"
    bridge, here = f"{mark}br", f"{net}.1"
    hosts = [Host(f"{mark}{name}", far=here) for name in names]
    async with AsyncExitStack() as undo:
        await _ip("link", "add", bridge, "type", "bridge")
        undo.push_async_callback(_ip, "link", "del", bridge)
        await _ip("addr", "add", f"{here}/24", "dev", bridge)
        await _ip("link", "set", bridge, "up")
        for number, host in enumerate(hosts, start=2):
            await _ip("netns", "add", host.name)
            undo.push_async_callback(_ip, "netns", "del", host.name)
            near, far = f"{host.name}n", f"{host.name}f"
            await _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", host.name)
            # By itself it goes only with the last of the namespace's connections.
            undo.push_async_callback(_ip, "link", "del", near)
            await _ip("link", "set", near, "master", bridge, "up")
            for inside in (
                ("addr", "add", f"{net}.{number}/24", "dev", far),
                ("link", "set", far, "up"),
                ("link", "set", "lo", "up"),
            ):
                await _ip("-n", host.name, *inside)
        yield here, hosts


@asynccontextmanager
async def loopback(host: Host, *ports: int) -> AsyncIterator[None]:
    """What listens on this machine's loopback is on the host's too: of the internet, whose loss is not tried here."""
    async with AsyncExitStack() as relays:
        for port in ports:
            await relays.enter_async_context(_relayed(await host.listen(port), port))
        yield


@asynccontextmanager
async def _relayed(listening: socket.socket, port: int) -> AsyncIterator[None]:
    connections: set[asyncio.Task[None]] = set()
    async with wire_to(f"127.0.0.1:{port}") as wire:

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(wire.carry(reader, writer))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(connected, sock=listening)
        try:
            yield
        finally:
            server.close()
            for task in list(connections):
                task.cancel()
