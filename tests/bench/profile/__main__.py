"""`make profile`: what a unit of a service's work costs, and where its time goes, under loads of the benches."""

import argparse
import asyncio

from rich.console import Console
from rich.table import Table

from tests.bench.profile.loads import LOADS
from tests.bench.profile.spy import Profile, found_spy, spied
from tests.cpu import cpu_s

_WARM_S = 2.0
_SECONDS = 8.0
_SHOWN = 25


def main() -> None:
    """One load after the other."""
    parser = argparse.ArgumentParser(prog="make profile", description=__doc__)
    parser.add_argument("--only", default="", help=f"comma-separated names or beginnings, of {', '.join(LOADS)}")
    given = parser.parse_args()
    wanted = tuple(part for part in given.only.split(",") if part) or ("",)
    chosen = [name for name in LOADS if name.startswith(wanted)]
    if not chosen:
        parser.error(f'no load begins with "{given.only}"; there are {", ".join(LOADS)}')
    spy = found_spy()
    for name in chosen:
        asyncio.run(_profile(name, spy))


async def _profile(name: str, spy: str) -> None:
    """What a unit costs is measured apart from the spying, which costs too."""
    async with LOADS[name]() as load:
        await load.ready(_WARM_S)
        await load.go(_WARM_S)
        await load.ready(_SECONDS)
        before_s = cpu_s(load.pid)
        count = await load.go(_SECONDS)
        spent_us = 1e6 * (cpu_s(load.pid) - before_s)
        await load.ready(_SECONDS)
        async with spied(spy, load.pid, _SECONDS) as profile:
            await load.go(_SECONDS)
    _print(f"{name}: {spent_us / count:,.0f} us of CPU for each {load.unit}, of {count:,}", profile)


def _print(title: str, profile: Profile) -> None:
    shown = Table(title=title, title_justify="left")
    for heading in ("of its time, %", "in this itself", "of its time, %", "in this and what it calls"):
        shown.add_column(heading, justify="right" if "%" in heading else "left", overflow="fold")
    for (own, count), (whole, under_way) in zip(profile.own.most_common(_SHOWN), _telling(profile), strict=False):
        shown.add_row(_share(count, profile), own, _share(under_way, profile), whole)
    Console(width=180).print(shown)


def _telling(profile: Profile) -> list[tuple[str, int]]:
    """What is always under way says nothing: the loop, and how the process was started."""
    return [each for each in profile.whole.most_common() if each[1] < 0.6 * profile.samples][:_SHOWN]


def _share(count: int, profile: Profile) -> str:
    return f"{100 * count / max(profile.samples, 1):.1f}"


if __name__ == "__main__":
    main()
