"""Reading the Authorization header."""

import base64
import binascii


def bearer_token(header: str) -> str | None:
    """The token of `Bearer T` or `token T`, as the REST interface takes it."""
    scheme, _, value = header.partition(" ")
    return value.strip() if scheme.lower() in ("bearer", "token") else None


def basic_credentials(header: str) -> tuple[str, str] | None:
    """User name and password of `Basic ...`; None when there are none or they cannot be read."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, found, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if found else None
