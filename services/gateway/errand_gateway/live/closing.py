"""Why a live socket is closed by us."""

from dataclasses import dataclass

from errand_common.errors import Denied, ErrandError, Exhausted, Internal, Invalid, Unauthenticated, Unavailable

UNAUTHENTICATED = 4401
DENIED = 4403
EXHAUSTED = 4429
TRY_AGAIN = 1013
INVALID = 1008
BROKEN = 1011


@dataclass(frozen=True)
class Goodbye:
    """The close code, and the error that the client is told first if it listens."""

    code: int
    error: ErrandError
    listens: bool = True


class Closing(Exception):
    """Ends the socket from wherever it is raised."""

    def __init__(self, goodbye: Goodbye) -> None:
        super().__init__(goodbye.error.message)
        self.goodbye = goodbye


def refused(error: ErrandError) -> Goodbye:
    """The goodbye that an error calls for."""
    match error:
        case Unauthenticated():
            return Goodbye(UNAUTHENTICATED, error)
        case Invalid():
            return Goodbye(INVALID, error)
        case Denied():
            return Goodbye(DENIED, error)
        case Unavailable() | Exhausted():
            return Goodbye(TRY_AGAIN, error)
    return Goodbye(BROKEN, error)


def silent() -> Goodbye:
    """No token came."""
    return Goodbye(UNAUTHENTICATED, Unauthenticated("no token came in time; send authenticate first"))


def slow() -> Goodbye:
    """The client does not read."""
    error = Exhausted("this connection takes too little; connect again and subscribe from the last cursor")
    return Goodbye(TRY_AGAIN, error, listens=False)


def too_many_sockets(most: int) -> Goodbye:
    """The user has as many sockets as allowed."""
    return Goodbye(EXHAUSTED, Exhausted(f"you have {most} live connections, the most allowed; close one"))


def broken() -> Goodbye:
    """A bug."""
    return Goodbye(BROKEN, Internal("something broke inside the gateway; its log has the cause"))
