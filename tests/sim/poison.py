"""Words that no scheduler can take, each time that they come: they break whatever they meet."""

from enum import StrEnum

import grpc

from errand_runner.outbox import OutboxError


class Poison(StrEnum):
    """What breaks of it."""

    STREAM = "words that the server cannot read"
    LENGTH = "words that are more than a message holds"
    STORE = "words that the store cannot write"


STUMBLE = "words over which the store stumbles at first"


class Poisoned(Exception):
    """What the scheduler's code meets, as a bug of its own would be."""


_UNREADABLE = Poison.STREAM.encode()
_TOO_LONG = Poison.LENGTH.encode()


def check_readable(data: bytes) -> None:
    """What the server's end raises in its handler."""
    if _UNREADABLE in data:
        raise Poisoned(Poison.STREAM)


def transport_refusal(data: bytes) -> grpc.StatusCode | None:
    """What gRPC itself says, before any handler sees it."""
    return grpc.StatusCode.RESOURCE_EXHAUSTED if _TOO_LONG in data else None


def is_wanted(failure: BaseException | None) -> bool:
    """Whether something broke because the schedule has it so."""
    if isinstance(failure, BaseExceptionGroup):
        return all(is_wanted(each) for each in failure.exceptions)
    # The latter: a runner's disk failed.
    return isinstance(failure, Poisoned | OutboxError)
