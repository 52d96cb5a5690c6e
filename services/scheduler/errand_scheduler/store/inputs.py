"""Inputs: what people wrote, the first prompt included, and which message carries it to the model."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from errand_common.values import InputKind
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = "SELECT input_id, task_id, kind, taken_message_id, removed_time, created_time, text FROM inputs"


@dataclass(frozen=True)
class Input:
    """What a person wrote; `removed_time` is when the person took it back."""

    input_id: str
    task_id: str
    text: str
    kind: InputKind
    taken_message_id: str | None
    created_time: int
    removed_time: int | None = None


@dataclass(frozen=True)
class Load:
    """How many inputs of a task wait, and the bytes of their texts."""

    count: int
    size_bytes: int


@dataclass(frozen=True)
class Left:
    """Whether any input of a task waits, any that came after its attempt began, any that came after its open question
    was asked, and whether a message of the attempt carries any."""

    waits: bool
    newer_waits: bool
    answer_waits: bool
    took_any: bool


@dataclass(frozen=True)
class Waiting:
    """An input of a live attempt that no message carries, taken back or not, without its text."""

    attempt_id: str
    input_id: str
    kind: InputKind
    size_bytes: int
    removed: bool


def by_id(input_id: str) -> Query[Input]:
    """The input."""
    return Query(f"{_SELECT} WHERE input_id = :input_id", _input, {"input_id": input_id})


def prompt_of(task_id: str) -> Query[Input]:
    """The input that the task began with."""
    return Query(f"{_SELECT} WHERE task_id = :task_id ORDER BY rowid LIMIT 1", _input, {"task_id": task_id})


def untaken(task_id: str) -> Query[Input]:
    """What waits: neither carried by a message nor taken back, oldest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
        ORDER BY created_time, input_id
        """,
        _input,
        {"task_id": task_id},
    )


def among(input_ids: Sequence[str]) -> Query[Input]:
    """These inputs, oldest first."""
    return Query(
        """
        SELECT input_id, task_id, kind, taken_message_id, removed_time, created_time, text FROM inputs
        WHERE input_id IN (SELECT value FROM json_each(:ids))
        ORDER BY created_time, input_id
        """,
        _input,
        {"ids": json.dumps(list(input_ids))},
    )


def first_untaken(task_id: str) -> Query[str]:
    """The id of what waits longest."""
    return Query(
        """
        SELECT input_id FROM inputs
        WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
        ORDER BY rowid
        LIMIT 1
        """,
        lambda row: str(row["input_id"]),
        {"task_id": task_id},
    )


def waits_since(task_id: str, input_id: str) -> Query[bool]:
    """Whether this input of the task waits, or one that was stored after it."""
    return Query(
        """
        SELECT EXISTS (
            SELECT 1 FROM inputs WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
            AND rowid >= (SELECT rowid FROM inputs WHERE input_id = :input_id)
        ) AS found
        """,
        lambda row: bool(row["found"]),
        {"task_id": task_id, "input_id": input_id},
    )


def load(task_id: str) -> Query[Load]:
    """How much waits: neither carried by a message nor taken back."""
    return Query(
        """
        SELECT COUNT(*) AS count, COALESCE(SUM(LENGTH(CAST(text AS BLOB))), 0) AS size_bytes FROM inputs
        WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
        """,
        lambda row: Load(count=row["count"], size_bytes=row["size_bytes"]),
        {"task_id": task_id},
    )


def left(task_id: str, attempt_id: str) -> Query[Left]:
    """What the task's attempt leaves."""
    return Query(
        """
        SELECT EXISTS (
            SELECT 1 FROM inputs WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
        ) AS waits,
        EXISTS (
            SELECT 1 FROM inputs WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
            AND created_time > (SELECT created_time FROM attempts WHERE attempt_id = :attempt_id)
        ) AS newer_waits,
        EXISTS (
            SELECT 1 FROM inputs WHERE task_id = :task_id AND taken_message_id IS NULL AND removed_time IS NULL
            AND created_time > COALESCE(
                (
                    SELECT MAX(created_time) FROM tool_calls
                    WHERE task_id = :task_id AND output IS NULL AND output_sha256 IS NULL
                ),
                0
            )
        ) AS answer_waits,
        EXISTS (
            SELECT 1 FROM messages
            JOIN inputs ON inputs.taken_message_id = messages.message_id
            WHERE messages.attempt_id = :attempt_id
        ) AS took_any
        """,
        lambda row: Left(
            waits=bool(row["waits"]),
            newer_waits=bool(row["newer_waits"]),
            answer_waits=bool(row["answer_waits"]),
            took_any=bool(row["took_any"]),
        ),
        {"task_id": task_id, "attempt_id": attempt_id},
    )


def untaken_of_attempts(attempt_ids: Sequence[str]) -> Query[Waiting]:
    """What no message carries of the inputs of each of these attempts' tasks, oldest first."""
    # From the attempts, which are few: inputs that failed tasks never took up may be many.
    return Query(
        """
        SELECT attempts.attempt_id, inputs.input_id, inputs.kind, LENGTH(CAST(inputs.text AS BLOB)) AS size_bytes,
            inputs.removed_time IS NOT NULL AS removed
        FROM attempts
        CROSS JOIN inputs INDEXED BY inputs_by_task ON inputs.task_id = attempts.task_id
        WHERE attempts.attempt_id IN (SELECT value FROM json_each(:ids))
        AND inputs.taken_message_id IS NULL
        ORDER BY inputs.created_time, inputs.input_id
        """,
        _waiting,
        {"ids": json.dumps(list(attempt_ids))},
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


def set_text(tx: Tx, input_id: str, text: str) -> None:
    """Replace what the person wrote."""
    tx.run("UPDATE inputs SET text = :text WHERE input_id = :input_id", {"input_id": input_id, "text": text})


def set_kind(tx: Tx, input_id: str, kind: InputKind) -> None:
    """Change when it reaches the model."""
    tx.run("UPDATE inputs SET kind = :kind WHERE input_id = :input_id", {"input_id": input_id, "kind": kind})


def remove(tx: Tx, input_id: str) -> None:
    """Note that the person took it back."""
    tx.run(
        "UPDATE inputs SET removed_time = :now WHERE input_id = :input_id",
        {"input_id": input_id, "now": tx.now_us},
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
        removed_time=row["removed_time"],
    )


def _waiting(row: sqlite3.Row) -> Waiting:
    return Waiting(
        attempt_id=row["attempt_id"],
        input_id=row["input_id"],
        kind=InputKind(row["kind"]),
        size_bytes=row["size_bytes"],
        removed=bool(row["removed"]),
    )
