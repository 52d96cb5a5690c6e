"""What is to run, and when: as asyncio's handles, without what only its own loop and debuggers ask of them."""

import contextvars
from collections.abc import Callable
from typing import Any


class Handle:
    """One call to come, in the context in which it was asked for."""

    __slots__ = ("_args", "_call", "cancelled_", "context", "when_s")

    def __init__(
        self, call: Any, args: tuple[Any, ...], context: contextvars.Context | None, *, when_s: float = 0.0
    ) -> None:
        self._call, self._args, self.when_s = call, args, when_s
        self.context = contextvars.copy_context() if context is None else context
        self.cancelled_ = False

    def cancel(self) -> None:
        """It is not to run."""
        self.cancelled_ = True
        self._call = None
        self._args = ()

    def cancelled(self) -> bool:
        """Whether it is not to run."""
        return self.cancelled_

    def when(self) -> float:
        """The loop's time at which it runs."""
        return self.when_s

    def run(self, on_failure: Callable[[BaseException], None]) -> None:
        """Now. What it raises is told."""
        try:
            self.context.run(self._call, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            on_failure(exc)

    def __repr__(self) -> str:
        return f"<{self._call}>"
