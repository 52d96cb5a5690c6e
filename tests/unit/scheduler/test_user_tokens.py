"""Tokens that expire: renewed once for all who ask, stored before anybody has them, and never left half done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cryptography.fernet import Fernet

from errand_common.errors import Unavailable
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.user_tokens import UserTokens, sealed
from errand_scheduler.access.vault import Vault
from errand_scheduler.github import GitHubUnavailable, TokenRefused
from errand_scheduler.github.renewal import RefreshRefused, Renewal, TokenPair
from errand_scheduler.store import users
from tests.unit.scheduler.moody import Moody
from tests.unit.scheduler.world import USER, World

HOUR_S = 3600.0


class OneTime(Renewal):
    """GitHub's side: a refresh token is good once, also where nobody hears the answer."""

    def __init__(self) -> None:
        self.good = "ghr_1"
        self.renewals = 0
        self.heard = asyncio.Event()
        self.heard.set()
        self.asked = asyncio.Event()
        self.lost = False

    async def renew(self, refresh_token: str) -> TokenPair:
        if refresh_token != self.good:
            raise RefreshRefused("bad_refresh_token")
        self.renewals += 1
        self.good = f"ghr_{self.renewals + 1}"
        self.asked.set()
        await self.heard.wait()
        if self.lost:
            raise GitHubUnavailable("GitHub does not answer")
        return TokenPair(f"ghu_{self.renewals + 1}", self.good, 8 * HOUR_S)


class Desk:
    """What a test works with."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vault = Vault([Fernet.generate_key().decode()])
        self.writer = Moody(world.writer)
        self.github = OneTime()

    async def brings(self, pair: TokenPair) -> None:
        """The user signs in."""
        user = await self.world.reader.one(users.by_id(USER))
        assert user is not None
        kept = sealed(pair, self.vault, user_id=USER, now_us=self.world.clock.now_us())
        await self.world.writer.write(lambda tx: users.upsert(tx, user, kept))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[UserTokens]:
        tokens = UserTokens(
            reader=self.world.reader,
            writer=self.writer,
            vault=self.vault,
            admission=Listed([USER]),
            clock=self.world.clock,
            renewal=self.github,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(tokens.run())
            await asyncio.sleep(0)
            yield tokens
            running.cancel()


@pytest.fixture
async def desk(world: World) -> Desk:
    desk = Desk(world)
    await desk.brings(TokenPair("ghu_1", "ghr_1", 8 * HOUR_S))
    return desk


async def test_one_that_is_good_for_long_is_handed_out_as_it_is(desk: Desk) -> None:
    async with desk.open() as tokens:
        assert await tokens.current(USER) == "ghu_1"
    assert desk.github.renewals == 0


async def test_near_its_end_it_is_renewed_once_for_all_who_ask(desk: Desk) -> None:
    desk.world.clock.move(8 * HOUR_S - 60)
    async with desk.open() as tokens:
        assert await asyncio.gather(*(tokens.current(USER) for _ in range(5))) == ["ghu_2"] * 5
        assert await tokens.current(USER) == "ghu_2"
    assert desk.github.renewals == 1


async def test_one_that_github_refuses_is_renewed_and_the_call_made_again(desk: Desk) -> None:
    async def call(token: str) -> str:
        if token == "ghu_1":
            raise TokenRefused("no")
        return f"done with {token}"

    async with desk.open() as tokens:
        assert await tokens.using(USER, call) == "done with ghu_2"


async def test_the_new_pair_is_stored_before_it_is_used(desk: Desk) -> None:
    desk.writer.refusals = 1
    async with desk.open() as tokens:
        with pytest.raises(Unavailable, match="the disk refuses"):
            await tokens.next_after(USER, "ghu_1")
        assert await tokens.next_after(USER, "ghu_1") == "ghu_2"
        assert desk.github.renewals == 1
    async with desk.open() as tokens:
        assert await tokens.current(USER) == "ghu_2"


async def test_a_caller_that_goes_away_costs_nobody_a_sign_in(desk: Desk) -> None:
    desk.github.heard.clear()
    async with desk.open() as tokens, asyncio.TaskGroup() as group:
        caller = group.create_task(tokens.next_after(USER, "ghu_1"))
        await desk.github.asked.wait()
        caller.cancel()
        await asyncio.sleep(0)
        desk.github.heard.set()
        assert await tokens.next_after(USER, "ghu_1") == "ghu_2"
    assert desk.github.renewals == 1


async def test_a_stop_waits_for_the_renewal_that_is_under_way(desk: Desk) -> None:
    desk.github.heard.clear()
    async with asyncio.TaskGroup() as group, desk.open() as tokens:
        group.create_task(tokens.next_after(USER, "ghu_1"))
        await desk.github.asked.wait()
        asyncio.get_running_loop().call_later(0.05, desk.github.heard.set)
    async with desk.open() as tokens:
        assert await tokens.current(USER) == "ghu_2"


async def test_after_a_lost_answer_the_person_must_sign_in_again_and_github_is_not_asked_on(desk: Desk) -> None:
    desk.github.lost = True
    async with desk.open() as tokens:
        with pytest.raises(GitHubUnavailable):
            await tokens.next_after(USER, "ghu_1")
        desk.github.lost = False
        for _ in range(2):
            with pytest.raises(TokenRefused, match="sign in again"):
                await tokens.next_after(USER, "ghu_1")
        desk.github.good = "ghr_1"
        with pytest.raises(TokenRefused, match="sign in again"):
            await tokens.current(USER)
        await desk.brings(TokenPair("ghu_9", "ghr_9", 8 * HOUR_S))
        assert await tokens.current(USER) == "ghu_9"


async def test_a_sign_in_meanwhile_wins(desk: Desk) -> None:
    desk.github.heard.clear()
    async with desk.open() as tokens, asyncio.TaskGroup() as group:
        group.create_task(tokens.next_after(USER, "ghu_1"))
        await desk.github.asked.wait()
        await desk.brings(TokenPair("gho_new"))
        desk.github.heard.set()
    async with desk.open() as tokens:
        assert await tokens.current(USER) == "gho_new"


async def test_a_token_that_does_not_expire_and_is_refused_asks_for_a_sign_in(desk: Desk) -> None:
    await desk.brings(TokenPair("gho_1"))
    async with desk.open() as tokens:
        assert await tokens.current(USER) == "gho_1"
        with pytest.raises(TokenRefused, match="sign in again"):
            await tokens.next_after(USER, "gho_1")
