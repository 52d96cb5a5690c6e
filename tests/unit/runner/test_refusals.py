"""What is said against one attempt's events is borne as long as it may pass, and never asked for without a pause."""

import asyncio

import pytest

from errand_runner.bisection import LIMIT, Strikes
from errand_runner.outbox import Outbox
from errand_runner.refusals import Refusals
from tests.unit.runner.streaming import Hasty, attempt, event

ATTEMPT = attempt(0)


@pytest.fixture
async def log(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    for text in ("one", "two", "three"):
        await log.append(event(text))
    return log


@pytest.fixture
def rested():
    return asyncio.Event()


@pytest.fixture
def refusals(rested):
    return Refusals(
        strikes=Strikes(),
        chance=Hasty(0),
        on_superseded=lambda attempt_id: None,
        on_blob_missing=lambda attempt_id: None,
        on_rested=rested.set,
    )


async def rest(refusals, rested):
    async with asyncio.timeout(20):
        while refusals.rests(ATTEMPT):
            await rested.wait()
            rested.clear()


async def test_batches_that_were_under_way_together_are_one_try(log, refusals, rested):
    for _ in range(LIMIT - 1):
        for _ in range(4):
            refusals.take(log, "INTERNAL", "oops")
        await rest(refusals, rested)
    assert log.broken is None

    refusals.take(log, "INTERNAL", "oops")

    assert log.broken is not None


async def test_progress_begins_the_count_anew(log, refusals, rested):
    for sequence in range(1, 3):
        for _ in range(LIMIT - 1):
            refusals.take(log, "INTERNAL", "oops")
            await rest(refusals, rested)
        log.ack(sequence)

    assert log.broken is None


@pytest.mark.parametrize("reason", ["UNAVAILABLE", "EXHAUSTED", "INTERNAL", "BLOB_MISSING", "LEASE_SUPERSEDED"])
async def test_whatever_may_pass_is_asked_again_after_a_rest(log, refusals, rested, reason):
    refusals.take(log, reason, "no")

    assert refusals.rests(ATTEMPT)
    await rest(refusals, rested)
    assert not refusals.rests(ATTEMPT)


async def test_a_gap_is_filled_at_once_but_not_for_ever(log, refusals):
    for _ in range(LIMIT):
        refusals.take(log, "EVENT_GAP", "", acked_sequence=0)
        assert not refusals.rests(ATTEMPT)

    refusals.take(log, "EVENT_GAP", "", acked_sequence=0)

    assert refusals.rests(ATTEMPT)
    assert log.broken is None


@pytest.mark.parametrize("reason", ["INVALID", "WRONG_STATE", "DENIED", "SOMETHING_NEW"])
async def test_what_never_passes_ends_the_attempt(log, refusals, reason):
    refusals.take(log, reason, "the words of the scheduler")

    assert "the words of the scheduler" in str(log.broken)
