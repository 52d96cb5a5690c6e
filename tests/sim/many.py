"""Many schedules, on all cores."""

import multiprocessing
import multiprocessing.pool
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.sim import planted
from tests.sim.simulation import Report, simulate

_CHUNK = 5
_PER_PROCESS = 40  # chunks, then a fresh process: what dead processes leave in memory goes with it


@dataclass(frozen=True)
class Tally:
    """What many schedules came to."""

    schedules: int
    wall_s: float
    breaches: Sequence[Report]
    digests: dict[int, str]

    @property
    def per_s(self) -> float:
        """Schedules a second."""
        return self.schedules / self.wall_s if self.wall_s else 0.0


def run(
    seeds: Sequence[int],
    *,
    stop_at_breach: bool = True,
    within_s: float | None = None,
    least: int = 0,
    tell: Callable[[str], None],
) -> Tally:
    """Run the schedules of these seeds, or as many of them as the time allows, `least` in any case."""
    began_s = time.monotonic()
    breaches: list[Report] = []
    digests: dict[int, str] = {}
    for done, report in enumerate(_reports(seeds), start=1):
        digests[report.seed] = report.digest
        if report.breach:
            breaches.append(report)
            tell(f"breach in schedule {report.seed}: {report.in_a_line}")
            if stop_at_breach:
                break
        spent_s = time.monotonic() - began_s
        if done % 500 == 0:
            tell(f"{done} schedules, {done / spent_s:.1f}/s")
        if within_s is not None and done >= least and spent_s > within_s:
            break
    return Tally(len(digests), time.monotonic() - began_s, breaches, digests)


def found_within(bug: str, *, most: int) -> tuple[int, Report] | None:
    """After how many schedules a planted bug is found; none if it is not. What breaks without it does not count."""
    for seed in range(1, most + 1):
        with planted.in_place(bug):
            report = simulate(seed)
        if "TypeError" in report.breach:
            raise RuntimeError(f"the bug {bug} no longer fits the code in which it is planted: {report.breach}")
        if report.breach and not simulate(seed).breach:
            return seed, report
    return None


def all_found(bugs: Sequence[str], *, most: int) -> Iterator[tuple[str, tuple[int, Report] | None]]:
    """The same for many bugs, on all cores."""
    with _pool() as pool:
        yield from pool.imap_unordered(_find, [(bug, most) for bug in bugs])


def _find(job: tuple[str, int]) -> tuple[str, tuple[int, Report] | None]:
    return job[0], found_within(job[0], most=job[1])


def _reports(seeds: Sequence[int]) -> Iterator[Report]:
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    with _pool() as pool:
        for reports in pool.imap(_chunk, chunks):
            yield from reports


def _chunk(seeds: Sequence[int]) -> list[Report]:
    return [simulate(seed) for seed in seeds]


@contextmanager
def _pool() -> "Iterator[multiprocessing.pool.Pool]":
    """Its processes end by themselves where all went well: what they measured of themselves is kept then."""
    pool = multiprocessing.get_context("spawn").Pool(os.cpu_count() or 1, maxtasksperchild=_PER_PROCESS)
    try:
        yield pool
        pool.close()
        pool.join()
    finally:
        pool.terminate()
