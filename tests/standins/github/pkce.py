"""Proof Key for Code Exchange (RFC 7636), the S256 way."""

import base64
import hashlib
import hmac


def verifies(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(expected, challenge.encode())
