"""Names at GitHub that an admin let in or shut out: organisations, and accounts that have not signed in since."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from errand_common.values import UserRole
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx

MOST = 1000
"""How many names are kept."""

_SELECT = "SELECT kind, name, allowed, role, made_by, created_time FROM admissions"


class Kind(StrEnum):
    """What a name is of."""

    USER = "user"
    ORGANISATION = "organisation"


@dataclass(frozen=True)
class Admission:
    """Whether a name is let in, and what who comes in by it may do at first. Letters count alike in either case."""

    kind: Kind
    name: str
    allowed: bool
    role: UserRole
    made_by: str
    created_time: int


def every() -> Query[Admission]:
    """All, by name."""
    return Query(f"{_SELECT} ORDER BY kind, name", _admission)


def of(kind: Kind, name: str) -> Query[Admission]:
    """What is said of a name."""
    return Query(f"{_SELECT} WHERE kind = :kind AND name = :name", _admission, {"kind": kind, "name": name})


def organisations() -> Query[Admission]:
    """The organisations that are let in, by name."""
    return Query(f"{_SELECT} WHERE kind = 'organisation' AND allowed = 1 ORDER BY name", _admission)


def count() -> Query[int]:
    """How many there are."""
    return Query("SELECT count(*) FROM admissions", number)


def put(tx: Tx, admission: Admission) -> None:
    """Say this of the name from now on."""
    tx.run(
        """
        INSERT INTO admissions (kind, name, allowed, role, made_by, created_time)
        VALUES (:kind, :name, :allowed, :role, :made_by, :created_time)
        ON CONFLICT (kind, name)
        DO UPDATE SET allowed = :allowed, role = :role, made_by = :made_by, created_time = :created_time
        """,
        {
            "kind": admission.kind,
            "name": admission.name,
            "allowed": int(admission.allowed),
            "role": admission.role,
            "made_by": admission.made_by,
            "created_time": admission.created_time,
        },
    )


def remove(tx: Tx, kind: Kind, name: str) -> bool:
    """Say nothing of the name any more; whether anything was said."""
    return tx.run("DELETE FROM admissions WHERE kind = :kind AND name = :name", {"kind": kind, "name": name}) > 0


def _admission(row: sqlite3.Row) -> Admission:
    return Admission(
        kind=Kind(row["kind"]),
        name=row["name"],
        allowed=bool(row["allowed"]),
        role=UserRole(row["role"]),
        made_by=row["made_by"],
        created_time=row["created_time"],
    )
