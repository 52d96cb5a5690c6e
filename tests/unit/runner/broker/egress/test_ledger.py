"""Connections are told one by one, many of them together, and none is lost on the way."""

import asyncio
from collections.abc import Sequence

from errand_common.tasks import beside
from errand_common.values import EgressOutcome
from errand_runner.broker.egress.ledger import MOST_SUMS, TOLD_ALONE, Ledger, Use


class Told:
    """What became an event."""

    def __init__(self) -> None:
        self.events: list[Sequence[Use]] = []
        self.came = asyncio.Event()

    async def __call__(self, uses: Sequence[Use]) -> None:
        self.events.append(uses)
        self.came.set()

    @property
    def connections(self) -> int:
        return sum(use.connections for uses in self.events for use in uses)


def closed(host: str = "example.com", received_bytes: int = 10) -> Use:
    return Use(host=host, outcome=EgressOutcome.CLOSED, sent_bytes=1, received_bytes=received_bytes, duration_s=0.5)


def blocked(host: str) -> Use:
    return Use(host=host, outcome=EgressOutcome.BLOCKED, reason=f"{host} is not allowed")


async def test_a_connection_is_told_when_it_is_over() -> None:
    ledger = Ledger(told := Told())
    async with asyncio.timeout(20), beside(ledger.watch()):
        ledger.note(closed())
        await told.came.wait()
    assert told.events == [[closed()]]


async def test_ten_thousand_connections_are_a_bounded_number_of_events_and_all_are_counted() -> None:
    ledger = Ledger(told := Told())
    for number in range(10_000):
        ledger.note(closed(f"h{number % 50}.example.com"))
    await ledger.settle()
    assert len(told.events) == TOLD_ALONE + 1
    assert told.connections == 10_000
    assert sum(use.received_bytes for uses in told.events for use in uses) == 100_000
    *named, others = told.events[-1]
    assert (len(named), others.host) == (MOST_SUMS, "")


async def test_a_host_that_is_blocked_again_and_again_is_told_once_then_counted() -> None:
    ledger = Ledger(told := Told())
    for _ in range(6):
        ledger.note(blocked("a.example"))
    ledger.note(blocked("b.example"))
    await ledger.settle()
    assert [[(use.host, use.connections) for use in uses] for uses in told.events] == [
        [("a.example", 1)],
        [("b.example", 1)],
        [("a.example", 5)],
    ]


async def test_what_is_counted_together_is_told_after_a_while() -> None:
    ledger = Ledger(told := Told(), sum_s=0.01)
    async with asyncio.timeout(20), beside(ledger.watch()):
        for _ in range(3):
            ledger.note(blocked("a.example"))
        while told.connections < 3:
            told.came.clear()
            await told.came.wait()
    assert [uses[0].connections for uses in told.events] == [1, 2]


async def test_the_reasons_are_given_once_to_whoever_asks() -> None:
    ledger = Ledger(Told())
    ledger.note(closed())
    for host in ("a.example", "b.example", "a.example"):
        ledger.note(blocked(host))
    assert ledger.take_words() == ["a.example is not allowed", "b.example is not allowed"]
    assert ledger.take_words() == []
    for number in range(1000):
        ledger.note(blocked(f"h{number}.example"))
    assert ledger.take_words() == [f"h{number}.example is not allowed" for number in range(995, 1000)]


async def test_a_record_that_blocks_does_not_hold_up_the_end() -> None:
    async def blocks(uses: Sequence[Use]) -> None:
        await asyncio.Event().wait()

    ledger = Ledger(blocks)
    ledger.note(closed())
    async with asyncio.timeout(10):
        await ledger.settle()
