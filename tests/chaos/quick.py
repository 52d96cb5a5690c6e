"""The choice of faults that `make test` does, each in its short form."""

import random

from tests.chaos.fault import FAULTS, Fault
from tests.chaos.homes import Homes
from tests.chaos.scenarios import ALL
from tests.chaos.trial import Trial

assert ALL


def quick_faults(*, needy: bool) -> list[Fault]:
    """Those that need something of the machine, or those that need nothing."""
    return [each for each in FAULTS.values() if each.quick and bool(each.needs) is needy]


async def try_quickly(fault: Fault, homes: Homes) -> None:
    """Raises AssertionError where a promise broke; nothing is shared with it any more then."""
    trial = Trial(fault.name, homes, random.Random(fault.name), quick=True)
    try:
        await fault.play(trial)
        await trial.finish()
    except BaseException:
        await homes.discard(keep=fault.name)
        raise
    assert trial.runs, "it never happened"
