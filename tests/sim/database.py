"""The scheduler's database of a schedule: the real schema by the real migrations, with people and runners in it."""

import sqlite3
from functools import cache

from errand_common.clock import Instant
from errand_common.credentials import hash_token
from errand_scheduler.store import meta, projects, runners, service_tokens, sessions, users
from errand_scheduler.store.appends import Appends
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.migration import migrate, steps
from errand_scheduler.store.projects import Project
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.sessions import Session
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import SealedPair, User
from tests.sim.clock import START_US
from tests.sim.store import Connection

USERS, RUNNERS = 2, 4
OPERATOR = "operator"
"""Whose credential is called so, too."""
_FOR_EVER = 2**62


def user_id(number: int) -> str:
    """Of a made-up person."""
    return f"usr_{number:026d}"


def project_id(number: int) -> str:
    """Of the person's only project."""
    return f"prj_{number:026d}"


def runner_id(number: int) -> str:
    """Of a made-up runner."""
    return f"rnr_{number:026d}"


def new_database() -> Connection:
    """In memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
    connection.deserialize(_template())
    connection.row_factory = sqlite3.Row
    for pragma in ("foreign_keys = ON", "temp_store = MEMORY", "synchronous = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@cache
def _template() -> bytes:
    """The real schema by the real migrations, with people, projects and runners in it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    migrate(connection, steps())
    connection.execute("BEGIN IMMEDIATE")
    tx = Tx(connection, Instant(START_US, 0), Appends(connection))
    meta.insert(tx, Meta(epoch="e0", generation=0))
    for number in range(USERS):
        _add_person(tx, number)
    service_tokens.insert(
        tx,
        ServiceToken(
            service_token_id=f"stk_{RUNNERS:026d}",
            name=OPERATOR,
            token_hash=hash_token(OPERATOR),
            scopes="fleet:read fleet:admin",
        ),
    )
    for number in range(RUNNERS):
        runners.insert(tx, Runner(runner_id=runner_id(number), name=f"runner{number}"))
        service_tokens.insert(
            tx,
            ServiceToken(
                service_token_id=f"stk_{number:026d}",
                name=f"runners/runner{number}",
                token_hash=hash_token(f"runner{number}"),
                scopes="dispatch",
                runner_id=runner_id(number),
            ),
        )
    connection.execute("COMMIT")
    return connection.serialize()


def _add_person(tx: Tx, number: int) -> None:
    users.upsert(
        tx,
        User(user_id=user_id(number), github_id=number + 1, github_username=f"person{number}", created_time=START_US),
        SealedPair(token="sealed"),
    )
    sessions.insert(
        tx,
        Session(
            session_id=f"ses_{number:026d}",
            family_id=f"fam_{number:026d}",
            user_id=user_id(number),
            client="sim",
            access_hash=hash_token(f"person{number}"),
            access_expire_time=_FOR_EVER,
            refresh_hash=hash_token(f"refresh{number}"),
            refresh_expire_time=_FOR_EVER,
        ),
    )
    projects.insert(
        tx,
        Project(
            project_id=project_id(number),
            user_id=user_id(number),
            repo_url=f"https://git.test/person{number}/project",
            repository=f"person{number}/project",
            default_branch="main",
            created_time=START_US,
        ),
    )
