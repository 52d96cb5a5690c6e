"""Join tokens: one line that holds all that a host needs to become a runner."""

import base64
import binascii
import hashlib

from google.protobuf.message import DecodeError

from errand.v1.enrolment_service_pb2 import JoinTokenContent

PREFIX = "errand-join-"
_SUM_BYTES = 4  # of the hash behind the content: enough to know a line that was cut or mistyped


def write(token: JoinTokenContent) -> str:
    """The line."""
    content = token.SerializeToString(deterministic=True)
    return PREFIX + base64.urlsafe_b64encode(content + _sum(content)).decode().rstrip("=")


def read(line: str) -> JoinTokenContent:
    """What stands in it. Raises ValueError, in words, for what is no join token, or not a whole one."""
    # A terminal or a chat may have broken it into several.
    line = "".join(line.split())
    if not line.startswith(PREFIX):
        raise ValueError(
            f'this is no join token: one begins with "{PREFIX}"; make one with `errand runner token create`'
        )
    body = line.removeprefix(PREFIX)
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        content, told = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
        token = JoinTokenContent.FromString(content) if told == _sum(content) else None
    except (binascii.Error, DecodeError, ValueError):
        token = None
    if token is None or not (token.scheduler and token.ca and token.secret):
        raise ValueError("the join token is not whole; copy all of its line, which is long")
    return token


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_SUM_BYTES]
