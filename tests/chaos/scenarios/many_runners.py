"""The scheduler dies under many runners."""

import tempfile
from pathlib import Path

from tests.chaos.fault import fault
from tests.chaos.many_runners import come_back
from tests.chaos.trial import Trial

BACK_S = 15.0
BUSY_S = 5.0


@fault("T35", "kill -9 of the scheduler of 300 runners, which come back all at once", quick=True)
async def all_at_once(trial: Trial) -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = await come_back(Path(folder), count=40 if trial.quick else 300, tasks=10 if trial.quick else 40)
    trial.injected()
    trial.recoveries_s.append(figures.last_s)
    assert figures.last_s <= BACK_S, str(figures)
    assert figures.busy_s <= BUSY_S, str(figures)
    assert figures.connections >= figures.runners, "they came over fewer connections than runners have"
    trial.checked(str(figures), "no offer before the inventory", "I1 I2")
