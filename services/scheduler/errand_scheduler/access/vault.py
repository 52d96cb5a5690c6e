"""Seals what must not be read from the database file."""

import json
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from errand_common import durable
from errand_common.credentials import write_secret
from errand_common.service import StartError


class VaultError(Exception):
    """A sealed value does not open, or was sealed for somebody or something else."""


class Vault:
    """Encrypts with the first key, decrypts with any; a sealed value names whose it is and what it is."""

    def __init__(self, keys: list[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._newest = Fernet(keys[0])
        self.keys = len(keys)

    def seal(self, secret: str, *, user_id: str, kind: str) -> str:
        """The sealed form of a user's secret."""
        plain = json.dumps({"user_id": user_id, "kind": kind, "secret": secret})
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str, *, user_id: str, kind: str) -> str:
        """The secret. Raises VaultError."""
        try:
            plain = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as exc:
            raise VaultError(f"the {kind} of {user_id} does not open; is its key missing in the keys file?") from exc
        if (plain["user_id"], plain["kind"]) != (user_id, kind):
            raise VaultError(f"the {kind} of {user_id} was sealed as another's; somebody moved rows in the database")
        return str(plain["secret"])

    def is_of_an_older_key(self, sealed: str) -> bool:
        """Whether the value opens, and with another key than the first."""
        return self._opens(self._fernet, sealed) and not self._opens(self._newest, sealed)

    def reseal(self, sealed: str) -> str:
        """The same value under the first key. Raises VaultError where no key opens it."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as exc:
            raise VaultError("no key of the keys file opens it") from exc

    def _opens(self, keys: Fernet | MultiFernet, sealed: str) -> bool:
        try:
            keys.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True


def open_vault(path: Path) -> Vault:
    """The vault of a keys file, one key a line, the newest first; made at first start. Raises StartError."""
    try:
        if not path.exists():
            write_secret(path, Fernet.generate_key().decode())
        keys = path.read_text().split()
        return Vault(keys)
    except (OSError, ValueError) as exc:
        raise StartError(f"the keys file {path} cannot be used ({exc}); it holds one Fernet key a line") from exc


def add_key(path: Path) -> None:
    """Put a new key above the others, all or nothing. Raises OSError."""
    part = path.with_name(f"{path.name}.new")
    part.unlink(missing_ok=True)
    write_secret(part, f"{Fernet.generate_key().decode()}\n{path.read_text().strip()}")
    part.replace(path)
    durable.sync_folder(path.parent)
