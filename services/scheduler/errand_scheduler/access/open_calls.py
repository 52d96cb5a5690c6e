"""Streams under way, by whose credential: what takes one away cuts them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from errand_common.errors import Exhausted, Unauthenticated
from errand_scheduler.access.callers import Caller

MOST = 256
"""Streams of one credential: a gateway's are those of its people, and a runner has a dozen."""
_COME_BACK = timedelta(seconds=5)


class OpenCall:
    """A stream that is being served in a task of its own."""

    def __init__(self, caller: Caller, scope: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.caller = caller
        self.scope = scope
        self._task = task
        self._cut = ""

    def cut(self, words: str) -> None:
        """End it, whatever it waits for."""
        if not self._cut:
            self._cut = words
            self._task.cancel()

    @contextmanager
    def ending_in_words(self) -> Iterator[None]:
        """Raises Unauthenticated where it was cut."""
        try:
            yield
        except asyncio.CancelledError as exc:
            # A caller who went away meanwhile cancels it too: then there is nobody to tell.
            if not self._cut or self._task.uncancel():
                raise
            raise Unauthenticated(self._cut) from exc


class OpenCalls:
    """All of them. A call that is answered at once is not among them: it ends by itself."""

    def __init__(self) -> None:
        self._open: dict[str, set[OpenCall]] = {}

    @contextmanager
    def serving(self, caller: Caller, scope: str) -> Iterator[None]:
        """Around a stream. Raises Exhausted for one too many, Unauthenticated once it is cut."""
        calls = self._open.setdefault(caller.credential_id, set())
        if len(calls) >= MOST:
            raise Exhausted(f"{caller.name} has {MOST} streams open, the most; end one", retry_after=_COME_BACK)
        call = OpenCall(caller, scope)
        calls.add(call)
        try:
            with call.ending_in_words():
                yield
        finally:
            calls.discard(call)
            if not calls:
                self._open.pop(caller.credential_id, None)

    def cut(self, concerns: Callable[[Caller], bool], words: str, *, but: frozenset[str] = frozenset()) -> None:
        """End those of whom it concerns, in words, but those of these scopes."""
        for calls in list(self._open.values()):
            for call in list(calls):
                if concerns(call.caller) and call.scope not in but:
                    call.cut(words)
