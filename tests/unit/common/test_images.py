"""Names of images: what an engine would take, and nothing that it could take for something else."""

import pytest

from errand_common import images

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("node", "node", "latest"),
        ("node:22-bookworm_slim.1", "node", "22-bookworm_slim.1"),
        ("library/python:3.12", "library/python", "3.12"),
        ("localhost/ci:1", "localhost/ci", "1"),
        ("127.0.0.1:5000/team/ci", "127.0.0.1:5000/team/ci", "latest"),
        ("registry:5000/ci", "registry:5000/ci", "latest"),
        ("Registry.example.org/a/b__c/d--e.f:V1", "Registry.example.org/a/b__c/d--e.f", "V1"),
        (f"ghcr.io/team/ci@{DIGEST}", "ghcr.io/team/ci", DIGEST),
        (f"ghcr.io/team/ci:1@{DIGEST}", "ghcr.io/team/ci", DIGEST),
    ],
)
def test_a_name_is_read_as_an_engine_reads_it(text: str, name: str, version: str) -> None:
    assert images.parse(text) == images.ImageName(name, version)


def test_a_name_is_written_by_its_digest_where_it_has_one() -> None:
    assert str(images.parse(f"node:22@{DIGEST}")) == f"node@{DIGEST}"
    assert str(images.parse("node")) == "node:latest"


@pytest.mark.parametrize(
    "text",
    [
        "", " node", "node ", "node\n", "no de", "-v", "--privileged", "-v/:/host", "Node", "team/Node", "Foo/bar",
        "node:", "node:-1", "node:" + "a" * 129, "node@", "node@sha256:abc", "node@md5:" + "0" * 32, "node:1:2",
        "/node",
        "node/", "a//b", "../node", "a/../b", ".node", "a..b", "a___b", "_a", "http://registry.example.org/node",
        "registry.example.org:x/node", "registry.example.org:123456/node", "node;rm -rf", "node$(id)", "nöde", "node\0",
        DIGEST, DIGEST.removeprefix("sha256:"), "a/" * 126 + "abcd",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="image"):
        images.parse(text)


def test_a_name_has_at_most_as_many_characters_as_a_registry_takes() -> None:
    longest = "a" * images.MOST_CHARACTERS
    assert images.parse(longest).name == longest
    with pytest.raises(ValueError, match="256 characters; the most is 255"):
        images.parse(longest + "a")
