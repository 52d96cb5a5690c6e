"""Who left an organisation is out at the next look; whatever else GitHub says locks nobody out."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from cryptography.fernet import Fernet

from errand_common.errors import ErrandError, NotFound
from errand_common.values import UserRole
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.memberships import AGAIN_S, LOOK_S, Memberships
from errand_scheduler.access.user_tokens import UserTokens, sealed
from errand_scheduler.access.vault import Vault
from errand_scheduler.github import GitHub, GitHubUnavailable, Organisations, TokenRefused
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.store import admissions, audit, users
from errand_scheduler.store.admissions import Admission, Kind
from errand_scheduler.store.notices import AccessChanged
from errand_scheduler.store.users import User
from tests.unit.scheduler.world import USER, World


class Says(GitHub):
    """GitHub's answer is what the test wants it to be."""

    def __init__(self) -> None:
        self.answer: Organisations | ErrandError = Organisations(["acme"], whole=True)
        self.asked = 0

    async def organisations(self, token: str) -> Organisations:
        self.asked += 1
        if isinstance(self.answer, ErrandError):
            raise self.answer
        return self.answer


class Gate:
    """A person who is in by acme, where acme and globex are let in."""

    def __init__(self, world: World, named: tuple[str, ...] = ()) -> None:
        self.world = world
        self.github = Says()
        self.listed = Listed(named)
        vault = Vault([Fernet.generate_key().decode()])
        self._sealed = sealed(TokenPair("ghu_1"), vault, user_id=USER, now_us=world.clock.now_us())
        tokens = UserTokens(
            reader=world.reader,
            writer=world.writer,
            vault=vault,
            admission=self.listed,
            clock=world.clock,
            renewal=None,
            refused="sign in again",
        )
        self.memberships = Memberships(
            reader=world.reader,
            writer=world.writer,
            tokens=tokens,
            github=self.github,
            listed=self.listed,
            clock=world.clock,
            round_s=0.01,
        )
        self._tokens = tokens

    async def enter(self, *, role: UserRole = UserRole.MEMBER) -> None:
        user = replace(await self.user(), admitted_time=None, organisation="acme", role=role)
        for name in ("acme", "globex"):
            rule = Admission(Kind.ORGANISATION, name, True, UserRole.MEMBER, "operator", 1)
            await self.world.writer.write(partial(admissions.put, admission=rule))
        await self.world.writer.write(lambda tx: users.upsert(tx, user, self._sealed))

    async def user(self) -> User:
        user = await self.world.reader.one(users.by_id(USER))
        assert user is not None
        return user

    async def later(self) -> None:
        """An hour later it is looked again."""
        self.world.clock.move(LOOK_S)
        async with asyncio.TaskGroup() as group:
            renewals = group.create_task(self._tokens.run())
            await asyncio.sleep(0)
            try:
                await self.memberships.look()
            finally:
                renewals.cancel()

    def cut(self) -> list[AccessChanged]:
        return [each for each in self.world.notices if isinstance(each, AccessChanged)]


@pytest.fixture
async def gate(world: World) -> Gate:
    gate = Gate(world)
    await gate.enter()
    return gate


async def test_who_left_is_out_with_their_streams_and_it_is_noted(gate: Gate) -> None:
    gate.github.answer = Organisations(["elsewhere"], whole=True)
    await gate.later()
    assert (await gate.user()).organisation == ""
    assert gate.cut() == [AccessChanged(user_id=USER, role=None)]
    (entry,) = await gate.world.reader.all(audit.page(before=None, limit=1))
    assert (entry.caller, entry.action, entry.subject_id) == ("scheduler", "leave_organisation", USER)


async def test_who_is_in_another_that_is_let_in_stays(gate: Gate) -> None:
    gate.github.answer = Organisations(["Globex"], whole=True)
    await gate.later()
    assert (await gate.user()).organisation == "globex"
    assert gate.cut() == []


@pytest.mark.parametrize(
    "answer",
    [
        Organisations(["acme"], whole=True),
        Organisations([], whole=False),
        NotFound("no such page"),
    ],
    ids=["still in it", "not to be seen", "nonsense"],
)
async def test_whatever_else_comes_locks_nobody_out(gate: Gate, answer: Organisations | ErrandError) -> None:
    gate.github.answer = answer
    for _ in range(3):
        await gate.later()
    assert ((await gate.user()).organisation, gate.cut()) == ("acme", [])


async def test_while_github_is_away_nothing_changes_and_it_is_asked_again_soon(gate: Gate) -> None:
    gate.github.answer = GitHubUnavailable("GitHub does not answer")
    for _ in range(2):
        await gate.memberships.look()
    assert gate.github.asked == 1
    gate.world.clock.move(AGAIN_S)
    await gate.memberships.look()
    assert ((await gate.user()).organisation, gate.cut(), gate.github.asked) == ("acme", [], 2)


async def test_a_token_that_is_refused_twice_in_a_row_has_them_sign_in_anew(gate: Gate) -> None:
    gate.github.answer = TokenRefused("no")
    await gate.later()
    gate.github.answer = Organisations(["acme"], whole=True)
    await gate.later()
    gate.github.answer = TokenRefused("no")
    await gate.later()
    assert gate.cut() == []
    await gate.later()
    assert gate.cut() == [AccessChanged(user_id=USER, role=None)]


async def test_github_is_asked_once_an_hour_for_each(gate: Gate) -> None:
    for _ in range(3):
        await gate.memberships.look()
    assert gate.github.asked == 1
    await gate.later()
    assert gate.github.asked == 2


async def test_the_last_admin_stays(world: World) -> None:
    gate = Gate(world)
    await gate.enter(role=UserRole.ADMIN)
    gate.github.answer = Organisations([], whole=True)
    await gate.later()
    assert ((await gate.user()).organisation, gate.cut()) == ("acme", [])


async def test_whom_the_setting_names_too_is_not_cut_off(world: World) -> None:
    gate = Gate(world, named=(USER,))
    await gate.enter()
    gate.github.answer = Organisations([], whole=True)
    await gate.later()
    assert ((await gate.user()).organisation, gate.cut()) == ("", [])
