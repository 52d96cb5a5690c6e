"""Random operations on a store, most of them legal: what people, runners and time do, in whatever order."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from errand_common.errors import Conflict, Exhausted
from errand_common.ids import Ids
from errand_common.values import AttemptPhase, FailureReason, InputKind, Role, TaskStatus
from errand_scheduler import facts
from errand_scheduler.board import Board
from errand_scheduler.facts import Fact
from errand_scheduler.lifecycle import asks, input_changes, inventory, records, retries, turns
from errand_scheduler.lifecycle.decisions import follows
from errand_scheduler.lifecycle.effects import Effect, MessageAdded, PhaseReported, WaitBegan, WaitOver
from errand_scheduler.lifecycle.inventory import Claim
from errand_scheduler.lifecycle.records import RunnerEvent
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store import attempts, inputs, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.database import prepare
from errand_scheduler.store.group import commit_group
from errand_scheduler.store.messages import Message
from errand_scheduler.store.query import Query
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.sweeper import attempt_is_due, task_is_due
from tests.unit.scheduler.swept import hear
from tests.unit.scheduler.world import (
    ALLOWANCE,
    DURATIONS,
    OTHER_RUNNER,
    QUESTION,
    QUOTA,
    RUNNER,
    THIRD_RUNNER,
    USER,
    StillClock,
    created,
    seed,
)

T = TypeVar("T")

RUNNERS = st.sampled_from([RUNNER, OTHER_RUNNER, THIRD_RUNNER])
ENDS = st.sampled_from(
    [
        AttemptPhase.SUCCEEDED,
        AttemptPhase.FAILED,
        AttemptPhase.CANCELLED,
        AttemptPhase.TIMED_OUT,
        AttemptPhase.PARKED,
    ]
)
FAILURES = st.sampled_from([FailureReason.ENGINE, FailureReason.SANDBOX, FailureReason.CLONE, FailureReason.PUSH])
PHASES = st.sampled_from([AttemptPhase.STARTING, AttemptPhase.RUNNING])
KINDS = st.sampled_from(InputKind)
BEATS = st.sampled_from([1.0, 4.0, 13.0, 130.0, 361.0, 17_281.0, 120_961.0, 518_401.0])
MOST_TASKS = 3
SOMETHING = Fact(kind="step_finished", body=b"")


class Life(RuleBasedStateMachine):
    """A store, and a board that follows what is committed, as in a scheduler. `stopped`: tasks that are to stay so."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "errand.db"
        path.write_bytes(_empty_database())
        self.connection = open_for_writing(path)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.clock = StillClock()
        self.ids = Ids(self.clock, Random(0).randbytes)
        self.board = Board(self.clock, DURATIONS)
        self.stopped: set[str] = set()
        self.write(seed)
        self.create()

    def teardown(self) -> None:
        self.connection.close()
        self.folder.cleanup()

    def write(self, fn: Callable[[Tx], T]) -> T | None:
        """What a writer does with one operation. A refusal is an answer too; it changes nothing."""
        self.clock.move(0.001)
        (outcome,) = commit_group(self.connection, [fn], self.clock.now())
        if outcome.error is not None:
            assert isinstance(outcome.error, Conflict | Exhausted), outcome.error
            return None
        hear(self.board, outcome.notices)
        return outcome.result  # type: ignore[return-value]  # what `fn` returned

    def all(self, query: Query[T]) -> list[T]:
        return [query.of(row) for row in self.connection.execute(query.sql, query.params)]

    def tasks(self) -> list[Task]:
        ids = [row[0] for row in self.connection.execute("SELECT task_id FROM tasks ORDER BY created_time")]
        return [self.all(tasks.by_id(each))[0] for each in ids]

    def live(self, task_id: str) -> Attempt | None:
        return next(iter(self.all(attempts.live_of_task(task_id))), None)

    def at_work(self) -> list[Attempt]:
        return [each for each in self.all(attempts.live()) if each.phase is not AttemptPhase.OFFERED]

    def pick(self, number: int) -> Task:
        found = self.tasks()
        return found[number % len(found)]

    def attempt_ids(self) -> list[str]:
        """Of every attempt there ever was, the latest first."""
        return [row[0] for row in self.connection.execute("SELECT attempt_id FROM attempts ORDER BY created_time DESC")]

    def pick_attempt(self, number: int) -> Attempt:
        """Any attempt there ever was, the latest ones most often."""
        known = self.attempt_ids()
        return self.all(attempts.by_id(known[min(number, len(known) - 1)]))[0]

    @precondition(lambda self: len(self.tasks()) < MOST_TASKS)
    @rule()
    def create(self) -> None:
        self.write(lambda tx: created(tx, self.ids, durations=DURATIONS, most_pending=MOST_TASKS))

    @rule(runner_id=RUNNERS, steps=st.sampled_from([0, 1, 2, 3, 3, 3]), reads=st.booleans())
    def work(self, runner_id: str, steps: int, reads: bool) -> None:
        """A runner is offered every task, and may accept it, start, run, and read what people wrote."""
        for task in self.tasks():
            self.work_on(task.task_id, runner_id, steps)
            attempt = self.live(task.task_id)
            if reads and attempt is not None:
                self.tell_message(attempt.attempt_id)

    def work_on(self, task_id: str, runner_id: str, steps: int) -> None:
        attempt_id = self.ids.new("att")
        self.write(
            lambda tx: turns.offer(tx, task_id=task_id, runner_id=runner_id, attempt_id=attempt_id, durations=DURATIONS)
        )
        attempt = self.live(task_id)
        if attempt is None or steps == 0:
            return
        self.write(lambda tx: turns.accept(tx, _holder(attempt), DURATIONS))
        for phase in (AttemptPhase.STARTING, AttemptPhase.RUNNING)[: steps - 1]:
            self.tell_phase(attempt.attempt_id, phase)

    @precondition(lambda self: self.at_work())
    @rule(number=st.integers(0, 2), wait=st.sampled_from([QUESTION, ALLOWANCE, QUOTA]), reads=st.booleans())
    def wait(self, number: int, wait: Wait, reads: bool) -> None:
        """An attempt waits, having read everything or not; what was written after that is for its end."""
        attempt = self.at_work()[number % len(self.at_work())]
        if reads:
            self.tell_message(attempt.attempt_id)
        attempt = self.all(attempts.by_id(attempt.attempt_id))[0]
        self.tell(attempt, SOMETHING, WaitBegan(wait))

    @precondition(lambda self: self.at_work())
    @rule(number=st.integers(0, 2), goes_on=st.booleans())
    def wait_no_more(self, number: int, goes_on: bool) -> None:
        attempt = self.at_work()[number % len(self.at_work())]
        if goes_on:
            self.tell(attempt, SOMETHING, WaitOver())
        else:
            self.end(attempt, AttemptPhase.PARKED, None)

    @precondition(lambda self: self.at_work())
    @rule(number=st.integers(0, 2), phase=ENDS, failure=FAILURES)
    def finish(self, number: int, phase: AttemptPhase, failure: FailureReason) -> None:
        attempt = self.at_work()[number % len(self.at_work())]
        self.end(attempt, phase, failure if phase is AttemptPhase.FAILED else None)

    @precondition(lambda self: self.attempt_ids())
    @rule(number=st.integers(0, 3), how=st.sampled_from(["accept", "report", "read", "finish"]), phase=PHASES)
    def come_late(self, number: int, how: str, phase: AttemptPhase) -> None:
        """A request about any attempt there ever was."""
        attempt = self.pick_attempt(number)
        match how:
            case "accept":
                self.write(lambda tx: turns.accept(tx, _holder(attempt), DURATIONS))
            case "report":
                self.tell_phase(attempt.attempt_id, phase)
            case "read":
                self.tell_message(attempt.attempt_id)
            case _:
                self.end(attempt, AttemptPhase.SUCCEEDED, None)

    def tell_phase(self, attempt_id: str, phase: AttemptPhase) -> None:
        attempt = self.all(attempts.by_id(attempt_id))[0]
        if follows(attempt.phase, phase):
            fact = facts.attempt_moved(phase, "", attempt.runner_id)
            self.tell(attempt, fact, PhaseReported(phase))

    def tell_message(self, attempt_id: str) -> None:
        attempt = self.all(attempts.by_id(attempt_id))[0]
        found = tuple(each.input_id for each in self.all(inputs.untaken(attempt.task_id)))
        message = Message(message_id=self.ids.new("msg"), role=Role.USER, content=b"[]")
        self.tell(attempt, SOMETHING, MessageAdded(message, found))

    def tell(self, attempt: Attempt, fact: Fact, effect: Effect) -> None:
        told = RunnerEvent(attempt.acked_sequence + 1, fact.kind, fact.body, effect)
        self.write(lambda tx: records.store_events(tx, _holder(attempt), [told], DURATIONS))

    def end(self, attempt: Attempt, phase: AttemptPhase, failure: FailureReason | None) -> None:
        sequence = self.all(attempts.by_id(attempt.attempt_id))[0].acked_sequence
        end = AttemptEnd(phase=phase, failure=failure, reason="so it was", last_sequence=sequence)
        for _ in range(2):
            self.write(lambda tx: turns.finish(tx, _holder(attempt), end, DURATIONS))

    @rule(number=st.integers(0, 5), how=st.sampled_from(["add", "add", "edit", "promote", "remove"]), kind=KINDS)
    def write_to_it(self, number: int, how: str, kind: InputKind) -> None:
        task, input_id = self.pick(number), self.ids.new("inp")
        rows = self.connection.execute("SELECT input_id FROM inputs ORDER BY created_time DESC").fetchall()
        known = rows[min(number, len(rows) - 1)][0]
        match how:
            case "add":
                added = self.write(
                    lambda tx: asks.add_input(
                        tx,
                        user_id=USER,
                        task_id=task.task_id,
                        text="more",
                        kind=kind,
                        input_id=input_id,
                        durations=DURATIONS,
                        most_pending=MOST_TASKS,
                    )
                )
                if added is not None:
                    self.stopped.discard(task.task_id)
                    if self.live(task.task_id) is None:
                        assert self.all(tasks.by_id(task.task_id))[0].status is TaskStatus.PENDING
            case "edit":
                self.write(lambda tx: input_changes.edit_input(tx, user_id=USER, input_id=known, text="rather this"))
            case "promote":
                self.write(lambda tx: input_changes.promote_input(tx, user_id=USER, input_id=known))
            case _:
                self.write(lambda tx: input_changes.remove_input(tx, user_id=USER, input_id=known))

    @rule(number=st.integers(0, 2), runner_present=st.booleans(), how=st.sampled_from(["retry", "retry", "stop"]))
    def stop_or_retry(self, number: int, runner_present: bool, how: str) -> None:
        task = self.pick(number)
        task_id = task.task_id
        if how == "retry":
            again = self.write(
                lambda tx: retries.retry_task(
                    tx, user_id=USER, task_id=task_id, durations=DURATIONS, most_pending=MOST_TASKS
                )
            )
            if again is not None and again.status is TaskStatus.PENDING:
                self.stopped.discard(task_id)
            return
        stopped = self.write(
            lambda tx: asks.stop_task(
                tx, user_id=USER, task_id=task_id, runner_present=runner_present, durations=DURATIONS
            )
        )
        assert stopped is not None, "a stop is never refused"
        if not task.status.final:
            self.stopped.add(task_id)
        live = self.live(task_id)
        assert live is None or (live.phase is AttemptPhase.STOPPING and runner_present)

    @precondition(lambda self: self.attempt_ids())
    @rule(runner_id=RUNNERS, names=st.booleans(), newly_started=st.booleans(), behind=st.booleans())
    def connect(self, runner_id: str, names: bool, newly_started: bool, behind: bool) -> None:
        held = self.all(attempts.live_of_runner(runner_id)) if names else []
        claims = [Claim(_holder(each), max(each.acked_sequence - behind, 0)) for each in held]
        self.write(
            lambda tx: inventory.take_inventory(
                tx, runner_id=runner_id, claims=claims, newly_started=newly_started, durations=DURATIONS
            )
        )

    @rule(beats=BEATS, present=st.booleans())
    def pass_time(self, beats: float, present: bool) -> None:
        """Everything that is due is done, as the sweeper does it. The runners may be there all along."""
        self.clock.move(beats * DURATIONS.beat_s)
        for _ in range(4):
            if present:
                for attempt in list(self.board.attempts()):
                    self.board.renew(_holder(attempt))
            for due, attempt in self.board.due():
                self.write(attempt_is_due(due, attempt, DURATIONS))
            for task in self.board.due_tasks():
                self.write(task_is_due(task, DURATIONS))
            self.clock.move(2 * DURATIONS.beat_s)


def _holder(attempt: Attempt) -> Holder:
    return Holder(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id, fence=attempt.fence)


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "errand.db"
        prepare(path)
        return path.read_bytes()
