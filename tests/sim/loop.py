"""An event loop whose clock moves instead of waiting: a day passes as fast as there is work in it."""

import asyncio
import contextvars
import heapq
import sys
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from tests.sim.handles import Handle
from tests.sim.process import CURRENT, Killed, Process

Hook = Callable[[dict[str, Any]], None]


class Deadlock(Exception):
    """Nothing is ready and nothing is scheduled: whoever waits would wait for ever."""


class Livelock(Exception):
    """The same moment never ends."""


_TURNS = 20_000
_TURN_S = 1e-6


class _Task(asyncio.Task[Any]):
    """Hashes by its number: asyncio keeps tasks in sets, whose order would else hang on addresses."""

    def __init__(self, coro: Coroutine[Any, Any, Any], number: int, **more: Any) -> None:
        self._number = number
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Future(asyncio.Future[Any]):
    """The same for futures."""

    def __init__(self, number: int, **more: Any) -> None:
        self._number = number
        super().__init__(**more)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs handles in order; those of a dead process fall away, those of a stalled one wait for it."""

    def __init__(self, on_error: Hook) -> None:
        super().__init__()
        self._now_s = 0.0
        self._count = 0
        self._tasks: list[_Task] = []
        self._timers: list[tuple[float, int, Handle]] = []
        self._handles: deque[Handle] = deque()
        self._on_error = on_error
        self._turns = 0
        self.set_task_factory(None)

    def time(self) -> float:
        return self._now_s

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, context)
        self._handles.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, context, when_s=when)
        self._count += 1
        # Of one moment, in the order of asking. Cancelled ones fall out when their time comes.
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def create_task(  # type: ignore[override]
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> Any:
        self._count += 1
        task = _Task(coro, self._count, loop=self, name=name or f"task-{self._count}", context=context)
        # Kept to the end: a task of a dead process must not be collected, for that would run its clean-up.
        self._tasks.append(task)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        self._count += 1
        return _Future(self._count, loop=self)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """In line, a little later, in the order of asking; whoever kills the process inside ends it there."""
        future = self.create_future()
        process = CURRENT.get()
        self.call_soon(self._work, process, future, func, args)
        return future

    def _work(self, process: Process | None, future: asyncio.Future[Any], func: Any, args: Any) -> None:
        if process is not None:
            process.in_job = True
        try:
            result = func(*args)
        except Killed:
            assert process is not None
            process.kill()
        except BaseException as exc:
            if not future.done():
                future.set_exception(exc)
        else:
            if not future.done():
                future.set_result(result)
        finally:
            if process is not None:
                process.in_job = False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._on_error(context)

    def get_debug(self) -> bool:
        return False

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run until `main` ends. Raises what it raises, and Deadlock."""
        hooks = sys.get_asyncgen_hooks()
        asyncio.events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._abandoned)
        self._thread_id = 1  # what is_running() looks at
        try:
            task = self.create_task(main)
            while not task.done():
                self._turn()
            task.result()
        finally:
            self._thread_id = None  # type: ignore[assignment]
            asyncio.events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def bury(self) -> None:
        """Let go of everything that never ended. What their clean-up does now, nobody sees."""
        unseen, hooks = sys.unraisablehook, sys.get_asyncgen_hooks()
        sys.unraisablehook = lambda _: None
        sys.set_asyncgen_hooks(None, None)
        self._on_error = lambda _: None
        asyncio.events._set_running_loop(self)
        try:
            self._handles.clear()
            self._timers.clear()
            with warnings.catch_warnings():
                # A process that died before a task's first step never awaits what that was given.
                warnings.simplefilter("ignore", RuntimeWarning)
                for task in self._tasks:
                    if not task.done():
                        _close(task)
                self._tasks.clear()
            self._handles.clear()
            self._timers.clear()
        finally:
            asyncio.events._set_running_loop(None)
            sys.unraisablehook = unseen
            sys.set_asyncgen_hooks(*hooks)
        self._closed = True

    def _turn(self) -> None:
        timers, handles = self._timers, self._handles
        if not handles:
            while timers and timers[0][2].cancelled_:
                heapq.heappop(timers)
            if not timers:
                raise Deadlock("nothing is ready, nothing is scheduled")
            self._turns = 0
            self._now_s = max(self._now_s, timers[0][0])
        # Work takes time: code that waits until a clock has moved on would else wait for ever.
        self._now_s += _TURN_S
        self._turns += 1
        if self._turns > _TURNS:
            raise Livelock(f"{_TURNS} turns at {self._now_s}; next is {handles[0]}")
        now = self._now_s
        while timers and timers[0][0] <= now:
            handle = heapq.heappop(timers)[2]
            if not handle.cancelled_:
                handles.append(handle)
        for _ in range(len(handles)):
            handle = handles.popleft()
            if handle.cancelled_:
                continue
            process = handle.context.get(CURRENT)
            if process is not None:
                if not process.alive:
                    continue
                if process.stalled:
                    process.held.append(handle)
                    continue
            handle.run(self._on_failure)

    def _on_failure(self, failure: BaseException) -> None:
        self._on_error({"exception": failure})

    def resume(self, process: Process) -> None:
        """Give a process that was stalled what waited for it."""
        process.stalled = False
        self._handles.extend(process.held)
        process.held.clear()

    def _abandoned(self, generator: Any) -> None:
        self.call_soon(self._finish, generator)

    def _finish(self, generator: Any) -> None:
        self.create_task(generator.aclose())


def _close(task: _Task) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine: Any = task.get_coro()
    for _ in range(20):
        try:
            coroutine.close()
        except BaseException:
            continue
        return
