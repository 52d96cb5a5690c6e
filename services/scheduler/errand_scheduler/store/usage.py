"""What was used of the model, as rows hold it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """Tokens, and nano-dollars where the price is known."""

    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    cost_nanodollars: int | None = 0

    def columns(self) -> dict[str, int | None]:
        """The columns, named as in the tables."""
        return {
            "input_tokens": self.input_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "output_tokens": self.output_tokens,
            "cost_nanodollars": self.cost_nanodollars,
        }


NO_USAGE: dict[str, int | None] = dict.fromkeys(Usage().columns())
"""The columns of a message that used nothing."""


def total(usages: Sequence[Usage]) -> Usage:
    """What was used together. A cost that is unknown once makes the sum unknown."""
    costs = [each.cost_nanodollars for each in usages]
    return Usage(
        input_tokens=sum(each.input_tokens for each in usages),
        cache_write_tokens=sum(each.cache_write_tokens for each in usages),
        cache_read_tokens=sum(each.cache_read_tokens for each in usages),
        output_tokens=sum(each.output_tokens for each in usages),
        cost_nanodollars=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def usage_of(row: sqlite3.Row) -> Usage:
    """The usage that a row holds."""
    return Usage(
        input_tokens=row["input_tokens"],
        cache_write_tokens=row["cache_write_tokens"],
        cache_read_tokens=row["cache_read_tokens"],
        output_tokens=row["output_tokens"],
        cost_nanodollars=row["cost_nanodollars"],
    )
