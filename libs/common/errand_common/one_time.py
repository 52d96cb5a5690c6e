"""Secrets that stand for something once, for a while, so many at most."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from errand_common.clock import Clock
from errand_common.credentials import hash_token

ValueT = TypeVar("ValueT")

_SECRET_BYTES = 32


@dataclass(frozen=True)
class _Kept(Generic[ValueT]):
    value: ValueT
    dies_s: float


class OneTime(Generic[ValueT]):
    """In memory: a restart forgets them. Only hashes of the secrets are kept.

    When full the oldest goes, so that a flood costs a person one more try instead of locking everybody out.
    """

    def __init__(self, clock: Clock, *, lifetime_s: float, most: int) -> None:
        self._clock = clock
        self._most = most
        self._kept: dict[str, _Kept[ValueT]] = {}
        self.lifetime_s = lifetime_s

    def put(self, value: ValueT) -> str:
        """Keep `value`; returns the secret that takes it out."""
        self._forget()
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._kept[hash_token(secret)] = _Kept(value, self._clock.boot_s() + self.lifetime_s)
        return secret

    def peek(self, secret: str) -> ValueT | None:
        """The value, which stays; none when the secret is unknown, used or expired."""
        return self._alive(self._kept.get(hash_token(secret)))

    def take(self, secret: str) -> ValueT | None:
        """The value, once; none when the secret is unknown, used or expired."""
        return self._alive(self._kept.pop(hash_token(secret), None))

    @contextmanager
    def spending(self, secret: str) -> Iterator[ValueT | None]:
        """`take` for work that can fail: what raises an error leaves the secret as good as it was.

        A cancellation does not: what it interrupts may have happened.
        """
        key = hash_token(secret)
        kept = self._kept.pop(key, None)
        try:
            yield self._alive(kept)
        except Exception:
            if kept is not None:
                self._kept[key] = kept
            raise

    def _alive(self, kept: _Kept[ValueT] | None) -> ValueT | None:
        return kept.value if kept is not None and self._clock.boot_s() < kept.dies_s else None

    def _forget(self) -> None:
        now_s = self._clock.boot_s()
        # All live equally long: but for one that came back, the dictionary's order is the order of dying.
        while self._kept:
            oldest = next(iter(self._kept))
            if now_s < self._kept[oldest].dies_s and len(self._kept) < self._most:
                return
            del self._kept[oldest]
