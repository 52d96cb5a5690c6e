"""Money of people's days, as runners draw it."""

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_common.errors import ErrandError, Invalid
from errand_common.wire import duration, timestamp
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import money
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store.money import day_at, day_of, held_by
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_MOST_NANODOLLARS = 10**16


class Drawing:
    """Within `limit` nano-dollars for all tasks of a person in a day; 0: any amount."""

    def __init__(self, reader: Reader, writer: Writer, clock: Clock, *, limit: int, durations: Durations) -> None:
        self._reader, self._writer, self._clock = reader, writer, clock
        self._limit, self._durations = limit, durations

    @property
    def limited(self) -> bool:
        """Whether attempts have to draw."""
        return bool(self._limit)

    async def day(self, user_id: str) -> task_pb2.DayMoney:
        """How much of a person's day is left."""
        now_us = self._clock.now_us()
        found = await self._reader.one(day_of(user_id, day=day_at(now_us)))
        assert found is not None  # always one row
        return task_pb2.DayMoney(
            limit_nanodollars=self._limit,
            spent_nanodollars=found.spent,
            held_nanodollars=found.held,
            end_time=timestamp(money.day_end(now_us)),
        )

    async def go_on(self) -> None:
        """At a start: the limit may be another than when tasks began to wait for it. Those that this does not reach
        wait until their day is over."""
        try:
            await self._writer.write(lambda tx: money.go_on(tx, limit=self._limit, durations=self._durations))
        except ErrandError as exc:
            log.warning("days_not_looked_at", error=exc.message)

    async def take_up(self, holder: Holder) -> None:
        """A runner begins with an attempt. Raises Conflict where it is not its own."""
        if await self._reader.one(held_by(holder.attempt_id)):
            await self._writer.write(lambda tx: money.take_up(tx, holder))

    async def draw(self, holder: Holder, request: pb.DrawMoneyRequest) -> pb.DrawMoneyResponse:
        """Raises Invalid, and Conflict as `money.draw` does."""
        least, most = request.least_nanodollars, request.most_nanodollars
        if not 0 <= least <= most <= _MOST_NANODOLLARS:
            raise Invalid(
                f"least_nanodollars is {least} and most_nanodollars {most}; 0 to {_MOST_NANODOLLARS}, and least first"
            )
        drawn = await self._writer.write(lambda tx: money.draw(tx, holder, least=least, most=most, limit=self._limit))
        return pb.DrawMoneyResponse(
            granted_nanodollars=drawn.nanodollars,
            reason=drawn.reason,
            resume_duration=None if drawn.resume_s is None else duration(drawn.resume_s),
        )
