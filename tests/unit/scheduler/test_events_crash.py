"""A crash in the middle of a group commit leaves batches whole or not there, and no ack for what is not."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from errand_common.clock import Instant
from errand_common.ids import Ids
from errand_common.values import Role
from errand_scheduler.lifecycle.effects import Effect, MessageAdded, ToolCallBegan, ToolCallEnded
from errand_scheduler.lifecycle.records import RunnerEvent, store_events
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.group import commit_group
from errand_scheduler.store.messages import Message
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage
from tests.unit.scheduler.world import DURATIONS, StillClock, world

COUNT = 30
_ROWS = """
    SELECT attempts.acked_sequence, COUNT(event_id), COALESCE(SUM(length(body)), 0),
        (SELECT COUNT(*) FROM messages WHERE messages.attempt_id = attempts.attempt_id),
        (SELECT COUNT(*) FROM tool_calls WHERE tool_calls.attempt_id = attempts.attempt_id AND output IS NOT NULL),
        tasks.input_tokens
    FROM attempts JOIN tasks USING (task_id)
    LEFT JOIN events ON events.attempt_id = attempts.attempt_id AND attempt_sequence IS NOT NULL
    WHERE attempts.attempt_id = ?
    GROUP BY attempts.attempt_id
"""
_NOTHING, _WHOLE = (0, 0, 0, 0, 0, 0), (COUNT, COUNT, COUNT * 3000, COUNT // 3, COUNT // 3, COUNT // 3)


def batch(ids: Ids) -> list[RunnerEvent]:
    """Messages and tool calls, enough of them not to fit the connection's memory."""
    message_ids = [ids.new("msg") for _ in range(COUNT)]

    def effect(sequence: int) -> Effect:
        call = ToolCall(f"toolu_{(sequence - 1) // 3}", "shell", b"{}", output=b'"done"', duration_us=1)
        match sequence % 3:
            case 1:
                return ToolCallBegan(call)
            case 2:
                return ToolCallEnded(call)
        message = Message(message_ids[sequence - 1], Role.ASSISTANT, bytes(2000), usage=Usage(input_tokens=1))
        return MessageAdded(message)

    return [RunnerEvent(number, "step_finished", bytes(3000), effect(number)) for number in range(1, COUNT + 1)]


class Crashes:
    """Copies of the database's files as a crash would leave them: one before every statement."""

    def __init__(self, database: Path, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self.copies: list[Path] = []

    def __call__(self, statement: str = "") -> None:
        copy = self._folder / str(len(self.copies))
        copy.mkdir(parents=True)
        for path in (self._database, self._database.with_name(f"{self._database.name}-wal")):
            shutil.copy(path, copy)
        self.copies.append(copy / self._database.name)


async def test_every_crash_point_keeps_whole_batches_and_what_was_not_acknowledged_is_stored_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "live").mkdir()
    async with world(tmp_path / "live") as running:
        holders = [await running.accepted((await running.new_task()).task_id) for _ in range(2)]
    database = tmp_path / "live" / "errand.db"
    batches = [batch(Ids(StillClock())) for _ in holders]
    crashes = Crashes(database, tmp_path / "crashes")
    connection = open_for_writing(database)
    connection.execute("PRAGMA cache_size = 5")
    connection.set_trace_callback(crashes)
    _commit(connection, holders, batches)
    crashes()
    connection.close()

    logs = [copy.with_name(f"{copy.name}-wal").stat().st_size for copy in crashes.copies]
    assert logs[-3] > logs[0], "no half of a transaction ever reached the disk: the test shows nothing"
    found = [_recovered(copy, holders, batches) for copy in crashes.copies]
    # Nothing before the commit, everything after it.
    assert set(found[:-1]) == {(_NOTHING, _NOTHING)}
    assert found[-1] == (_WHOLE, _WHOLE)


def _commit(connection: sqlite3.Connection, holders: list[Holder], batches: list[list[RunnerEvent]]) -> list[object]:
    def storing(holder: Holder, told: list[RunnerEvent]) -> Callable[[Tx], int]:
        return lambda tx: store_events(tx, holder, told, DURATIONS)

    fns = [storing(holder, told) for holder, told in zip(holders, batches, strict=True)]
    return [outcome.result for outcome in commit_group(connection, fns, Instant(1, 0))]


def _recovered(database: Path, holders: list[Holder], batches: list[list[RunnerEvent]]) -> tuple[object, ...]:
    """What a start after the crash finds; then the runner, which had no ack, sends everything again."""
    connection = open_for_writing(database)
    found = _stored(connection, holders)
    assert _commit(connection, holders, batches) == [COUNT for _ in holders]
    assert _stored(connection, holders) == (_WHOLE, _WHOLE)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    return found


def _stored(connection: sqlite3.Connection, holders: list[Holder]) -> tuple[object, ...]:
    return tuple(tuple(connection.execute(_ROWS, (holder.attempt_id,)).fetchone()) for holder in holders)
