"""A git host's word that a repository was renamed is followed on that host, and to where git is spoken, alone."""

import pytest

from errand_runner.broker.moved import moved_to

SERVICE = "/info/refs?service=git-upload-pack"
ASKED = f"https://git.example/octo/demo.git{SERVICE}"


@pytest.mark.parametrize(
    ("location", "base"),
    [
        (f"https://git.example/hubot/tool.git{SERVICE}", "https://git.example/hubot/tool.git"),
        (f"/hubot/tool{SERVICE}", "https://git.example/hubot/tool"),
    ],
)
def test_another_name_on_the_same_host_is_followed(location: str, base: str) -> None:
    assert moved_to(ASKED, location, SERVICE) == base


@pytest.mark.parametrize(
    "location",
    [
        "",
        f"https://other.example/hubot/tool.git{SERVICE}",
        f"http://git.example/hubot/tool.git{SERVICE}",
        f"https://git.example:8443/hubot/tool.git{SERVICE}",
        f"https://me:pw@git.example/hubot/tool.git{SERVICE}",
        f"https://git.example{SERVICE}",
        f"https://git.example/a/%2e%2e/b.git{SERVICE}",
        "https://git.example/hubot/tool.git/info/refs?service=git-receive-pack",
        "https://git.example/login?return_to=/octo/demo.git",
        "https://[git.example/x",
    ],
)
def test_anything_else_is_not(location: str) -> None:
    assert moved_to(ASKED, location, SERVICE) is None
