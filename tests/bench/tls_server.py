"""A TLS server that gives as many bytes as it is asked for.

`python -m tests.bench.tls_server PEM` says its port first.
"""

import socket
import ssl
import sys
import threading
from contextlib import suppress
from pathlib import Path

_PIECE = bytes(256 * 1024)


def main() -> None:
    """Serves until its stdin ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(sys.argv[1]))
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_serve, args=(listener, context), daemon=True).start()
    sys.stdin.read()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        line, _ = listener.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(line, context), daemon=True).start()


def _answer(line: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError), context.wrap_socket(line, server_side=True) as tunnel:
        left = int.from_bytes(tunnel.recv(8), "big")
        while left > 0:
            left -= tunnel.send(_PIECE[:left])


if __name__ == "__main__":
    main()
