"""The command that rotates keys, as a process that is killed on its way: all opens, and the next run finishes."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from errand_common.clock import Clock
from errand_scheduler.access.user_tokens import sealed as sealed_pair
from errand_scheduler.access.vault import Vault, VaultError, open_vault
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.store import users
from errand_scheduler.store.database import prepare
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User
from errand_scheduler.store.writer_thread import open_writer

PEOPLE = 1500
"""Rotated in three chunks for each of two columns."""
WITHIN_S = 60.0

# Dies before the first of these calls on a file of keys, as named by its audit event.
DYING = """
import os, signal, sys
event, name = sys.argv.pop(1), sys.argv.pop(1)
def heard(what, arguments):
    if what == event and str(arguments[0]).endswith(name):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(heard)
from errand_scheduler.__main__ import main
main()
"""


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    """A data folder with people whose tokens are sealed."""
    prepare(tmp_path / "errand.db")
    vault, now_us = open_vault(tmp_path / "secret.keys"), Clock().now_us()

    def fill(tx: Tx) -> None:
        for number in range(PEOPLE):
            user = User(user_id=f"usr_{number}", github_id=number, github_username=f"p{number}", created_time=now_us)
            tokens = TokenPair(f"ghu_{number}", f"ghr_{number}", 60)
            users.upsert(tx, user, sealed_pair(tokens, vault, user_id=user.user_id, now_us=now_us))

    async with open_writer(tmp_path / "errand.db", Clock(), lambda _: None) as writer:
        await writer.write(fill)
    yield tmp_path
    # Whatever was killed: all of it opens, and the next run leaves nothing to the old key.
    assert unopened(tmp_path, open_vault(tmp_path / "secret.keys")) == 0
    assert await rotating(tmp_path, "-m", "errand_scheduler") == 0
    keys = (tmp_path / "secret.keys").read_text().split()
    assert unopened(tmp_path, Vault(keys[:1])) == 0
    assert len(keys) == 2


def unopened(data: Path, vault: Vault) -> int:
    """How many tokens do not open."""
    with closing(sqlite3.connect(f"file:{data / 'errand.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT user_id, sealed_github_token, sealed_github_refresh_token FROM users"
        ).fetchall()
    assert len(rows) == PEOPLE
    kinds = ("github_token", "github_refresh_token")
    return sum(
        not opens(vault, value, row[0], kind) for row in rows for value, kind in zip(row[1:], kinds, strict=True)
    )


def first_of(data: Path) -> str:
    """What is sealed in the first row."""
    with closing(sqlite3.connect(f"file:{data / 'errand.db'}?mode=ro", uri=True)) as connection:
        query = "SELECT sealed_github_token FROM users ORDER BY rowid LIMIT 1"
        return str(connection.execute(query).fetchone()[0])


def opens(vault: Vault, value: str, user_id: str, kind: str) -> bool:
    try:
        vault.open(value, user_id=user_id, kind=kind)
    except VaultError:
        return False
    return True


async def rotating(data: Path, *start: str, meanwhile: Callable[[], bool] = lambda: False) -> int:
    """The command's exit code; it is killed once `meanwhile` says so."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *start,
        "rotate-keys",
        env={"PATH": os.environ["PATH"], "ERRAND_DATA": str(data), "ERRAND_GITHUB_CLIENT_ID": "Iv23test"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            while process.returncode is None and not meanwhile():
                await asyncio.sleep(0.001)
            if process.returncode is None:
                process.kill()
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("event", "name"),
    [("os.link", "secret.keys.new.part"), ("os.rename", "secret.keys.new")],
    ids=["before it is whole", "before it stands in front"],
)
async def test_killed_while_it_makes_the_key_nothing_is_lost(data: Path, event: str, name: str) -> None:
    assert await rotating(data, "-c", DYING, event, name) == -signal.SIGKILL


async def test_killed_among_the_values_some_are_under_either_key(data: Path) -> None:
    old, first = open_vault(data / "secret.keys"), first_of(data)

    code = await rotating(data, "-m", "errand_scheduler", meanwhile=lambda: first_of(data) != first)

    assert code == -signal.SIGKILL

    assert 0 < unopened(data, old) < 2 * PEOPLE, "it was killed in its middle"
