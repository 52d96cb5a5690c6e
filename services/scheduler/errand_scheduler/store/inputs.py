"""Inputs: what people wrote, the first prompt included, and which message carries it to the model."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from errand_common.values import InputKind
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx

_SELECT = "SELECT input_id, task_id, kind, taken_message_id, created_time, text FROM inputs"


@dataclass(frozen=True)
class Input:
    """What a person wrote."""

    input_id: str
    task_id: str
    text: str
    kind: InputKind
    taken_message_id: str | None
    created_time: int


@dataclass(frozen=True)
class Waiting:
    """An input that no message carries yet, without its text."""

    attempt_id: str
    input_id: str
    kind: InputKind
    size_bytes: int


def by_id(input_id: str) -> Query[Input]:
    """The input."""
    return Query(f"{_SELECT} WHERE input_id = :input_id", _input, {"input_id": input_id})


def untaken(task_id: str) -> Query[Input]:
    """What no message carries yet, oldest first."""
    return Query(
        f"{_SELECT} WHERE task_id = :task_id AND taken_message_id IS NULL ORDER BY created_time, input_id",
        _input,
        {"task_id": task_id},
    )


def untaken_of_runner(runner_id: str) -> Query[Waiting]:
    """What waits for each of the runner's live attempts, oldest first."""
    # From the attempts, which are few: inputs that failed tasks never took up may be many.
    return Query(
        """
        SELECT attempts.attempt_id, inputs.input_id, inputs.kind, LENGTH(CAST(inputs.text AS BLOB)) AS size_bytes
        FROM attempts
        CROSS JOIN inputs INDEXED BY inputs_by_task ON inputs.task_id = attempts.task_id
        WHERE attempts.runner_id = :runner_id
        AND attempts.phase IN ('offered', 'accepted', 'starting', 'running', 'stopping')
        AND inputs.taken_message_id IS NULL
        ORDER BY inputs.created_time, inputs.input_id
        """,
        _waiting,
        {"runner_id": runner_id},
    )


def count_taken_by(attempt_id: str) -> Query[int]:
    """How many inputs the attempt's messages carry."""
    return Query(
        """
        SELECT COUNT(*) FROM messages
        JOIN inputs ON inputs.taken_message_id = messages.message_id
        WHERE messages.attempt_id = :attempt_id
        """,
        number,
        {"attempt_id": attempt_id},
    )


def insert(tx: Tx, item: Input) -> None:
    """Store an input that no message carries."""
    tx.run(
        """
        INSERT INTO inputs (input_id, task_id, kind, created_time, text)
        VALUES (:input_id, :task_id, :kind, :created_time, :text)
        """,
        {
            "input_id": item.input_id,
            "task_id": item.task_id,
            "kind": item.kind,
            "created_time": item.created_time,
            "text": item.text,
        },
    )


def take(tx: Tx, *, task_id: str, input_ids: Iterable[str], message_id: str) -> None:
    """Note which of the task's inputs a message carries; the first message stays."""
    tx.run_many(
        """
        UPDATE inputs SET taken_message_id = :message_id
        WHERE input_id = :input_id AND task_id = :task_id AND taken_message_id IS NULL
        """,
        [{"input_id": input_id, "task_id": task_id, "message_id": message_id} for input_id in input_ids],
    )


def _input(row: sqlite3.Row) -> Input:
    return Input(
        input_id=row["input_id"],
        task_id=row["task_id"],
        text=row["text"],
        kind=InputKind(row["kind"]),
        taken_message_id=row["taken_message_id"],
        created_time=row["created_time"],
    )


def _waiting(row: sqlite3.Row) -> Waiting:
    return Waiting(
        attempt_id=row["attempt_id"],
        input_id=row["input_id"],
        kind=InputKind(row["kind"]),
        size_bytes=row["size_bytes"],
    )
