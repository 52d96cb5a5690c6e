"""A million finished tasks, written straight into a scheduler's database while it is stopped."""

import sqlite3
from contextlib import closing
from pathlib import Path

TASKS = 1_000_000

# Ids have the shape that the contract wants; times lie in the past, a second apart.
_NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
_TASK = "'tsk_' || printf('%026d', n)"
_ATTEMPT = "'att_' || printf('%026d', n)"
_MESSAGE = "'msg_' || printf('%026d', n)"
_TIME = "1700000000000000 + n * 1000000"

_FILL = (
    f"""
    {_NUMBERS}
    INSERT INTO tasks (
        task_id, user_id, project_id, status, status_reason, branch, queue_time, created_time, started_time,
        completed_time, prompt
    )
    SELECT {_TASK}, :user_id, :project_id, 'completed', '', 'errand/' || {_TASK}, {_TIME}, {_TIME}, {_TIME}, {_TIME},
        'a prompt of ordinary length, as people write it on a phone'
    FROM numbers
    """,
    f"""
    {_NUMBERS}
    INSERT INTO attempts (
        attempt_id, task_id, user_id, runner_id, fence, phase, acked_sequence, created_time, accepted_time,
        completed_time
    )
    SELECT {_ATTEMPT}, {_TASK}, :user_id, :runner_id, 1, 'succeeded', 1, {_TIME}, {_TIME}, {_TIME} FROM numbers
    """,
    f"""
    {_NUMBERS}
    INSERT INTO events (task_id, user_id, attempt_id, attempt_sequence, kind, body, created_time)
    SELECT {_TASK}, :user_id, {_ATTEMPT}, 1, 'message_appended', x'', {_TIME} FROM numbers
    """,
    f"""
    {_NUMBERS}
    INSERT INTO messages (message_id, task_id, attempt_id, event_id, role, model, stop_reason, created_time, content)
    SELECT {_MESSAGE}, {_TASK}, {_ATTEMPT}, n, 'user', '', '', {_TIME}, CAST('[]' AS BLOB) FROM numbers
    """,
    f"""
    {_NUMBERS}
    INSERT INTO inputs (input_id, task_id, taken_message_id, created_time, text)
    SELECT 'inp_' || printf('%026d', n), {_TASK}, {_MESSAGE}, {_TIME}, 'a prompt of ordinary length' FROM numbers
    """,
)


def fill(database: Path, *, tasks: int = TASKS) -> None:
    """Writes them for the one user, project and runner that are there, with an attempt, an event, a message and an
    input each."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -262144")
        (user_id,) = connection.execute("SELECT user_id FROM users").fetchone()
        (project_id,) = connection.execute("SELECT project_id FROM projects").fetchone()
        (runner_id,) = connection.execute("SELECT runner_id FROM runners").fetchone()
        values = {"count": tasks, "user_id": user_id, "project_id": project_id, "runner_id": runner_id}
        for statement in _FILL:
            connection.execute(statement, values)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
