"""A database as an older release left it, with a row of each kind in every table."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from errand_common.credentials import hash_token
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.migration import migrate, steps

USER, PROJECT, RUNNER = (f"{prefix}_01j9z3k4m5n6p7q8r9s0t1v2w3" for prefix in ("usr", "prj", "rnr"))
ENDED, PENDING, RUNNING = (f"tsk_01j9z3k4m5n6p7q8r9s0t1v2w{digit}" for digit in "456")
DONE, LIVE = (f"att_01j9z3k4m5n6p7q8r9s0t1v2w{digit}" for digit in "78")
MESSAGE = "msg_01j9z3k4m5n6p7q8r9s0t1v2w9"
ACCESS_TOKEN = "ers_the-session-that-an-older-release-began"
_LATER = 4_000_000_000_000_000

Row = Mapping[str, object]
ROWS: Mapping[str, list[Row]] = {
    "meta": [{"epoch": "abcd1234", "generation": 0, "created_time": 1}],
    "users": [
        {
            "user_id": USER, "github_id": 1, "github_username": "octocat", "sealed_github_token": "sealed",
            "created_time": 2,
        }
    ],
    "sessions": [
        {
            "session_id": "ses_1", "family_id": "fam_1", "user_id": USER, "client": "phone",
            "access_hash": hash_token(ACCESS_TOKEN), "access_expire_time": _LATER, "refresh_hash": "r",
            "refresh_expire_time": _LATER, "refreshed_time": None, "ended_time": None, "created_time": 3,
        }
    ],
    "projects": [
        {
            "project_id": PROJECT, "user_id": USER, "repo_url": "https://github.test/octocat/demo.git",
            "repository": "octocat/demo", "default_branch": "main", "created_time": 4,
        }
    ],
    "runners": [{"runner_id": RUNNER, "name": "local", "version": "0.1", "session_time": 5, "created_time": 4}],
    "service_tokens": [
        {
            "service_token_id": "stk_1", "name": "runners/local", "token_hash": "t", "scopes": "dispatch",
            "runner_id": RUNNER, "revoked_time": None, "created_time": 4,
        }
    ],
    "tasks": [
        {
            "task_id": task_id, "user_id": USER, "project_id": PROJECT, "status": status, "status_reason": "why",
            "branch": f"errand/{task_id}", "queue_time": 6, "created_time": 6, "started_time": 7,
            "completed_time": ended, "prompt": "make it green", "prefix": b"prefix",
        }
        for task_id, status, ended in ((ENDED, "completed", 9), (PENDING, "pending", None), (RUNNING, "running", None))
    ],
    "attempts": [
        {
            "attempt_id": attempt_id, "task_id": task_id, "user_id": USER, "runner_id": RUNNER, "fence": 1,
            "phase": phase, "deadline_time": deadline, "acked_sequence": 2, "created_time": 6, "accepted_time": 7,
            "completed_time": ended,
        }
        for attempt_id, task_id, phase, deadline, ended in (
            (DONE, ENDED, "succeeded", None, 9), (LIVE, RUNNING, "running", 50, None),
        )
    ],
    "events": [
        {
            "event_id": number, "task_id": ENDED, "user_id": USER, "attempt_id": DONE, "attempt_sequence": number,
            "kind": "step_finished", "body": b"", "created_time": 8,
        }
        for number in (1, 2)
    ],
    "messages": [
        {
            "message_id": MESSAGE, "task_id": ENDED, "attempt_id": DONE, "event_id": 1, "role": "user", "model": "",
            "stop_reason": "", "created_time": 8, "content": b'[{"type":"text","text":"hello"}]',
        }
    ],
    "tool_calls": [
        {
            "tool_call_id": "toolu_1", "task_id": ENDED, "attempt_id": DONE, "event_id": 2, "tool_name": "shell",
            "is_error": 0, "duration_us": 5, "created_time": 8, "input": b"{}", "output": b'"ok"',
        }
    ],
    "inputs": [
        {
            "input_id": f"inp_01j9z3k4m5n6p7q8r9s0t1v2w{digit}", "task_id": ENDED, "taken_message_id": taken,
            "created_time": 6, "text": "make it green",
        }
        for digit, taken in (("1", MESSAGE), ("2", None))
    ],
    "idempotency_keys": [
        {
            "user_id": USER, "request_id": "once", "method": "CreateTask", "request_hash": "h", "response_id": ENDED,
            "created_time": 6,
        }
    ],
    "audit_log": [{"audit_id": 1, "caller": "operator", "action": "act", "subject_id": "x", "created_time": 6}],
}  # fmt: skip


def make(path: Path, version: int) -> None:
    """The file as a release with that many steps left it."""
    with closing(open_for_writing(path)) as connection:
        migrate(connection, [step for step in steps() if step[0] <= version])
        for table, rows in ROWS.items():
            for row in rows:
                _insert(connection, table, row)


def rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    """What the table holds in the columns that it always had."""
    columns = list(ROWS[table][0])
    key = "request_id" if table == "idempotency_keys" else "rowid"
    found = connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {key}")
    return [dict(zip(columns, row, strict=True)) for row in found]


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", dict(row))
