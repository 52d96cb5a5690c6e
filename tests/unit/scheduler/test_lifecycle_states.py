"""Whatever people, runners and time do in whatever order: the promises about tasks and attempts hold after each."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from errand.v1 import event_pb2, task_pb2
from errand_common.values import AttemptPhase, TaskStatus
from errand_common.wire import word
from errand_scheduler.store import attempts, inputs
from errand_scheduler.store.attempts import Attempt
from tests.unit.scheduler.life import Life


class WatchedLife(Life):
    """Looked at after each operation."""

    def __init__(self) -> None:
        self.seen: dict[str, Attempt] = {}
        self.last_event = 0
        self.told_statuses: dict[str, TaskStatus] = {}
        self.told_phases: dict[str, AttemptPhase] = {}
        super().__init__()

    @invariant()
    def a_task_has_one_live_attempt_at_most_and_stands_where_that_is(self) -> None:
        for task in self.tasks():
            live = self.all(attempts.live_of_task(task.task_id))
            assert len(live) <= 1
            phase = live[0].phase if live else None
            match task.status:
                case TaskStatus.PENDING:
                    assert phase in (None, AttemptPhase.OFFERED)
                case TaskStatus.RUNNING:
                    assert phase not in (None, AttemptPhase.OFFERED)
                case TaskStatus.WAITING:
                    assert phase in (None, AttemptPhase.RUNNING)
                case _:
                    assert phase is None

    @invariant()
    def whatever_is_not_final_has_a_deadline(self) -> None:
        for task in self.tasks():
            assert (task.deadline_time is not None) == (task.status in (TaskStatus.PENDING, TaskStatus.WAITING))
            assert (task.wait_reason is not None) == (task.status is TaskStatus.WAITING)
            assert task.resume_time is None or task.status is TaskStatus.WAITING
        for attempt in self.all(attempts.live()):
            assert attempt.deadline_time is not None

    @invariant()
    def what_waits_or_failed_says_why(self) -> None:
        for task in self.tasks():
            assert task.status_reason or task.status in (TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.FAILED)
            assert (task.failure_reason is not None) == (task.status is TaskStatus.FAILED)

    @invariant()
    def a_parked_task_waits_for_something_that_is_not_there(self) -> None:
        for task in self.tasks():
            if task.status is TaskStatus.WAITING and self.live(task.task_id) is None:
                assert not task.resume_after_stop
                assert not self.all(inputs.untaken(task.task_id))

    @invariant()
    def a_stop_is_never_lost(self) -> None:
        for task in self.tasks():
            if task.task_id in self.stopped:
                live = self.live(task.task_id)
                assert task.status is TaskStatus.CANCELLED or (live and live.phase is AttemptPhase.STOPPING)

    @invariant()
    def phases_only_rise_and_what_is_final_never_changes(self) -> None:
        for attempt_id in self.attempt_ids():
            (now,) = self.all(attempts.by_id(attempt_id))
            before = self.seen.get(attempt_id)
            if before is not None:
                assert now == before if before.phase.final else now.phase.rank >= before.phase.rank
            self.seen[attempt_id] = now

    @invariant()
    def the_events_end_where_the_rows_stand(self) -> None:
        new = "SELECT event_id, task_id, attempt_id, body FROM events WHERE event_id > ? ORDER BY event_id"
        for row in self.connection.execute(new, (self.last_event,)):
            self.last_event = row["event_id"]
            body = event_pb2.EventBody.FromString(row["body"])
            if body.HasField("task_status_changed"):
                status = TaskStatus(word(task_pb2.TaskStatus, body.task_status_changed.status))
                self.told_statuses[row["task_id"]] = status
            elif body.HasField("attempt_phase_changed"):
                phase = AttemptPhase(word(task_pb2.AttemptPhase, body.attempt_phase_changed.phase))
                before = self.told_phases.get(row["attempt_id"])
                assert before is None or phase.rank > before.rank
                self.told_phases[row["attempt_id"]] = phase
        assert self.told_statuses == {task.task_id: task.status for task in self.tasks()}
        assert self.told_phases == {attempt_id: attempt.phase for attempt_id, attempt in self.seen.items()}

    @invariant()
    def the_board_knows_what_is_live(self) -> None:
        live = {attempt.attempt_id: attempt for attempt in self.all(attempts.live())}
        followed = {attempt.attempt_id: attempt.phase for attempt in self.board.attempts()}
        assert followed == {attempt_id: attempt.phase for attempt_id, attempt in live.items()}


TestLife = WatchedLife.TestCase
TestLife.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
