"""`make chaos`: does every fault of the list, or those named, to a running Errand; fails where a promise broke."""

import argparse
import asyncio
import logging
import random
import signal
import sys
import time
import traceback
from collections.abc import Coroutine

import structlog

from tests.chaos.fault import FAULTS, Fault, chosen, lacking
from tests.chaos.homes import Homes
from tests.chaos.scenarios import ALL
from tests.chaos.table import HEAD, Outcome, last_line, lines_of
from tests.chaos.trial import Trial

FAULT_S = 270.0


def main() -> int:
    """Returns 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", default="", help="names, comma-separated, such as T14,T16")
    parser.add_argument(
        "--seed", type=int, default=None, help="of what is left to chance; by default another each time"
    )
    given = parser.parse_args()
    assert ALL
    try:
        faults = chosen(given.only)
    except KeyError as exc:
        parser.error(f"there is no fault {exc.args[0]}; there are {', '.join(FAULTS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return asyncio.run(
        _interruptible(_try_all(faults, time.time_ns() % 1_000_000 if given.seed is None else given.seed))
    )


async def _interruptible(running: Coroutine[object, object, int]) -> int:
    """SIGTERM ends it as Ctrl-C does: with nothing left behind."""
    task = asyncio.ensure_future(running)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _try_all(faults: list[Fault], seed: int) -> int:
    homes, outcomes = Homes(), list[Outcome]()
    print(HEAD, flush=True)
    try:
        for fault in faults:
            if lacks := lacking(*fault.needs):
                print(f"{fault.name:<6}not tried: this machine lacks {lacks}", flush=True)
                continue
            outcomes.append(await _try(fault, homes, seed))
            print(lines_of(outcomes[-1]), flush=True)
    finally:
        await homes.discard()
    print(last_line(outcomes, seed=seed))
    return 1 if any(outcome.breach for outcome in outcomes) else 0


async def _try(fault: Fault, homes: Homes, seed: int) -> Outcome:
    # Each has its own chance, so that it is the same alone.
    trial = Trial(fault.name, homes, random.Random(f"{seed} {fault.name}"))
    began_s, breach = time.monotonic(), ""
    try:
        async with asyncio.timeout(FAULT_S):
            await fault.play(trial)
            await trial.finish()
        assert trial.runs, "it never happened"
    except Exception as exc:
        breach = f"{type(exc).__name__}: {exc}"
        traceback.print_exc()
        await homes.discard(keep=fault.name)
    return Outcome(fault, trial, breach, time.monotonic() - began_s)


if __name__ == "__main__":
    sys.exit(main())
