"""`make escape`: tries every way out, or those whose names are given; says what came of each, fails if one led out."""

import argparse
import asyncio
import logging
import sys

import structlog

from tests.escape.attempt import Attempt
from tests.escape.attempts import ATTEMPTS
from tests.escape.table import Tally, line_of, summary_of
from tests.escape.trial import try_both
from tests.escape.world import open_world


def main() -> int:
    """Returns 1 where an attempt got through, or where a control did not succeed."""
    parser = argparse.ArgumentParser(prog="make escape", description=__doc__)
    parser.add_argument("--only", default="", help="comma-separated names, or beginnings of names")
    wanted = tuple(name for name in parser.parse_args().only.split(",") if name) or ("",)
    chosen = [attempt for attempt in ATTEMPTS if attempt.name.startswith(wanted)]
    if not chosen:
        parser.error(
            f"no attempt begins with {', '.join(wanted)}; there are {', '.join(each.name for each in ATTEMPTS)}"
        )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return asyncio.run(_try_all(chosen))


async def _try_all(attempts: list[Attempt]) -> int:
    tally = Tally()
    async with open_world() as world:
        for attempt in attempts:
            tried = await try_both(world, attempt)
            tally.add(tried)
            print(line_of(tried), flush=True)
    print(summary_of(tally))
    return 0 if tally.good else 1


if __name__ == "__main__":
    sys.exit(main())
