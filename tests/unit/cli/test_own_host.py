"""Whoever may read the scheduler's data folder needs no signing in."""

from pathlib import Path

import pytest

from errand_cli import own_host
from errand_cli.profile import Profile
from errand_common.credentials import write_secret
from errand_common.errors import Invalid, Unavailable


def furnish(data: Path) -> None:
    write_secret(data / "credentials" / "operator" / "token", "esv_1")
    write_secret(data / "credentials" / "operator" / "ca.pem", "pem")
    (data / "scheduler.address").write_text("0.0.0.0:7443\n")


@pytest.mark.parametrize("below", ["", "scheduler"])
def test_the_operators_credential_is_found_in_either_folder(tmp_path: Path, below: str) -> None:
    furnish(tmp_path / below)

    assert own_host.operator({"ERRAND_DATA": str(tmp_path)}) == Profile("127.0.0.1:7443", "pem\n", "esv_1")


def test_any_other_folder_is_nobodys(tmp_path: Path) -> None:
    assert own_host.operator({"ERRAND_DATA": str(tmp_path)}) is None
    assert own_host.operator({}) is None


def test_a_scheduler_that_never_started_is_told(tmp_path: Path) -> None:
    furnish(tmp_path)
    (tmp_path / "scheduler.address").unlink()

    with pytest.raises(Unavailable, match="does not run"):
        own_host.operator({"ERRAND_DATA": str(tmp_path)})


def test_a_credential_that_was_spoilt_is_told(tmp_path: Path) -> None:
    furnish(tmp_path)
    (tmp_path / "credentials" / "operator" / "token").write_bytes(b"\xff")

    with pytest.raises(Invalid, match="cannot be read"):
        own_host.operator({"ERRAND_DATA": str(tmp_path)})
