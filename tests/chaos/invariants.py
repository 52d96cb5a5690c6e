"""What must hold at the end of every trial, read off the database, the git host and Docker: the system's promises."""

import asyncio
import itertools
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from errand.v1 import event_pb2
from tests.demo.phone import FINAL
from tests.demo.stack import Stack

CALM_S = 30.0
"""Within which all comes to rest when a scenario is over."""

FINAL_PHASES = ("succeeded", "failed", "cancelled", "timed_out", "parked", "lost", "withdrawn")


@dataclass(frozen=True)
class Task:
    """A row."""

    task_id: str
    status: str
    status_reason: str
    branch: str


@dataclass(frozen=True)
class Attempt:
    """A row."""

    attempt_id: str
    task_id: str
    runner_id: str
    fence: int
    phase: str
    failure_reason: str | None
    acked: int
    accepted_us: int | None
    completed_us: int | None

    @property
    def live(self) -> bool:
        return self.phase not in FINAL_PHASES


@dataclass(frozen=True)
class Told:
    """An event that a runner told."""

    event_id: int
    attempt_id: str
    sequence: int
    kind: str
    body: bytes


@dataclass(frozen=True)
class Record:
    """All of the database that is judged, at one moment."""

    tasks: Sequence[Task]
    attempts: Sequence[Attempt]
    told: Sequence[Told]
    broken: Sequence[str]
    """What SQLite itself finds wrong."""


Finals = Mapping[str, tuple[Attempt, int]]
"""Final attempts, and how many events each has."""


async def hold(stack: Stack, earlier: Finals, *, slots: int) -> None:
    """Waits until all is at rest, then looks. `earlier` is what was final when the trial began."""
    found: list[str] = []
    try:
        async with asyncio.timeout(CALM_S):
            while found := await asyncio.to_thread(_look, stack, earlier, slots):
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError("; ".join(found)) from None


def _look(stack: Stack, earlier: Finals, slots: int) -> list[str]:
    record = read(stack)
    return [
        *breaches(record, slots=slots),
        *changed(earlier, record),
        *_containers(stack, record),
        *_branches(stack, record),
    ]


def finals(stack: Stack) -> Finals:
    """What is final now, and must never change."""
    return _finals(read(stack))


def _finals(record: Record) -> Finals:
    counts = {attempt_id: len(told) for attempt_id, told in _by_attempt(record.told).items()}
    return {each.attempt_id: (each, counts.get(each.attempt_id, 0)) for each in record.attempts if not each.live}


def changed(earlier: Finals, record: Record) -> list[str]:
    """I5: a final attempt stays as it is."""
    now = _finals(record)
    return [f"I5: {key}, which was final, is not as it was" for key, was in earlier.items() if now.get(key) != was]


def breaches(record: Record, *, slots: int) -> list[str]:
    """What does not hold, in words."""
    return [
        *record.broken,
        *_lost(record),
        *_holes(record),
        *_two_at_once(record),
        *_late(record),
        *_overfull(record.attempts, slots),
    ]


def _lost(record: Record) -> Iterator[str]:
    for task in record.tasks:
        if task.status not in FINAL and not task.status_reason:
            yield f"I1: {task.task_id} is {task.status}, and nobody says why"
        if task.status not in (*FINAL, "pending", "waiting"):
            yield f"I1: {task.task_id} is {task.status} still ({task.status_reason})"


def _holes(record: Record) -> Iterator[str]:
    told = _by_attempt(record.told)
    for attempt in record.attempts:
        numbers = [each.sequence for each in told[attempt.attempt_id]]
        if numbers != list(range(1, attempt.acked + 1)):
            yield f"I4: {attempt.attempt_id} acknowledged {attempt.acked} events and has {numbers}"


def _two_at_once(record: Record) -> Iterator[str]:
    live = [attempt.task_id for attempt in record.attempts if attempt.live]
    for task_id in {each for each in live if live.count(each) > 1}:
        yield f"I2: {task_id} has more than one live attempt"


def _late(record: Record) -> Iterator[str]:
    """Nothing of an attempt is stored behind what a later one of the same task told."""
    told = _by_attempt(record.told)
    by_task: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in record.attempts:
        by_task[attempt.task_id].append(attempt)
    for attempts in by_task.values():
        with_events = [told[each.attempt_id] for each in attempts if told[each.attempt_id]]
        for before, after in itertools.pairwise(with_events):
            if before[-1].event_id > after[0].event_id:
                yield f"I2: {before[0].attempt_id} told something after {after[0].attempt_id} had begun"


def _overfull(attempts: Sequence[Attempt], slots: int) -> Iterator[str]:
    moves: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for attempt in attempts:
        if attempt.accepted_us is not None:
            moves[attempt.runner_id].append((attempt.accepted_us, 1))
            if attempt.completed_us is not None:
                moves[attempt.runner_id].append((attempt.completed_us, -1))
    for runner_id, steps in moves.items():
        most = max(itertools.accumulate(step for _, step in sorted(steps)))
        if most > slots:
            yield f"I10: {runner_id} had {most} attempts at once, and {slots} slots"


def _by_attempt(told: Sequence[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = defaultdict(list)
    for each in told:
        found[each.attempt_id].append(each)
    return found


def _containers(stack: Stack, record: Record) -> Iterator[str]:
    live = {attempt.task_id for attempt in record.attempts if attempt.live}
    for runner_id in stack.runner_ids():
        form = '{{.Names}} {{.Label "errand.task"}}'
        command = ["docker", "ps", "--all", "--filter", f"label=errand.runner={runner_id}", "--format", form]
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            name, _, task_id = line.partition(" ")
            if task_id not in live:
                yield f"I7: the container {name} is there for {task_id}, which no attempt works on"


def _branches(stack: Stack, record: Record) -> Iterator[str]:
    """Each completed task's branch is at the commit that was told last."""
    tasks = {attempt.attempt_id: attempt.task_id for attempt in record.attempts}
    last = {
        tasks[each.attempt_id]: event_pb2.EventBody.FromString(each.body).branch_pushed.commit
        for each in record.told
        if each.kind == "branch_pushed"
    }
    command = ["git", "-C", str(stack.bare()), "for-each-ref"]
    listed = subprocess.run(
        [*command, "--format=%(refname) %(objectname)", "refs/heads/errand/"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    at_host = dict(line.removeprefix("refs/heads/").split() for line in listed.splitlines())
    for task in record.tasks:
        if task.status == "completed" and at_host.get(task.branch) != last.get(task.task_id):
            yield f"I12: {task.branch} is at {at_host.get(task.branch)}, and {last.get(task.task_id)} was told"


def read(stack: Stack) -> Record:
    """The database as it is, opened for reading alone."""
    with closing(sqlite3.connect(f"file:{stack.database}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        return Record(
            [Task(*row) for row in connection.execute("SELECT task_id, status, status_reason, branch FROM tasks")],
            [
                Attempt(*row)
                for row in connection.execute(
                    "SELECT attempt_id, task_id, runner_id, fence, phase, failure_reason, acked_sequence,"
                    " accepted_time, completed_time FROM attempts ORDER BY task_id, fence"
                )
            ],
            [
                Told(*row)
                for row in connection.execute(
                    "SELECT event_id, attempt_id, attempt_sequence, kind, body FROM events"
                    " WHERE attempt_sequence IS NOT NULL ORDER BY event_id"
                )
            ],
            [
                f"the database: {row[0]}"
                for pragma in ("integrity_check", "foreign_key_check")
                for row in connection.execute(f"PRAGMA {pragma}")
                if row[0] != "ok"
            ],
        )
