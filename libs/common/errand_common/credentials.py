"""Bearer tokens: made, hashed, compared, and kept in files that only their owner may read."""

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import structlog

PEM_END = b"-----END CERTIFICATE-----"
"""How a certificate's file ends."""

_LOOK_S = 0.5
_LOOKS_PER_LINE = 20


def new_token(prefix: str) -> str:
    """A secret of 256 bits behind a prefix that tells people what it is, such as `ers_…`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def derived_token(prefix: str, *, secret: str, about: str) -> str:
    """Such a secret, made of another one: who knows that one makes the same again for the same `about`, nobody else."""
    made = hmac.digest(secret.encode(), about.encode(), hashlib.sha256)
    return f"{prefix}_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def hash_token(token: str) -> str:
    """What is stored in a token's stead. Tokens are random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def write_secret(path: Path, secret: str) -> None:
    """Write a new secret file, mode 0600 from its first moment. Raises FileExistsError rather than replace one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Under another name until it is whole: an empty secret, left by a kill, would have to be found and deleted.
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    finally:
        part.unlink()


async def awaited(path: Path, *, setting: str, ending: bytes) -> bytes:
    """A file that the scheduler makes at its first start, once it is whole, which is to say ends with `ending`.

    Waits for ever, and says so in the log every 10 s: services start in any order.
    """
    looks = 0
    while True:
        found = await asyncio.to_thread(_whole, path, ending)
        if isinstance(found, bytes):
            return found
        if looks % _LOOKS_PER_LINE == 0:
            structlog.get_logger().warning("file_awaited", setting=setting, path=str(path), found=found)
        looks += 1
        await asyncio.sleep(_LOOK_S)


def _whole(path: Path, ending: bytes) -> bytes | str:
    """The content, or in words why there is none yet."""
    try:
        content = path.read_bytes()
    except OSError as exc:
        return str(exc)
    if content.endswith(b"\n") and content.rstrip().endswith(ending):
        return content
    return "it is still being written, or was written by hand without a last newline"


def read_secret(path: Path) -> str:
    """Read a secret file. Raises OSError when it is missing or unreadable, ValueError when it is empty."""
    secret = path.read_text().strip()
    if not secret:
        raise ValueError(f"{path} is empty; delete it and start the scheduler again, or put the token in it")
    return secret
