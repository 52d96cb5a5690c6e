"""The certificate that is shown: Errand's own, renewed long before its end, or a given one that was checked."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from errand_common.clock import Clock
from errand_common.service import StartError
from errand_scheduler import tls
from errand_scheduler.certificates import Files, checked
from tests.certificates import DAY, Identity, identity

NOW_US = Clock().now_us()
NAMES = ("CERTIFICATE", "KEY", "CA")


def laid(folder: Path, shown: Identity, *, key: bytes | None = None, ca: bytes | None = None) -> Files:
    for name, content in (("c", shown.certificate), ("k", key or shown.key), ("ca", ca or shown.ca)):
        (folder / name).write_bytes(content)
    return Files(folder / "c", folder / "k", folder / "ca", NAMES)


def test_a_given_certificate_is_taken_as_it_is(tmp_path: Path) -> None:
    shown = identity()
    found = checked(laid(tmp_path, shown), now_us=NOW_US)
    assert (found.key, found.certificate) == (shown.key, shown.certificate)


@pytest.mark.parametrize(
    ("shown", "others", "words"),
    [
        (identity("example.org"), {}, r"CERTIFICATE=\S+ holds a certificate for example.org, and .* errand-scheduler"),
        (identity(start=-3 * DAY, end=-DAY), {}, r"is valid from \S+ to \S+, and this host's clock says"),
        (identity(start=DAY, end=3 * DAY), {}, r"is valid from \S+ to \S+, and this host's clock says"),
        (identity(), {"key": identity().key}, r"KEY=\S+ is not the key of the certificate in CERTIFICATE="),
        (identity(), {"ca": identity().ca}, r"does not rest on the CA in CA="),
        (identity(), {"key": b"no key"}, r"KEY=\S+ cannot be used .* it must be PEM"),
    ],
)  # fmt: skip
def test_one_with_which_nobody_would_connect_stops_the_start(
    tmp_path: Path, shown: Identity, others: dict[str, bytes], words: str
) -> None:
    with pytest.raises(StartError, match=words):
        checked(laid(tmp_path, shown, **others), now_us=NOW_US)


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"CERTIFICATE=.* cannot be read: No such file"):
        checked(Files(tmp_path / "c", tmp_path / "k", tmp_path / "ca", NAMES), now_us=NOW_US)


def test_errands_own_is_renewed_a_third_before_its_end_by_the_same_authority(tmp_path: Path) -> None:
    first = tls.ensure(tmp_path, now_us=NOW_US)
    authority = (tmp_path / "ca.pem").read_bytes()
    lifetime = timedelta(days=90)
    assert tls.ensure(tmp_path, now_us=later(lifetime / 2)) == first
    second = tls.ensure(tmp_path, now_us=later(lifetime * 3 / 4))
    assert second != first
    assert (tmp_path / "ca.pem").read_bytes() == authority
    own = Files(tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "ca.pem", NAMES)
    assert checked(own, now_us=later(lifetime * 3 / 2)) == second
    assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600


def test_a_renewal_that_broke_off_between_key_and_certificate_is_done_again(tmp_path: Path) -> None:
    tls.ensure(tmp_path, now_us=NOW_US)
    (tmp_path / "server.key").write_bytes(identity().key)
    found = tls.ensure(tmp_path, now_us=NOW_US)
    own = Files(tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "ca.pem", NAMES)
    assert checked(own, now_us=NOW_US) == found
    assert x509.load_pem_x509_certificate(found.certificate)


def later(by: timedelta) -> int:
    return NOW_US + by // timedelta(microseconds=1)
