"""The app's own proof that it began the sign-in (RFC 7636, S256 only)."""

import hmac
import re

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from errand_common.errors import Invalid

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def check_challenge(challenge: str, method: str) -> None:
    """Raises Invalid unless it is the S256 challenge of some verifier."""
    if method != "S256":
        raise Invalid(f"code_challenge_method is {method!r}; only S256 is taken")
    if not _CHALLENGE.fullmatch(challenge):
        raise Invalid("code_challenge is not 43 characters of base64url; send BASE64URL(SHA256(code_verifier))")


def proves(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one that the challenge was made of."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made: str = create_s256_code_challenge(verifier)
    return hmac.compare_digest(made, challenge)
