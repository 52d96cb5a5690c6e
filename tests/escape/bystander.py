"""A process of the host that is no business of a sandbox, with a secret in every place where one could be read.

`python -m tests.escape.bystander FOLDER`: the secret comes in the environment; says as JSON where it listens, then
stays until its stdin ends.
"""

import ctypes
import json
import os
import selectors
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PERIOD_S = 0.02
_IPC_CREAT = 0o1000
_IPC_RMID = 0
_SEGMENT_BYTES = 4096

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


def main() -> None:
    canary = os.environ["BYSTANDER_SECRET"].encode()
    name = f"errand-bystander-{os.getpid()}"
    tcp, abstract = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{name}")
    abstract.listen()
    shared = Path("/dev/shm") / name
    shared.write_bytes(canary)
    shared.chmod(0o644)
    secret = Path(sys.argv[1]) / "host.secret"
    secret.write_bytes(canary)
    told = {
        "host_pid": os.getpid(),
        "host_port": tcp.getsockname()[1],
        "host_abstract": name,
        "host_shared": str(shared),
        "host_segment": os.getpid(),
        "host_secret": str(secret),
    }
    try:
        with _segment(os.getpid(), canary):
            print(json.dumps(told), flush=True)
            _serve(canary, (tcp, abstract))
    finally:
        shared.unlink()


def _serve(canary: bytes, listeners: tuple[socket.socket, ...]) -> None:
    """Tells whoever connects, and now and then nobody, over the loopback interface."""
    beacon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with selectors.DefaultSelector() as selector:
        for one in (*listeners, sys.stdin):
            selector.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(_PERIOD_S):
                if not isinstance(key.fileobj, socket.socket):
                    return
                line, _ = key.fileobj.accept()
                line.sendall(canary)
                line.close()
            # To the discard port, where nobody listens: what is looked at is the wire.
            beacon.sendto(canary, ("127.0.0.2", 9))


@contextmanager
def _segment(key: int, canary: bytes) -> Iterator[None]:
    """A System V segment that any user of this host may read."""
    number = libc.shmget(key, _SEGMENT_BYTES, _IPC_CREAT | 0o666)
    ctypes.memmove(libc.shmat(number, None, 0), canary, len(canary))
    try:
        yield
    finally:
        libc.shmctl(number, _IPC_RMID, None)


if __name__ == "__main__":
    main()
