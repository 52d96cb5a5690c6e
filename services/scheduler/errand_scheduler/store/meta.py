"""The database about itself: which history it is."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Meta:
    """`epoch` names this history in cursors; `generation` is the upper half of every fence."""

    epoch: str
    generation: int


def get() -> Query[Meta]:
    """The one row; none before the first start."""
    return Query("SELECT epoch, generation FROM meta", _meta)


def insert(tx: Tx, meta: Meta) -> None:
    """Name a new history."""
    tx.run(
        "INSERT INTO meta (epoch, generation, created_time) VALUES (:epoch, :generation, :now)",
        {"epoch": meta.epoch, "generation": meta.generation, "now": tx.now_us},
    )


def rename(tx: Tx, meta: Meta) -> None:
    """Begin another history with what this one left."""
    tx.run(
        "UPDATE meta SET epoch = :epoch, generation = :generation",
        {"epoch": meta.epoch, "generation": meta.generation},
    )


def _meta(row: sqlite3.Row) -> Meta:
    return Meta(epoch=row["epoch"], generation=row["generation"])
