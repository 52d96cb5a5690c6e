"""Seals what must not be read from the database file."""

import json
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from errand_common.credentials import write_secret
from errand_common.service import StartError


class VaultError(Exception):
    """A sealed value does not open, or was sealed for somebody or something else."""


class Vault:
    """Encrypts with the first key, decrypts with any; a sealed value names whose it is and what it is."""

    def __init__(self, keys: list[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

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


def open_vault(path: Path) -> Vault:
    """The vault of a keys file, one key a line, the newest first; made at first start. Raises StartError."""
    try:
        if not path.exists():
            write_secret(path, Fernet.generate_key().decode())
        keys = path.read_text().split()
        return Vault(keys)
    except (OSError, ValueError) as exc:
        raise StartError(f"the keys file {path} cannot be used ({exc}); it holds one Fernet key a line") from exc
