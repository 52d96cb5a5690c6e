"""Why an address cannot be listened on, with what to do about it."""

import errno
import socket

from errand_common.addresses import split


def cannot_listen(address: str, error: OSError | None = None, *, setting: str = "ERRAND_LISTEN") -> str:
    """The words for `setting`=`address`. Without an `error` it is found out by trying."""
    host, port = split(address)
    cause = error or _tried(host, port)
    return f"cannot listen on {setting}={address}: {_why(cause, host, port, setting)}"


def _why(cause: OSError | None, host: str, port: int, setting: str) -> str:
    match cause.errno if cause else None:
        case errno.EADDRINUSE:
            return (
                "the port is in use, by another Errand or by something else"
                f" (`ss -ltnp 'sport = :{port}'` tells which process, `docker ps` which container);"
                f" stop that, or set {setting} to a free port"
            )
        case errno.EADDRNOTAVAIL:
            return f"this host has no address {host}; set {setting} to 127.0.0.1:{port}, or 0.0.0.0:{port} for all"
        case errno.EACCES:
            return f"only root may use port {port}; set {setting} to a port from 1024 on"
    return f"{cause or 'the system refuses'}; set {setting} to an address of this host and a free port"


def _tried(host: str, port: int) -> OSError | None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return None
    except OSError as exc:
        return exc
