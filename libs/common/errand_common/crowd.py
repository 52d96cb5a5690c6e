"""How many connections a server bears at once, and how long one may take to say who it is."""

import resource
from dataclasses import dataclass

MOST = 4096
"""Two thousand runners, or nobody's idle ones: each costs about 25 KB."""
_KEPT = 256
"""Open files that are left for all else: the database, blobs, what is asked of GitHub."""


@dataclass(frozen=True)
class Crowd:
    """`handshake_s` is for TLS and for the first words of HTTP/2 together."""

    connections: int = MOST
    handshake_s: float = 10.0

    @property
    def options(self) -> list[tuple[str, int | str]]:
        """For a gRPC server."""
        return [
            # One too many is closed at once. Without it they take all descriptors, and the database can open no file.
            ("grpc.max_allowed_incoming_connections", self.connections),
            # It is two minutes by default (grpcio 1.85).
            ("grpc.server_handshake_timeout_ms", round(self.handshake_s * 1000)),
        ]


def within(descriptors: int) -> Crowd:
    """What a process bears that may have so many files open."""
    return Crowd(connections=min(MOST, max(descriptors - _KEPT, descriptors // 2)))


def raised_descriptors() -> int:
    """How many files this process may have open, after asking for as many as a full crowd needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _KEPT
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft
