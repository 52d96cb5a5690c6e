"""Offers waiting tasks to runners, woken whenever something changes that could let one go."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.ids import Ids
from errand_scheduler.access.rights import PushRights, Right
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import turns
from errand_scheduler.placing import placement
from errand_scheduler.placing.outlook import Outlook
from errand_scheduler.placing.pending import PendingTasks
from errand_scheduler.placing.pending_rows import PendingRows
from errand_scheduler.placing.placement import Line, Offer, Standings
from errand_scheduler.placing.right_checks import RightChecks
from errand_scheduler.placing.telling import Telling
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Write, Writer

log = structlog.get_logger()

_OFFERS = 200  # in one round, which bounds what a plan costs; the next round follows at once
_REST_S = 0.05  # at most: a round rests as long as it took, so that wakes gather


class Placer:
    """The only one that makes offers."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        ids: Ids,
        clock: Clock,
        durations: Durations,
        board: Board,
        sessions: RunnerSessions,
        rights: PushRights,
        most_live: int,
    ) -> None:
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._durations = durations
        self._board = board
        self._sessions = sessions
        self._checks = RightChecks(rights, writer, self.wake)
        self._most_live = most_live
        self._pending = PendingTasks(clock, durations)
        self._rows = PendingRows(reader, self._pending)
        self._telling = Telling(writer, self._pending)
        self._served: dict[str, int] = {}
        self._offers_made = 0
        self._woken = asyncio.Event()
        self._looked_s = clock.boot_s()

    @property
    def pending(self) -> PendingTasks:
        """What waits, as of the last round."""
        return self._pending

    def note(self, task_id: str) -> None:
        """The task, or an attempt of it, changed."""
        self._rows.note(task_id)

    def wake(self) -> None:
        """Something changed: a task waits, a slot is free, a runner is there, a right is known."""
        self._woken.set()

    async def run(self) -> None:
        """Place until cancelled. It looks again by itself too: nothing else tells of the end of a wait."""
        await self._rows.load()
        async with asyncio.TaskGroup() as checks:
            while True:
                began_s = self._clock.boot_s()
                try:
                    await self._round(checks)
                except ErrandError as exc:
                    log.warning("placement_failed", error=exc.message)
                await asyncio.sleep(min(self._clock.boot_s() - began_s, _REST_S))
                await self._wait()

    def outlook(self) -> Outlook:
        """How things stand right now."""
        live = list(self._board.attempts())
        return Outlook(
            self._pending,
            seats=self._sessions.seats(live),
            live=Counter(attempt.user_id for attempt in live),
            most_live=self._most_live,
            known=self._checks.known,
        )

    async def _wait(self) -> None:
        now = self._clock.boot_s()
        until_s = min(self._looked_s + self._durations.beat_s, self._pending.next_s or float("inf"))
        try:
            async with asyncio.timeout(max(until_s - now, 0.0)):
                await self._woken.wait()
        except TimeoutError:
            return
        finally:
            self._woken.clear()

    async def _round(self, checks: asyncio.TaskGroup) -> None:
        self._telling.look_at(await self._rows.catch_up())
        self._pending.ripen()
        await self._place(checks)
        if self._clock.boot_s() - self._looked_s >= self._durations.beat_s:
            self._looked_s = self._clock.boot_s()
            await self._rows.look_again()
            await self._telling.look_around(self.outlook())
            await self._telling.tell_some(self.outlook())
        # Whoever can be offered something goes first: telling is for when there is time.
        while self._telling.more and not self._woken.is_set():
            await self._telling.tell_some(self.outlook())

    async def _place(self, checks: asyncio.TaskGroup) -> None:
        outlook = self.outlook()
        offers = placement.plan(
            self._lines(checks),
            outlook.seats,
            Standings(live=outlook.live, served=self._served),
            most_live=self._most_live,
            most_offers=_OFFERS,
        )
        await self._make(offers)
        if len(offers) == _OFFERS:
            self.wake()

    def _lines(self, checks: asyncio.TaskGroup) -> list[Line]:
        """Those whose users are known to be allowed to push."""
        found = []
        for user_id, project_id, line in self._pending.groups():
            answer = self._checks.wanted(user_id, project_id, checks)
            if answer is not None and answer.right is Right.PUSH:
                found.append(line)
        return found

    async def _make(self, offers: Sequence[Offer]) -> None:
        made = await self._writer.write_each([self._write(offer) for offer in offers])
        for offer, outcome in zip(offers, made, strict=True):
            if isinstance(outcome, ErrandError):
                log.warning("offer_not_made", task_id=offer.task_id, error=outcome.message)
            elif isinstance(outcome, Exception):
                raise outcome
            if not isinstance(outcome, Attempt):
                self._rows.note(offer.task_id)

    def _write(self, offer: Offer) -> Write[Attempt | None]:
        attempt_id = self._ids.new("att")
        self._offers_made += 1
        self._served[offer.user_id] = self._offers_made
        self._pending.offered(offer.task_id)
        return Write(
            lambda tx: turns.offer(
                tx,
                task_id=offer.task_id,
                runner_id=offer.runner_id,
                attempt_id=attempt_id,
                durations=self._durations,
            )
        )
