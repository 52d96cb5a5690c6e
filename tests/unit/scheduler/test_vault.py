"""The vault: what is sealed opens for its owner alone."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from errand_common.service import StartError
from errand_scheduler.access.vault import Vault, VaultError, open_vault


def test_what_is_sealed_opens_again_and_cannot_be_read() -> None:
    vault = Vault([Fernet.generate_key().decode()])
    sealed = vault.seal("gho_secret", user_id="usr_1", kind="github_token")
    assert "gho_secret" not in sealed
    assert vault.open(sealed, user_id="usr_1", kind="github_token") == "gho_secret"


@pytest.mark.parametrize(("user_id", "kind"), [("usr_2", "github_token"), ("usr_1", "other")])
def test_a_value_moved_to_another_row_does_not_open(user_id: str, kind: str) -> None:
    vault = Vault([Fernet.generate_key().decode()])
    sealed = vault.seal("gho_secret", user_id="usr_1", kind="github_token")
    with pytest.raises(VaultError, match="moved"):
        vault.open(sealed, user_id=user_id, kind=kind)


def test_old_keys_open_and_the_newest_seals() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Vault([old]).seal("s", user_id="u", kind="k")
    both = Vault([new, old])
    assert both.open(sealed, user_id="u", kind="k") == "s"
    assert Vault([new]).open(both.seal("s", user_id="u", kind="k"), user_id="u", kind="k") == "s"
    with pytest.raises(VaultError, match="does not open"):
        Vault([new]).open(sealed, user_id="u", kind="k")


def test_the_keys_file_is_made_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    sealed = open_vault(path).seal("s", user_id="u", kind="k")
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_vault(path).open(sealed, user_id="u", kind="k") == "s"


@pytest.mark.parametrize("content", ["", "not a key\n"])
def test_a_wrong_keys_file_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").write_text(content)
    with pytest.raises(StartError, match="keys file"):
        open_vault(tmp_path / "keys")
