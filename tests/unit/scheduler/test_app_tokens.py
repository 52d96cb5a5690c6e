"""Tokens of the app: none is lent to an attempt that ended while it was made, and none near its end."""

import asyncio

import pytest
from cryptography.fernet import Fernet

from errand_common.errors import Conflict
from errand_scheduler.access.app_tokens import READING, WRITING, AppTokens
from errand_scheduler.access.vault import Vault
from errand_scheduler.github.as_app import GitHubApp, Installation, InstallationToken, Permissions
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import installation_tokens
from errand_scheduler.store.attempts import Attempt
from tests.unit.scheduler.world import World

HOUR_S = 3600.0


class Minting(GitHubApp):
    """GitHub's side: tokens in the order in which they are asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Permissions]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.began = asyncio.Event()

    async def installation(self, repository: str) -> Installation:
        return Installation(installation_id=1, permissions=WRITING, page="")

    async def mint(self, installation: Installation, repository: str, permissions: Permissions) -> InstallationToken:
        self.asked.append((repository, permissions))
        self.began.set()
        await self.go_on.wait()
        return InstallationToken(f"ghs_{len(self.asked)}", HOUR_S)


class Desk:
    def __init__(self, world: World, attempt: Attempt, holder: Holder) -> None:
        self.world, self.attempt, self.holder = world, attempt, holder
        self.github = Minting()
        vault = Vault([Fernet.generate_key().decode()])
        self.tokens = AppTokens(self.github, writer=world.writer, vault=vault, clock=world.clock, retry_s=1.0)

    async def token(self, repository: str = "o/r", *, reading: bool = False) -> str:
        return (await self.tokens.token(self.attempt, repository, reading=reading, refused=lambda _: False)).value


@pytest.fixture
async def desk(world: World) -> Desk:
    holder = await world.running((await world.new_task()).task_id)
    return Desk(world, await world.attempt(holder.attempt_id), holder)


async def test_a_token_is_lent_until_five_minutes_before_its_end(desk: Desk) -> None:
    assert [await desk.token(), await desk.token("O/R")] == ["ghs_1", "ghs_1"]
    desk.world.clock.move(HOUR_S - 301)
    assert await desk.token() == "ghs_1"
    desk.world.clock.move(2)
    assert await desk.token() == "ghs_2"


async def test_what_may_only_be_read_has_a_token_of_its_own(desk: Desk) -> None:
    assert [await desk.token(), await desk.token("o/other", reading=True)] == ["ghs_1", "ghs_2"]
    assert desk.github.asked == [("o/r", WRITING), ("o/other", READING)]


def test_what_starts_in_a_repositorys_own_name_is_for_people_to_push() -> None:
    assert "workflows" not in WRITING


async def test_one_that_comes_after_the_end_is_not_lent_and_revoked(desk: Desk) -> None:
    desk.github.go_on.clear()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(refused(desk))
        await desk.github.began.wait()
        await desk.world.lost(desk.holder)
        desk.github.go_on.set()
    assert asking.result() == "LEASE_SUPERSEDED"
    assert len(await desk.world.reader.all(installation_tokens.to_revoke(10))) == 1


async def refused(desk: Desk) -> str:
    with pytest.raises(Conflict) as error:
        await desk.token()
    return error.value.reason
