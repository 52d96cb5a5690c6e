"""A CONNECT request has one reading: a name, port 443, no body."""

import pytest

from errand_runner.broker.egress import request


def head(line: str, *fields: str) -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode()


@pytest.mark.parametrize("target", ["example.com:443", "EXAMPLE.com:443", "example.com:0443"])
def test_a_host_by_name_on_port_443_is_asked_for(target: str) -> None:
    asked = request.parse(head(f"CONNECT {target} HTTP/1.1", f"Host: {target}", "User-Agent: curl/8", "X:"))
    assert asked.host == "example.com"


@pytest.mark.parametrize(
    "data",
    [
        head("GET example.com:443 HTTP/1.1"),
        head("CONNECT example.com:443"),
        head("CONNECT example.com:443 HTTP/2"),
        head("CONNECT  example.com:443 HTTP/1.1"),
        head("CONNECT example.com:443 HTTP/1.1 "),
        head("CONNECT https://example.com:443 HTTP/1.1"),
        head("CONNECT example.com HTTP/1.1"),
        head("CONNECT example.com:443:80 HTTP/1.1"),
        head("CONNECT user@example.com:443/x HTTP/1.1"),
        head("CONNECT example.com:443 HTTP/1.1", "Content-Length: 5"),
        head("CONNECT example.com:443 HTTP/1.1", "transfer-encoding: chunked"),
        head("CONNECT example.com:443 HTTP/1.1", " folded: line"),
        head("CONNECT example.com:443 HTTP/1.1", "no colon"),
        head("CONNECT example.com:443 HTTP/1.1", "X: a\nContent-Length: 5"),
        head("CONNECT example.com:443 HTTP/1.1", "X: a\rY: b"),
        head("CONNECT example.com:443\nX: HTTP/1.1"),
    ],
)
def test_what_could_be_read_in_two_ways_is_malformed(data: bytes) -> None:
    with pytest.raises(request.Malformed):
        request.parse(data)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        *((f"{address}:443", "is an address") for address in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "1.1.1.1")),
        ("[fe80::1%25eth0]:443", "is an address"),
        *((f"{name}:443", "host ") for name in ("127.1", "0x7f.0.0.1", "2130706433", "localhost", "example.com.")),
        *((f"{name}:443", "host ") for name in ("xn--abc-.example.com", "a_b.example.com", "[example.com]")),
        *((f"example.com:{port}", "only port 443") for port in (22, 80, 8443, 0, 99999)),
    ],
)
def test_what_no_project_can_allow_is_out_of_bounds(target: str, words: str) -> None:
    with pytest.raises(request.OutOfBounds, match=words):
        request.parse(head(f"CONNECT {target} HTTP/1.1"))
