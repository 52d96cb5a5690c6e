"""Asks a TLS server for one byte many times, then for many bytes once, directly or by a door's tunnel. Runs in the
sandbox as well: Python 3.8 and the standard library alone.

`python tls_client.py PORT HOST CA [DOOR]` prints as JSON: seconds to the first byte, MB a second.
"""

import json
import socket
import ssl
import sys
import time

CONNECTIONS = 20
DOWNLOAD_BYTES = 128 << 20


def main() -> None:
    port, host, ca, *door = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    first_bytes = [_ask(1, int(port), host, context, door) for _ in range(CONNECTIONS)]
    took_s = _ask(DOWNLOAD_BYTES, int(port), host, context, door)
    print(json.dumps({"first_byte_s": sum(first_bytes) / CONNECTIONS, "mb_per_s": DOWNLOAD_BYTES / 1e6 / took_s}))


def _ask(size: int, port: int, host: str, context: ssl.SSLContext, door: "list[str]") -> float:
    started_s = time.perf_counter()
    line = socket.create_connection(("127.0.0.1", int(door[0]) if door else port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if door:
        line.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        said = b""
        while b"\r\n\r\n" not in said:
            said += line.recv(4096)
        assert b" 200 " in said, said
    with context.wrap_socket(line, server_hostname=host) as tunnel:
        tunnel.sendall(size.to_bytes(8, "big"))
        buffer, left = bytearray(1 << 18), size
        while left:
            left -= tunnel.recv_into(buffer)
        return time.perf_counter() - started_s


if __name__ == "__main__":
    main()
