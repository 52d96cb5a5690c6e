"""Each service has a folder of its own with what it needs to call the scheduler, and loses it with its name."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from errand_common.credentials import hash_token, read_secret
from errand_common.service import StartError
from errand_scheduler.access import credentials
from errand_scheduler.folder import DataFolder
from errand_scheduler.store import service_tokens
from errand_scheduler.store.service_tokens import ServiceToken
from tests.unit.scheduler.world import World


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.tls.mkdir(parents=True)
    folder.ca.write_bytes(b"the CA\n")
    return folder


async def start(world: World, folder: DataFolder, runner_names: Sequence[str] = ("local",)) -> None:
    await credentials.ensure(world.writer, world.ids, folder, ca=folder.ca.read_bytes(), runner_names=runner_names)


async def row_of(world: World, folder: DataFolder, name: str) -> ServiceToken:
    row = await row_of_token(world, read_secret(folder.credential(name).token))
    assert row is not None
    return row


async def row_of_token(world: World, token: str) -> ServiceToken | None:
    return await world.reader.one(service_tokens.by_hash(hash_token(token)))


async def test_each_has_a_token_the_ca_and_its_own_scope(world: World, folder: DataFolder) -> None:
    for _ in range(2):
        await start(world, folder, ["local", "big-box"])
    scopes = {
        "gateway": "sessions:create",
        "operator": "access:admin access:read fleet:admin fleet:read links:create tokens:read tokens:write",
        "runners/local": "dispatch",
        "runners/big-box": "dispatch",
    }
    tokens = {name: read_secret(folder.credential(name).token) for name in scopes}
    assert len(set(tokens.values())) == len(tokens)
    runner_ids = set()
    for name, scope in scopes.items():
        assert tokens[name].startswith("esv_")
        assert folder.credential(name).ca.read_bytes() == b"the CA\n"
        row = await row_of(world, folder, name)
        assert (row.name, row.scopes) == (name, scope)
        assert (row.runner_id is not None) == name.startswith("runners/")
        runner_ids.add(row.runner_id)
    assert len(runner_ids) == 3, "each runner is another one, and the others are none"


async def test_a_token_of_an_older_release_may_do_what_its_service_may_do_now(world: World, folder: DataFolder) -> None:
    await start(world, folder)
    token = read_secret(folder.credential("operator").token)
    await world.writer.write(
        lambda tx: service_tokens.set_scopes(tx, token_hash=hash_token(token), scopes="links:create")
    )
    await start(world, folder)
    assert read_secret(folder.credential("operator").token) == token
    assert "fleet:admin" in (await row_of(world, folder, "operator")).scopes.split()


async def test_only_their_owner_may_read_them(world: World, folder: DataFolder) -> None:
    await start(world, folder)
    for name in (".", "gateway", "operator", "runners", "runners/local"):
        assert folder.credential(name).folder.stat().st_mode & 0o777 == 0o700, name
    for name in ("gateway", "operator", "runners/local"):
        assert folder.credential(name).token.stat().st_mode & 0o777 == 0o600, name


@pytest.mark.parametrize("name", ["gateway", "operator", "runners/local"])
async def test_a_token_whose_file_is_gone_is_replaced_and_revoked(world: World, folder: DataFolder, name: str) -> None:
    await start(world, folder)
    path = folder.credential(name).token
    old = read_secret(path)
    path.unlink()
    await start(world, folder)
    assert read_secret(path) != old
    assert await row_of_token(world, old) is None


async def test_the_ca_follows_the_schedulers_own(world: World, folder: DataFolder) -> None:
    await start(world, folder)
    folder.ca.write_bytes(b"another CA\n")
    await start(world, folder)
    assert folder.credential("runners/local").ca.read_bytes() == b"another CA\n"
    assert sorted(path.name for path in folder.credential("gateway").folder.iterdir()) == ["ca.pem", "token"]


async def test_a_runner_that_is_taken_off_loses_its_token_and_one_that_comes_back_gets_another(
    world: World, folder: DataFolder
) -> None:
    await start(world, folder, ["local", "big-box"])
    kept, gone = folder.credential("runners/local"), folder.credential("runners/big-box")
    kept_token, old_token = read_secret(kept.token), read_secret(gone.token)
    runner_id = (await row_of(world, folder, "runners/big-box")).runner_id

    await start(world, folder, ["local"])
    assert not gone.folder.exists()
    assert await row_of_token(world, old_token) is None
    assert await row_of_token(world, kept_token) is not None

    await start(world, folder, ["big-box"])
    assert read_secret(gone.token) != old_token
    assert (await row_of(world, folder, "runners/big-box")).runner_id == runner_id
    assert not kept.folder.exists()
    assert await row_of_token(world, kept_token) is None


async def test_what_somebody_laid_into_a_runners_folder_stays(world: World, folder: DataFolder) -> None:
    await start(world, folder, ["local", "big-box"])
    note = folder.credential("runners/big-box").folder / "note.txt"
    note.write_text("in the cellar")
    await start(world, folder)
    assert [path.name for path in note.parent.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("name", ["gateway", "operator"])
async def test_one_that_was_revoked_is_made_anew_and_says_so(world: World, folder: DataFolder, name: str) -> None:
    await start(world, folder)
    path = folder.credential(name).token
    old, scopes = read_secret(path), (await row_of(world, folder, name)).scopes
    token_id = (await row_of(world, folder, name)).service_token_id
    await world.writer.write(lambda tx: service_tokens.revoke(tx, token_id))

    with capture_logs() as logs:
        await start(world, folder)

    assert [(line["event"], line["folder"]) for line in logs] == [("revoked_credential_made_anew", str(path.parent))]
    assert (await row_of(world, folder, name)).scopes == scopes
    assert path.stat().st_mode & 0o777 == 0o600
    assert await row_of_token(world, old) is None, "what was revoked stays so"
    with capture_logs() as logs:
        await start(world, folder)
    assert logs == []


async def test_a_revoked_token_that_is_put_back_is_replaced(world: World, folder: DataFolder) -> None:
    await start(world, folder)
    path = folder.credential("gateway").token
    old = path.read_text()
    path.unlink()
    await start(world, folder)
    path.write_text(old)
    await start(world, folder)
    assert path.read_text() != old
    assert await row_of_token(world, old.strip()) is None


async def test_a_credential_that_cannot_be_used_is_named(world: World, folder: DataFolder) -> None:
    await start(world, folder)
    folder.credential("operator").token.write_text("\n")
    with pytest.raises(StartError, match=r"credentials/operator cannot be used: .* is empty; delete it"):
        await start(world, folder)


async def test_a_copied_folder_is_no_second_runner(world: World, folder: DataFolder) -> None:
    await start(world, folder)
    shutil.copytree(folder.credential("runners/local").folder, folder.credential("runners/second").folder)

    with pytest.raises(StartError, match="credentials/runners/second holds the token of runners/local"):
        await start(world, folder, ["local", "second"])
