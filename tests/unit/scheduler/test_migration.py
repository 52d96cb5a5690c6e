"""Migrations: whole steps, forward only."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from errand_common.clock import Clock
from errand_common.service import StartError
from errand_common.values import InputKind
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.database import prepare
from errand_scheduler.store.inputs import untaken
from errand_scheduler.store.migration import migrate, steps
from errand_scheduler.store.projects import by_id
from tests.unit.scheduler import old_database

NAMED_BY_THE_USER = {
    "users": {"github_id", "github_username", "sealed_github_token", "created_time"},
    "projects": {"user_id", "repo_url", "default_branch", "created_time"},
    "tasks": {
        "user_id", "project_id", "status", "prompt", "container_id", "started_time", "completed_time", "created_time",
    },
    "messages": {"task_id", "role", "content", "created_time"},
    "tool_calls": {"task_id", "tool_name", "input", "output", "duration_us", "created_time"},
}  # fmt: skip


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}


def columns_of_a_new_one(path: Path, table: str) -> set[str]:
    prepare(path)
    with closing(open_for_writing(path)) as connection:
        return columns(connection, table)


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_database_has_the_tables_that_were_asked_for(tmp_path: Path) -> None:
    prepare(tmp_path / "db")
    connection = open_for_writing(tmp_path / "db")
    for table, wanted in NAMED_BY_THE_USER.items():
        assert wanted <= columns(connection, table), table
    assert all(row["strict"] for row in connection.execute("PRAGMA table_list") if row["schema"] == "main"
               and row["type"] == "table" and not row["name"].startswith("sqlite_"))  # fmt: skip
    connection.close()


def test_steps_are_numbered_without_a_hole() -> None:
    assert [number for number, _ in steps()] == list(range(1, len(steps()) + 1))


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    def form() -> list[str]:
        prepare(tmp_path / "db")
        with closing(open_for_writing(tmp_path / "db")) as connection:
            return [*connection.iterdump(), str(version(connection))]

    assert form() == form()


def test_inputs_of_an_older_release_wait_in_the_queue(tmp_path: Path) -> None:
    with closing(open_for_writing(tmp_path / "db")) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        migrate(connection, [step for step in steps() if step[0] == 1])
        connection.execute(
            "INSERT INTO inputs (input_id, task_id, created_time, text) VALUES ('inp_1', 'tsk_1', 1, 'a')"
        )
        migrate(connection, steps())
        (row,) = connection.execute(untaken("tsk_1").sql, {"task_id": "tsk_1"})
        assert untaken("tsk_1").of(row).kind is InputKind.QUEUE


def test_projects_of_an_older_release_run_in_the_runners_own_image(tmp_path: Path) -> None:
    old_database.make(tmp_path / "errand.db", 3)
    prepare(tmp_path / "errand.db")
    with closing(open_for_writing(tmp_path / "errand.db")) as connection:
        asked = by_id(old_database.PROJECT)
        (row,) = connection.execute(asked.sql, {"project_id": old_database.PROJECT})
        found = asked.of(row)
        assert (found.image, found.setup_script, found.read_repositories) == ("", "", ())


def without_deadlines(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is live has new ones."""
    return [{name: value for name, value in row.items() if name != "deadline_time"} for row in rows]


@pytest.mark.parametrize("version", range(1, len(steps())))
def test_everything_of_an_older_release_is_there_afterwards(tmp_path: Path, version: int) -> None:
    old_database.make(tmp_path / "errand.db", version)
    prepare(tmp_path / "errand.db")
    with closing(open_for_writing(tmp_path / "errand.db")) as connection:
        tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        new = {name for name in tables if not name.startswith("sqlite_")} - set(old_database.ROWS)
        assert new == {
            "admissions",
            "blobs",
            "draws",
            "git_credentials",
            "installation_tokens",
            "join_tokens",
            "judgements",
            "project_secrets",
            "spending",
        }
        for table, rows in old_database.ROWS.items():
            assert without_deadlines(old_database.rows(connection, table)) == without_deadlines(rows), table
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert columns(connection, "tasks") == columns_of_a_new_one(tmp_path / "new.db", "tasks")


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_at_work_since_an_older_release_has_a_day(tmp_path: Path, version: int) -> None:
    old_database.make(tmp_path / "errand.db", version)
    prepare(tmp_path / "errand.db")
    with closing(open_for_writing(tmp_path / "errand.db")) as connection:
        now = {row["attempt_id"]: row for row in old_database.rows(connection, "attempts")}
    working = [row for row in old_database.ROWS["attempts"] if row["phase"] == "running"]
    assert working
    day_us = 24 * 60 * 60 * 1_000_000
    for row in working:
        deadline: Any = row["deadline_time"]
        assert now[row["attempt_id"]]["deadline_time"] == deadline + day_us


@pytest.mark.parametrize("version", [1, 2])
def test_what_waits_since_an_older_release_has_a_deadline_from_now_on(tmp_path: Path, version: int) -> None:
    old_database.make(tmp_path / "errand.db", version)
    before_us = Clock().now_us() - 1_000_000
    prepare(tmp_path / "errand.db")
    with closing(open_for_writing(tmp_path / "errand.db")) as connection:
        deadlines = dict(connection.execute("SELECT task_id, deadline_time FROM tasks").fetchall())
    week_us = 7 * 24 * 60 * 60 * 1_000_000
    assert before_us + week_us <= deadlines[old_database.PENDING] <= Clock().now_us() + week_us
    assert deadlines[old_database.ENDED] is None


def test_what_an_older_release_left_is_kept_beside(tmp_path: Path) -> None:
    old_database.make(tmp_path / "errand.db", 1)
    prepare(tmp_path / "errand.db")
    with closing(open_for_writing(tmp_path / "before-upgrade.db")) as connection:
        assert version(connection) == 1
        assert old_database.rows(connection, "tasks") == old_database.ROWS["tasks"]
    assert (tmp_path / "before-upgrade.db").stat().st_mode & 0o077 == 0


def test_without_room_for_a_copy_nothing_is_changed(tmp_path: Path) -> None:
    old_database.make(tmp_path / "errand.db", 1)
    (tmp_path / "before-upgrade.db").mkdir()
    with pytest.raises(StartError, match="was not upgraded, because it cannot be copied"):
        prepare(tmp_path / "errand.db")
    with closing(open_for_writing(tmp_path / "errand.db")) as connection:
        assert version(connection) == 1


def test_a_new_database_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        prepare(tmp_path / "errand.db")
    assert not (tmp_path / "before-upgrade.db").exists()


def test_a_newer_database_is_not_touched(tmp_path: Path) -> None:
    prepare(tmp_path / "db")
    connection = open_for_writing(tmp_path / "db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StartError, match="version 999"):
        prepare(tmp_path / "db")


def test_a_step_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    connection = open_for_writing(tmp_path / "db")
    with pytest.raises(sqlite3.Error):
        migrate(connection, [(1, "CREATE TABLE a (x TEXT) STRICT;"), (2, "CREATE TABLE b (x TEXT) STRICT; NONSENSE;")])
    assert version(connection) == 1
    assert columns(connection, "a") == {"x"}
    assert columns(connection, "b") == set()
    connection.close()


def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"something else entirely, and long enough to be looked at" * 50)
    with pytest.raises(StartError, match="cannot be opened"):
        prepare(tmp_path / "db")
