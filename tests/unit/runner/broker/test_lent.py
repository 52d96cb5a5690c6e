"""What was lent is kept for a while, in memory, and given up where the git host refuses it."""

import asyncio
from collections.abc import Sequence

import pytest

from errand_common.errors import Denied
from errand_runner.broker.lent import KEEP_S, Credential, Lent


class Scheduler:
    """Lends one after the other; the last again and again."""

    def __init__(self, credentials: Sequence[Credential]) -> None:
        self.credentials, self.refused = list(credentials), list[str]()
        self.failure: Exception | None = None

    async def __call__(self, *, refused_lent_id: str) -> Credential:
        self.refused.append(refused_lent_id)
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return self.credentials.pop(0) if len(self.credentials) > 1 else self.credentials[0]


class Now:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


FIRST, SECOND = Credential("x", "first", "id-1"), Credential("x", "second", "id-2")


@pytest.fixture
def now() -> Now:
    return Now()


async def test_many_uses_at_once_and_later_cost_one_question(now: Now) -> None:
    scheduler = Scheduler([FIRST, SECOND])
    lent = Lent(scheduler, now_s=now)

    assert list(await asyncio.gather(lent.get(), lent.get())) == [FIRST, FIRST]
    now.s = KEEP_S - 1
    assert await lent.get() == FIRST
    assert scheduler.refused == [""]


async def test_after_a_while_it_is_asked_for_anew(now: Now) -> None:
    lent = Lent(Scheduler([FIRST, SECOND]), now_s=now)
    await lent.get()

    now.s = KEEP_S

    assert await lent.get() == SECOND


async def test_one_that_expires_is_not_used_after_that(now: Now) -> None:
    lent = Lent(Scheduler([Credential("x", "first", good_s=10.0), SECOND]), now_s=now)
    await lent.get()

    now.s = 10.0

    assert await lent.get() == SECOND


async def test_two_that_were_refused_the_same_one_get_one_new_one(now: Now) -> None:
    scheduler = Scheduler([FIRST, SECOND])
    lent = Lent(scheduler, now_s=now)
    refused = await lent.get()

    assert list(await asyncio.gather(*(lent.instead_of(refused) for _ in range(2)))) == [SECOND, SECOND]
    assert scheduler.refused == ["", "id-1"]


async def test_what_is_lent_no_more_is_used_no_more(now: Now) -> None:
    scheduler = Scheduler([FIRST])
    lent = Lent(scheduler, now_s=now)
    await lent.get()
    scheduler.failure = Denied("the token was revoked")

    for use in (lambda: lent.instead_of(FIRST), lent.get):
        with pytest.raises(Denied, match="revoked"):
            await use()
