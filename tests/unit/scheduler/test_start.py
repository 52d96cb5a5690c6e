"""The first start, and every start after it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from errand_common.clock import Clock
from errand_common.handshake import SERVER_NAME
from errand_common.service import StartError
from errand_scheduler import tls
from errand_scheduler.folder import locked


def test_a_second_scheduler_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "data"),
        pytest.raises(StartError, match="is this scheduler running already"),
        locked(tmp_path / "data"),
    ):
        pass
    with locked(tmp_path / "data"):
        pass


def test_the_certificate_is_made_once(tmp_path: Path) -> None:
    identity = tls.ensure(tmp_path / "tls", now_us=Clock().now_us())
    assert tls.ensure(tmp_path / "tls", now_us=Clock().now_us()) == identity


def test_the_certificate_names_the_scheduler_and_holds_for_a_clock_that_is_behind(tmp_path: Path) -> None:
    identity = tls.ensure(tmp_path / "tls", now_us=Clock().now_us())
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [SERVER_NAME]
    assert certificate.not_valid_before_utc <= datetime.now(UTC) - timedelta(hours=47)


def test_the_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    tls.ensure(tmp_path / "tls", now_us=Clock().now_us())
    for name in ("ca.key", "server.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600


def test_a_start_that_broke_off_is_begun_again(tmp_path: Path) -> None:
    tls.ensure(tmp_path / "tls", now_us=Clock().now_us())
    (tmp_path / "tls" / "server.pem").unlink()
    tls.ensure(tmp_path / "tls", now_us=Clock().now_us())
    assert (tmp_path / "tls" / "server.pem").exists()
