"""A bare shell in a container: one `docker exec` that stays, a word after each command; the least a call can cost."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import docker

_TIME_LIMIT_S = 30.0


class Shell:
    """Blocks. Commands run one after the other; what they write is thrown away."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._word = f"done-{secrets.token_hex(8)}".encode()

    def run(self, command: str) -> None:
        """Returns when the command has ended."""
        self._socket.sendall(command.encode() + b"\necho " + self._word + b"\n")
        said = b""
        while self._word not in said:
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError(f"the shell ended in the midst of {command!r}")
            # The word may come in two pieces.
            said = said[-len(self._word) :] + more


@contextmanager
def open_shell(container_id: str) -> Iterator[Shell]:
    """A bash in the container, as long as the context lasts."""
    client = docker.from_env()
    try:
        exec_id = client.api.exec_create(container_id, ["bash"], stdin=True)["Id"]
        raw = client.api.exec_start(exec_id, socket=True)
        assert isinstance(raw, socket.SocketIO), "a unix socket has no other form"
        # The SDK's own has a time limit of 60 s on it and belongs to its pool.
        with socket.socket(fileno=os.dup(raw.fileno())) as connected:
            connected.settimeout(_TIME_LIMIT_S)
            yield Shell(connected)
    finally:
        client.close()
