"""A page that is cut off comes back as the crowd of the fault T44 does: later each time, and not all at once."""

import random
import re
from pathlib import Path

import errand_gateway
from tests.chaos.crowd import FIRST_RETRY_S, LONGEST_RETRY_S, SETTLED_S, retry_s

LIVE = (Path(errand_gateway.__file__).parent / "page" / "web" / "live.js").read_text()


def of_the_page(name: str) -> float:
    (found,) = re.findall(rf"^const {name} = ([\d_]+);$", LIVE, re.MULTILINE)
    return int(found) / 1000


def test_the_crowd_waits_as_the_page_does() -> None:
    assert of_the_page("FIRST_RETRY_MS") == FIRST_RETRY_S
    assert of_the_page("LONGEST_RETRY_MS") == LONGEST_RETRY_S
    assert of_the_page("SETTLED_MS") == SETTLED_S
    assert "Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10))" in LIVE
    assert "setTimeout(() => this.#open(), longestMs * (0.5 + Math.random() / 2))" in LIVE


def test_a_thousand_that_are_cut_off_at_once_come_back_over_half_of_the_wait() -> None:
    chance = random.Random(0)
    for failures, longest_s in ((1, 0.5), (3, 2.0), (30, 15.0)):
        waits_s = sorted(retry_s(failures, chance) for _ in range(1000))
        assert longest_s / 2 <= waits_s[0] < waits_s[-1] <= longest_s
        tenths = [sum(low <= (wait / longest_s - 0.5) * 20 < low + 1 for wait in waits_s) for low in range(10)]
        assert max(tenths) < 150, "no tenth of the time takes many more than its share"
