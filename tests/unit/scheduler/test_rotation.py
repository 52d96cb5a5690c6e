"""Rotating the keys: everything opens afterwards with the new one alone, also where it was killed on the way."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from errand_common.errors import Unavailable
from errand_common.service import StartError
from errand_scheduler.access.user_tokens import sealed as sealed_pair
from errand_scheduler.access.vault import Vault, VaultError, open_vault
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import locked
from errand_scheduler.github.renewal import TokenPair
from errand_scheduler.keeping import rotation
from errand_scheduler.store import sealed, users
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User
from errand_scheduler.store.writer import Writer
from tests.unit.scheduler.moody import Moody, T
from tests.unit.scheduler.world import World

PEOPLE = 7


class Dying(Moody):
    """Writes so often, then never again."""

    def __init__(self, writer: Writer, writes: int) -> None:
        super().__init__(writer)
        self._left = writes

    async def write(self, fn: Callable[[Tx], T], *, size_bytes: int = 0, urgent: bool = False) -> T:
        self.refusals = 0 if self._left > 0 else 1
        self._left -= 1
        return await super().write(fn, size_bytes=size_bytes, urgent=urgent)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "secret.keys"


async def fill(world: World, vault: Vault) -> None:
    """People whose tokens are sealed, each with what renews it."""
    now_us = world.clock.now_us()
    for number in range(PEOPLE):
        user = User(user_id=f"usr_p{number}", github_id=100 + number, github_username=f"p{number}", created_time=now_us)
        pair = sealed_pair(TokenPair(f"ghu_{number}", f"ghr_{number}", 60), vault, user_id=user.user_id, now_us=now_us)
        await world.writer.write(adding(user, pair))


def adding(user: User, pair: users.SealedPair) -> Callable[[Tx], None]:
    return lambda tx: users.upsert(tx, user, pair)


async def opened(world: World, vault: Vault) -> list[tuple[str, str]]:
    """All that opens, in the clear."""
    found = []
    for number in range(PEOPLE):
        user_id = f"usr_p{number}"
        pair = await world.reader.one(users.sealed_pair(user_id))
        assert pair is not None
        assert pair.refresh_token is not None
        found.append(
            (
                vault.open(pair.token, user_id=user_id, kind="github_token"),
                vault.open(pair.refresh_token, user_id=user_id, kind="github_refresh_token"),
            )
        )
    return found


def newest_of(keys: Path) -> Vault:
    return Vault(keys.read_text().split()[:1])


async def test_everything_opens_with_the_new_key_alone(world: World, keys: Path) -> None:
    old = open_vault(keys)
    await fill(world, old)
    before = await opened(world, old)
    vault = await rotation.new_key(keys, world.reader)
    # The rows of the world itself were never sealed: they open with no key.
    assert await rotation.reseal(vault, world.reader, world.writer) == (2 * PEOPLE, 2)
    assert await opened(world, newest_of(keys)) == before
    assert len(keys.read_text().split()) == 2
    assert keys.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("chunks", range(5))
async def test_killed_on_the_way_all_opens_and_the_next_run_goes_on_with_the_same_key(
    world: World, keys: Path, chunks: int
) -> None:
    await fill(world, open_vault(keys))
    before = await opened(world, open_vault(keys))
    vault = await rotation.new_key(keys, world.reader)
    with pytest.raises(Unavailable):
        await rotation.reseal(vault, world.reader, Dying(world.writer, chunks), chunk=3)
    assert await opened(world, open_vault(keys)) == before
    again = await rotation.new_key(keys, world.reader)
    await rotation.reseal(again, world.reader, world.writer)
    assert await opened(world, newest_of(keys)) == before
    assert len(keys.read_text().split()) == 2


async def test_a_key_that_somebody_put_in_front_is_taken(world: World, keys: Path) -> None:
    await fill(world, open_vault(keys))
    added = Fernet.generate_key().decode()
    keys.write_text(f"{added}\n{keys.read_text()}")
    await rotation.reseal(await rotation.new_key(keys, world.reader), world.reader, world.writer)
    assert keys.read_text().split()[0] == added
    with pytest.raises(VaultError):
        await opened(world, Vault(keys.read_text().split()[1:]))


async def test_each_whole_run_makes_a_key(world: World, keys: Path) -> None:
    await fill(world, open_vault(keys))
    for count in (2, 3):
        await rotation.reseal(await rotation.new_key(keys, world.reader), world.reader, world.writer)
        assert len(keys.read_text().split()) == count


async def test_the_columns_are_those_of_the_schema(world: World) -> None:
    found = Query(
        """
        SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.name LIKE 'sealed%'
        """,
        lambda row: (str(row[0]), str(row[1])),
        {},
    )
    assert sorted(await world.reader.all(found)) == sorted((each.table, each.name) for each in sealed.COLUMNS)


async def test_nothing_is_rotated_while_a_scheduler_runs(tmp_path: Path) -> None:
    settings = SchedulerSettings.model_validate({"ERRAND_DATA": tmp_path / "data", "ERRAND_GITHUB_CLIENT_ID": "x"})
    with locked(settings.data), pytest.raises(StartError):
        await rotation.rotate_keys(settings)


async def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = SchedulerSettings.model_validate({"ERRAND_DATA": tmp_path / "data", "ERRAND_GITHUB_CLIENT_ID": "x"})
    assert await rotation.rotate_keys(settings) == 0
    assert f"0 sealed values stand under the key that is first in {settings.keys_file}" in capsys.readouterr().out


async def test_a_value_that_has_become_another_meanwhile_stays(world: World, keys: Path) -> None:
    vault = open_vault(keys)
    await fill(world, vault)
    column = sealed.COLUMNS[0]
    (first, *_) = await world.reader.all(sealed.after(column, 0, limit=1))
    late = sealed.Resealed(row=first.row, old="what it was before", new="sealed anew")

    await world.writer.write(lambda tx: sealed.replace(tx, column, [late]))

    assert (await world.reader.all(sealed.after(column, 0, limit=1)))[0] == first
