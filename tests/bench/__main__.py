"""`make bench`: interleaved rounds, the best of each; one table, and the same in bench.json.

A part that is measured again takes the place of its earlier figures there; what else it holds stays.
"""

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from tests.bench import page
from tests.bench.agent.measure import measure_agent
from tests.bench.checkpoint import measure_checkpoints
from tests.bench.dispatch.measure import measure_dispatch
from tests.bench.egress import measure_egress
from tests.bench.events.measure import measure_events
from tests.bench.git import measure_git
from tests.bench.history.measure import measure_history
from tests.bench.rows import Table
from tests.bench.sandboxes import measure_sandboxes

ROUNDS = 5
RESULT = Path("bench.json")
PARTS: dict[str, Callable[[Table, int], Awaitable[None]]] = {
    "agent": measure_agent,
    "sandboxes": measure_sandboxes,
    "dispatch": measure_dispatch,
    "egress": measure_egress,
    "events": measure_events,
    "git": measure_git,
    "history": measure_history,
    "checkpoint": measure_checkpoints,
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--page", action="store_true", help=f"write what bench.json holds into {page.PAGE}")
    given = parser.parse_args()
    chosen = [part for part in given.only.split(",") if part] or list(PARTS)
    for part in chosen:
        if part not in PARTS:
            parser.error(f'there is no part "{part}"; the parts are {", ".join(PARTS)}')
    for part in chosen:
        print(f"measuring {part}, {ROUNDS} rounds", flush=True)
        table = Table()
        asyncio.run(_measure(table, part))
        _keep(part, table)
    kept = _kept()
    _print({part: kept[part]["rows"] for part in chosen})
    if given.page:
        page.write(kept)


async def _measure(table: Table, part: str) -> None:
    await PARTS[part](table, ROUNDS)


def _kept() -> dict[str, Any]:
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    return {part: kept[part] for part in PARTS if part in kept}


def _keep(part: str, table: Table) -> None:
    found = _kept() | {part: {"machine": _machine(), "rows": table.as_json()}}
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def _machine() -> dict[str, object]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _print(parts: dict[str, list[dict[str, Any]]]) -> None:
    shown = RichTable(title=f"best of {ROUNDS} interleaved rounds", title_justify="left")
    for name in page.COLUMNS:
        shown.add_column(name, justify="right" if name in page.FIGURES else "left")
    for part, rows in parts.items():
        shown.add_section()
        for row in rows:
            shown.add_row(*page.cells(part, row))
    Console(width=200).print(shown)


if __name__ == "__main__":
    main()
