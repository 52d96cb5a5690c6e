"""Addresses are taken as people write them, kept as browsers and channels need them, and refused with words."""

import pytest

from errand_common.addresses import dialled, on_this_host, split, web


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://errand.example.org", "https://errand.example.org"),
        ("https://errand.example.org/", "https://errand.example.org"),
        ("https://errand.example.org:443", "https://errand.example.org"),
        ("http://192.168.1.20:80", "http://192.168.1.20"),
        ("https://errand.example.org:8443", "https://errand.example.org:8443"),
        ("HTTPS://Errand.Example.org", "https://errand.example.org"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_a_web_address_is_kept_as_a_browser_writes_its_origin(written, kept):
    assert web(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "errand.example.org",
        "ftp://x",
        "https://",
        "https://x/path",
        "https://u@x",
        "https://x:0",
        "https://büro.example",
    ],
)
def test_what_is_no_web_address_is_refused(written):
    with pytest.raises(ValueError, match=r"must|[Pp]ort"):
        web(written)


@pytest.mark.parametrize("written", ["localhost", "host:0", "host:99999", "https://host:7443", ":7443", "host:"])
def test_what_cannot_be_dialled_is_refused(written):
    with pytest.raises(ValueError, match="host:port"):
        dialled(written)


def test_what_can_be_dialled_is_taken_as_it_is():
    assert [dialled(each) for each in ("host:7443", "[::1]:7443")] == ["host:7443", "[::1]:7443"]


def test_whoever_listens_everywhere_is_dialled_on_this_host():
    assert [on_this_host(each) for each in ("0.0.0.0:1", "[::]:2", "10.0.0.1:3")] == [
        "127.0.0.1:1",
        "[::1]:2",
        "10.0.0.1:3",
    ]


def test_brackets_are_not_part_of_a_host():
    assert split("[::1]:8080") == ("::1", 8080)
