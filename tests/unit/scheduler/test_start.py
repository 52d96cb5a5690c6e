"""The first start, and every start after it."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from errand_common import config
from errand_common.credentials import hash_token, read_secret
from errand_common.rpc import SERVER_NAME
from errand_common.service import StartError
from errand_scheduler import first_start, tls
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import locked
from errand_scheduler.store import service_tokens
from tests.unit.scheduler.world import World


def test_a_second_scheduler_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "data"), pytest.raises(StartError, match="another scheduler"), locked(tmp_path / "data"):
        pass
    with locked(tmp_path / "data"):
        pass


def test_the_certificate_is_made_once_and_holds_for_a_clock_that_is_behind(tmp_path: Path) -> None:
    identity = tls.ensure(tmp_path / "tls")
    assert tls.ensure(tmp_path / "tls") == identity
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [SERVER_NAME]
    assert certificate.not_valid_before_utc <= datetime.now(UTC) - timedelta(hours=47)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tmp_path / "tls" / "ca.pem")
    for name in ("ca.key", "server.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600


def test_a_start_that_broke_off_is_begun_again(tmp_path: Path) -> None:
    tls.ensure(tmp_path / "tls")
    (tmp_path / "tls" / "server.pem").unlink()
    tls.ensure(tmp_path / "tls")
    assert (tmp_path / "tls" / "server.pem").exists()


async def test_credentials_are_files_for_their_owner_and_hashes_in_the_store(world: World, tmp_path: Path) -> None:
    for _ in range(2):
        await first_start.ensure_credentials(world.writer, world.ids, tmp_path / "credentials")
    for name, scope in (("gateway", "sessions:create"), ("runner", "dispatch")):
        path = tmp_path / "credentials" / f"{name}.token"
        assert path.stat().st_mode & 0o777 == 0o600
        token = read_secret(path)
        assert token.startswith("esv_")
        row = await world.reader.one(service_tokens.by_hash(hash_token(token)))
        assert row is not None
        assert row.scopes == scope
        assert (row.runner_id is not None) == (name == "runner")


async def test_a_credential_whose_file_is_gone_is_replaced_and_revoked(world: World, tmp_path: Path) -> None:
    path = tmp_path / "credentials" / "gateway.token"
    await first_start.ensure_credentials(world.writer, world.ids, tmp_path / "credentials")
    old = read_secret(path)
    path.unlink()
    await first_start.ensure_credentials(world.writer, world.ids, tmp_path / "credentials")
    assert read_secret(path) != old
    assert await world.reader.one(service_tokens.by_hash(hash_token(old))) is None


def test_nobody_is_admitted_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERRAND_ALLOWED_USERS", raising=False)
    assert config.load(SchedulerSettings).admitted == frozenset()
    monkeypatch.setenv("ERRAND_ALLOWED_USERS", " Octocat,,hubot ")
    assert config.load(SchedulerSettings).admitted == {"octocat", "hubot"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("ERRAND_LISTEN", "7443"), ("ERRAND_BEAT_SECONDS", "0"), ("ERRAND_GITHUB_API_URL", "api.github.com")],
)
def test_a_wrong_setting_is_named_with_an_example(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(config.ConfigError, match=rf"{name} .*for example {name}="):
        config.load(SchedulerSettings)
