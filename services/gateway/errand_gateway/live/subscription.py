"""One subscription: a watch that is opened again until it is no longer wanted."""

import asyncio
import random
from contextlib import aclosing

import structlog

from errand_common.errors import ErrandError, Exhausted, Unauthenticated, Unavailable
from errand_gateway.live.closing import Closing, refused
from errand_gateway.live.limits import LiveLimits
from errand_gateway.live.messages import subscription_error, watched_message
from errand_gateway.live.send_queue import SendQueue
from errand_gateway.scheduler.tasks import Tasks
from errand_gateway.scheduler.watched import Watched

log = structlog.get_logger()


class Subscription:
    """Its place is after what was last put out, so a watch that is opened again leaves no gap and repeats nothing."""

    def __init__(
        self, tasks: Tasks, queue: SendQueue, limits: LiveLimits, *, token: str, task_id: str | None, cursor: str
    ) -> None:
        self._tasks = tasks
        self._queue = queue
        self._limits = limits
        self._token = token
        self._task_id = task_id
        self._cursor = cursor
        self._failures = 0

    async def run(self) -> None:
        """Ends when the scheduler refuses for good. Raises Closing when the session is over."""
        while True:
            try:
                await self._follow()
            except Unauthenticated as exc:
                raise Closing(refused(exc)) from exc
            except (Unavailable, Exhausted) as exc:
                await self._pause(exc)
            except ErrandError as exc:
                await self._queue.put(subscription_error(exc, task_id=self._task_id, retrying=False))
                return

    async def _follow(self) -> None:
        watch = self._tasks.watch(self._token, task_id=self._task_id or "", after_cursor=self._cursor)
        async with aclosing(watch):
            async for watched in watch:
                self._failures = 0
                await self._pass_on(watched)
        raise Unavailable("the scheduler ended the watch; it is opened again")

    async def _pass_on(self, watched: Watched) -> None:
        message = watched_message(watched, task_id=self._task_id)
        if watched.cursor is None:
            self._queue.offer(message)
            return
        await self._queue.put(message)
        self._cursor = watched.cursor or self._cursor

    async def _pause(self, error: ErrandError) -> None:
        if not self._failures:
            log.info("watch_interrupted", task_id=self._task_id, reason=error.reason)
            await self._queue.put(subscription_error(error, task_id=self._task_id, retrying=True))
        asked_s = error.retry_after.total_seconds() if error.retry_after else 0.0
        await asyncio.sleep(asked_s + retry_delay_s(self._failures, self._limits))
        self._failures += 1


def retry_delay_s(failures: int, limits: LiveLimits) -> float:
    """How long to wait after so many failures in a row: doubling, capped, and spread so that not all come at once."""
    longest_s: float = min(limits.longest_retry_s, limits.first_retry_s * 2 ** min(failures, 16))
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
