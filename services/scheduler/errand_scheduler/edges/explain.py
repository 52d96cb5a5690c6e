"""Why a task waits, and what each runner lacks for it: told to its owner."""

from errand.v1 import task_service_pb2 as pb
from errand_common.clock import Clock
from errand_common.errors import NotFound
from errand_common.values import TaskStatus
from errand_scheduler.board import Board
from errand_scheduler.placing.outlook import Outlook
from errand_scheduler.placing.pending import Entry, wanted
from errand_scheduler.placing.placer import Placer
from errand_scheduler.placing.seats import NOT_CONNECTED, REVOKED, Labels, Seat, obstacle
from errand_scheduler.store import pending, runners, tasks
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.tasks import Task

_ELSEWHERE_FIRST = "the task waits for the runner that has its workspace first"
_STANDS = {
    TaskStatus.RUNNING: "it is being worked on",
    TaskStatus.WAITING: "it waits for you or for its time, not for a runner",
    TaskStatus.COMPLETED: "it is completed",
    TaskStatus.FAILED: "it failed",
    TaskStatus.CANCELLED: "it was stopped",
}


class Explanations:
    """Speaks from what placement itself goes by, so that the two never disagree."""

    def __init__(self, *, reader: Reader, clock: Clock, board: Board, placer: Placer) -> None:
        self._reader = reader
        self._clock = clock
        self._board = board
        self._placer = placer

    async def explain(self, user_id: str, task_id: str) -> pb.ExplainPendingResponse:
        """The answer for the user's task. Raises NotFound."""
        task = await self._reader.one(tasks.of_user(task_id, user_id))
        if task is None:
            raise NotFound(f"you have no task {task_id}")
        if task.status is not TaskStatus.PENDING:
            return pb.ExplainPendingResponse(reason=_stands(task))
        known = await self._reader.all(runners.every())
        entry = await self._entry(task_id)
        if offered_to := self._offered_to(task_id, known):
            return pb.ExplainPendingResponse(reason=f"offered to {offered_to}, which is to accept it in a moment")
        if entry is None:
            return pb.ExplainPendingResponse(reason=task.status_reason)
        return self._explain(entry, known)

    async def _entry(self, task_id: str) -> Entry | None:
        """The task as placement has it, or will have it in a moment."""
        if entry := self._placer.pending.entry(task_id):
            return entry
        row = await self._reader.one(pending.among([task_id]))
        return None if row is None else self._placer.pending.sketch(row)

    def _offered_to(self, task_id: str, known: list[Runner]) -> str:
        attempt = self._board.of_task(task_id)
        if attempt is None:
            return ""
        return next((runner.name for runner in known if runner.runner_id == attempt.runner_id), attempt.runner_id)

    def _explain(self, entry: Entry, known: list[Runner]) -> pb.ExplainPendingResponse:
        outlook = self._placer.outlook()
        return pb.ExplainPendingResponse(
            reason=outlook.explanation(entry, now_s=self._clock.boot_s()),
            runners=[
                pb.RunnerObstacle(runner=runner.name, reason=_obstacle(runner, entry, outlook)) for runner in known
            ],
            ahead=self._placer.pending.ahead(entry),
        )


def _stands(task: Task) -> str:
    stands = _STANDS[task.status]
    return f"{stands}: {task.status_reason}" if task.status_reason else stands


def _obstacle(runner: Runner, entry: Entry, outlook: Outlook) -> str:
    if runner.revoked:
        return REVOKED
    labels: Labels = wanted(entry.row)
    seat = next((seat for seat in outlook.seats if seat.runner_id == runner.runner_id), None)
    if seat is None:
        return NOT_CONNECTED
    return obstacle(seat, labels) or (_ELSEWHERE_FIRST if _waits_for_another(entry, seat, outlook) else "")


def _waits_for_another(entry: Entry, seat: Seat, outlook: Outlook) -> bool:
    needs = entry.needs
    if needs is None or needs.only in (None, seat.runner_id):
        return False
    return outlook.waits_for_its_runner(needs)
