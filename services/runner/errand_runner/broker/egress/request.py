"""A CONNECT request, read strictly: a host by name, and a port."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from errand_common import hosts

MOST_BYTES = 8 * 1024
"""Of the request with its headers."""

END = b"\r\n\r\n"
PORT = 443

_LINE = re.compile(rb"CONNECT ([\x21-\x7e]+) HTTP/1\.[01]")
_TARGET = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
_FIELD = re.compile(rb"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t\x20-\x7e\x80-\xff]*")
# What would make a body of what follows, which is the tunnel.
_BODY_FIELDS = (b"content-length", b"transfer-encoding", b"upgrade")


class Malformed(Exception):
    """It is no CONNECT request that could be judged; the message says what was found."""


class OutOfBounds(Exception):
    """It asks for what no project can allow; `host` is what it asked for, as far as it can be shown."""

    def __init__(self, host: str, words: str) -> None:
        super().__init__(words)
        self.host = host


@dataclass(frozen=True)
class Target:
    """Where to: a host's name in its plain form, on port 443."""

    host: str


def parse(head: bytes) -> Target:
    """`head` ends with END. Raises Malformed and OutOfBounds."""
    line, *fields = head.removesuffix(END).split(b"\r\n")
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed("this is no CONNECT request: it begins with CONNECT host:443 HTTP/1.1")
    for field in fields:
        name = _FIELD.fullmatch(field)
        if name is None:
            raise Malformed("a header of this CONNECT request is none")
        if name["name"].lower() in _BODY_FIELDS:
            raise Malformed("a CONNECT request has no body, and asks for nothing else beside")
    return _target(found[1].decode("ascii"))


def _target(text: str) -> Target:
    found = _TARGET.fullmatch(text)
    if found is None:
        raise Malformed("CONNECT takes host:port, such as example.com:443")
    host, port = found["host"], int(found["port"])
    if _is_address(host):
        raise OutOfBounds(host[:64], f"hosts are reached by their names, and {host[:64]} is an address")
    try:
        name = hosts.parse(host.lower())
    except ValueError as exc:
        raise OutOfBounds(host[:64], str(exc)) from exc
    if port != PORT:
        raise OutOfBounds(name, f"only port 443 is reached, by HTTPS, and not port {port} of {name}")
    return Target(name)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
