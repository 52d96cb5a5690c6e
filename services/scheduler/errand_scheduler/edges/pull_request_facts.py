"""The facts under a pull request's description: what Errand knows of the task, and not the model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.values import summarise

ASKED_BYTES = 4 * 1024
_BLOCKED_SHOWN = 10
_NANODOLLARS = 1_000_000_000
# What would begin something in Markdown, or end a cell of a table.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~])")
_NOT_OF_A_HOST = re.compile(r"[`|\s]")


@dataclass(frozen=True)
class Facts:
    """What is known. `cost_nanodollars` is unset where a price is unknown; `asked` is empty where nobody may read it;
    `check` is empty where the project declares none."""

    task_id: str
    page: str
    asked_by: str
    asked: str
    models: Sequence[str]
    cost_nanodollars: int | None
    worked_s: float
    commits: int
    files: int
    insertions: int
    deletions: int
    blocked_hosts: Sequence[str] = ()
    check: str = ""


def footer(facts: Facts) -> str:
    """In Markdown. What others wrote is code, or without its markup: it mentions nobody, and closes nothing."""
    rows = [
        ("Task", f"[{facts.task_id}]({facts.page})"),
        ("Asked by", _plain(facts.asked_by)),
        ("Model", ", ".join(map(_plain, facts.models)) or "unknown"),
        ("Changes", _changes(facts)),
        ("Check", _plain(facts.check)),
        ("Cost", _cost(facts.cost_nanodollars)),
        ("Time at work", _duration(facts.worked_s)),
        ("Hosts that were blocked", _hosts(facts.blocked_hosts)),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows if value)
    return f"---\n\n| Errand | |\n| --- | --- |\n{table}{_quoted(facts.asked)}"


def _quoted(asked: str) -> str:
    if not asked.strip():
        return ""
    text = summarise(asked.strip(), limit_bytes=ASKED_BYTES)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n\n<details><summary>What was asked</summary>\n\n{fence}text\n{text}\n{fence}\n\n</details>"


def _changes(facts: Facts) -> str:
    if not facts.commits:
        return ""
    commits, files = _counted(facts.commits, "commit"), _counted(facts.files, "file")
    return f"{commits}, {files}, +{facts.insertions} −{facts.deletions}"


def _cost(nanodollars: int | None) -> str:
    if nanodollars is None:
        return "unknown"
    if 0 < nanodollars < _NANODOLLARS // 100:
        return "less than 0.01 US dollars"
    return f"{nanodollars / _NANODOLLARS:.2f} US dollars"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _hosts(hosts: Sequence[str]) -> str:
    shown = ", ".join(_code(host) for host in hosts[:_BLOCKED_SHOWN])
    more = len(hosts) - _BLOCKED_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _code(text: str) -> str:
    return f"`{_NOT_OF_A_HOST.sub('', text)}`"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))[:300]
