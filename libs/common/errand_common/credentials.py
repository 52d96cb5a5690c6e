"""Bearer tokens: made, hashed, compared, and kept in files that only their owner may read."""

import hashlib
import os
import secrets
from pathlib import Path


def new_token(prefix: str) -> str:
    """A secret of 256 bits behind a prefix that tells people what it is, such as `ers_…`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored in a token's stead. Tokens are random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def write_secret(path: Path, secret: str) -> None:
    """Write a new secret file, mode 0600 from its first moment. Raises FileExistsError rather than replace one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_secret(path: Path) -> str:
    """Read a secret file. Raises OSError when it is missing or unreadable, ValueError when it is empty."""
    secret = path.read_text().strip()
    if not secret:
        raise ValueError(f"{path} is empty; delete it and start the scheduler again, or put the token in it")
    return secret
