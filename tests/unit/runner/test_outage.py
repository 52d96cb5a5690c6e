"""A step that needs GitHub is tried again for a bounded time, ever more rarely, and each wait is told."""

from datetime import timedelta

import pytest

from errand_common.clock import Clock
from errand_common.errors import Denied, Unavailable
from errand_runner.git import GitKilled
from errand_runner.outage import MOST_KILLS, GitPatience, HostAway, until_answered


class Host:
    """Fails as it is told, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.delays: list[tuple[str, float]] = []

    async def step(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def delayed(self, why: str, delay_s: float) -> None:
        self.delays.append((why, delay_s))

    async def ask(self, budget_s: float, *, asked_s: float = 10.0) -> str:
        patience = GitPatience(budget_s, asked_s)
        return await until_answered(self.step, patience=patience, clock=Clock(), delayed=self.delayed)


async def test_what_passes_is_waited_for_and_told() -> None:
    host = Host(HostAway("502"), Unavailable("GitHub answered 503"))

    assert await host.ask(3.0) == "done"
    assert [why for why, _ in host.delays] == ["502", "GitHub answered 503"]
    assert all(delay_s > 0 for _, delay_s in host.delays)


async def test_a_refusal_is_no_outage() -> None:
    host = Host(Denied("you may not"))

    with pytest.raises(Denied):
        await host.ask(3.0)
    assert host.delays == []


async def test_what_was_killed_is_done_again() -> None:
    host = Host(GitKilled("by signal 9"))

    assert await host.ask(3.0) == "done"
    assert [why for why, _ in host.delays] == ["by signal 9"]


async def test_what_is_killed_each_time_is_given_up_long_before_the_patience_is_over() -> None:
    host = Host(*[GitKilled("by signal 9")] * 1000)

    with pytest.raises(GitKilled, match=r"^by signal 9$"):
        await host.ask(3.0)
    assert len(host.delays) == MOST_KILLS - 1


async def test_in_the_end_it_is_given_up_with_how_long_it_was_tried() -> None:
    host = Host(*[HostAway("502")] * 1000)

    with pytest.raises(HostAway, match=r"^502 \(tried \d+ times in \d+ s; ERRAND_GIT_PATIENCE_SECONDS\)$"):
        await host.ask(0.2)
    assert len(host.delays) > 3


async def test_no_wait_is_begun_that_would_end_too_late() -> None:
    host = Host(Unavailable("come back tomorrow", retry_after=timedelta(hours=20)))

    with pytest.raises(HostAway, match="come back tomorrow"):
        await host.ask(900.0)
    assert host.delays == []


async def test_a_wait_that_the_host_asks_for_is_waited_whatever_the_patience() -> None:
    host = Host(Unavailable("your limit is used up", retry_after=timedelta(seconds=0.3)))

    assert await host.ask(0.2) == "done"
    assert [delay_s >= 0.3 for _, delay_s in host.delays] == [True]


async def test_a_host_that_asks_for_ever_is_given_up() -> None:
    host = Host(*[Unavailable("your limit is used up", retry_after=timedelta(seconds=0.1))] * 1000)

    with pytest.raises(HostAway, match="tried 3 times"):
        await host.ask(0.05, asked_s=0.25)


async def test_without_patience_nothing_is_tried_twice() -> None:
    host = Host(HostAway("502"), HostAway("502"))

    with pytest.raises(HostAway):
        await host.ask(0.0)
    assert len(host.failures) < 2


def test_waits_double_up_to_a_minute_and_spread() -> None:
    patience = GitPatience()
    longest = [patience.delay_s(failures=count, asked_s=0.0, chance=0.999) for count in (1, 2, 3, 6, 1000)]

    assert [round(delay_s) for delay_s in longest] == [3, 6, 12, 60, 60]
    assert patience.delay_s(failures=3, asked_s=0.0, chance=0.0) == 6.0
    assert patience.delay_s(failures=1, asked_s=30.0, chance=0.0) > 30.0
