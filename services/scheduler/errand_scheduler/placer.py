"""Offers waiting tasks to runners, woken whenever something changes that could let one go."""

import asyncio
from collections import Counter

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.ids import Ids
from errand_scheduler import placement
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import deadlines, turns
from errand_scheduler.placement import Waiting
from errand_scheduler.rights import PushRights, Right
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store import projects, tasks
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.tasks import PendingTask
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_PER_USER = 50  # how many of one user's tasks are looked at: more could not all be placed at once
_CHECKS_AT_ONCE = 8


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
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._durations = durations
        self._board = board
        self._sessions = sessions
        self._rights = rights
        self._woken = asyncio.Event()
        self._asking: set[tuple[str, str]] = set()
        self._check_slots = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._first_seen_s: dict[str, float] = {}

    def wake(self) -> None:
        """Something changed: a task waits, a slot is free, a runner is there, a right is known."""
        self._woken.set()

    async def run(self) -> None:
        """Place until cancelled. It looks again by itself too: nothing else tells of the end of a wait."""
        async with asyncio.TaskGroup() as checks:
            while True:
                await self._wait()
                try:
                    await self._place(checks)
                except ErrandError as exc:
                    log.warning("placement_failed", error=exc.message)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._durations.affinity_s):
                await self._woken.wait()
        except TimeoutError:
            return
        finally:
            self._woken.clear()

    async def _place(self, checks: asyncio.TaskGroup) -> None:
        pending = await self._reader.all(tasks.pending(_PER_USER))
        self._note_seen(pending)
        reasons = self._check_rights(pending, checks)
        ready = [self._waiting(task) for task in pending if self._may_go(task)]
        busy = Counter(attempt.user_id for attempt in self._board.attempts())
        plan = placement.plan(
            ready, self._sessions.seats(self._board.attempts()), busy, affinity_s=self._durations.affinity_s
        )
        await asyncio.gather(*(self._offer(task_id, runner_id) for task_id, runner_id in plan.offers))
        for task in pending:
            reason = (plan.reasons | reasons).get(task.task_id, task.status_reason)
            if reason != task.status_reason:
                await self._say_why(task.task_id, reason)

    def _note_seen(self, pending: list[PendingTask]) -> None:
        now = self._clock.boot_s()
        self._first_seen_s = {task.task_id: self._first_seen_s.get(task.task_id, now) for task in pending}

    def _may_go(self, task: PendingTask) -> bool:
        answer = self._rights.known(task.user_id, task.project_id)
        return answer is not None and answer.right is Right.PUSH

    def _waiting(self, task: PendingTask) -> Waiting:
        return Waiting(
            task_id=task.task_id,
            user_id=task.user_id,
            last_runner_id=task.last_runner_id,
            age_s=self._clock.boot_s() - self._first_seen_s[task.task_id],
        )

    def _check_rights(self, pending: list[PendingTask], checks: asyncio.TaskGroup) -> dict[str, str]:
        """Ask for the rights that are not known; returns why tasks wait whose rights cannot be known now."""
        reasons = {}
        for task in pending:
            answer = self._rights.known(task.user_id, task.project_id)
            key = (task.user_id, task.project_id)
            if answer is not None and answer.right is Right.UNKNOWN:
                reasons[task.task_id] = answer.words
            elif answer is None and key not in self._asking:
                self._asking.add(key)
                checks.create_task(self._ask(*key))
        return reasons

    async def _ask(self, user_id: str, project_id: str) -> None:
        try:
            async with self._check_slots:
                answer = await self._rights.ask(user_id, project_id)
            if answer.right is Right.NONE:
                await self._writer.write(lambda tx: deadlines.fail_pending(tx, project_id, reason=answer.words))
            if branch := answer.new_default_branch:
                await self._writer.write(lambda tx: projects.set_default_branch(tx, project_id, branch))
            self.wake()
        except ErrandError as exc:
            log.warning("right_not_checked", project_id=project_id, error=exc.message)
        finally:
            self._asking.discard((user_id, project_id))

    async def _offer(self, task_id: str, runner_id: str) -> None:
        attempt_id = self._ids.new("att")
        await self._writer.write(
            lambda tx: turns.offer(
                tx, task_id=task_id, runner_id=runner_id, attempt_id=attempt_id, durations=self._durations
            )
        )

    async def _say_why(self, task_id: str, reason: str) -> None:
        await self._writer.write(lambda tx: deadlines.say_why(tx, task_id, reason=reason))
