"""What a host keeps of its joining, and how its settings begin with that."""

import json
from pathlib import Path

import pytest

from errand_common import config
from errand_common.config import ConfigError
from errand_common.credentials import hash_token
from errand_runner.config import RunnerSettings
from errand_runner.enrolling import host_name, request_id
from errand_runner.joined import Joined

KEPT = {
    "ERRAND_SCHEDULER": "errand.test:7443",
    "ERRAND_CA_FILE": "/state/ca.pem",
    "ERRAND_TOKEN_FILE": "/state/token",
    "ERRAND_SANDBOX_IMAGE": "box",
    "ERRAND_SLOTS": "5",
    "ANTHROPIC_API_KEY": "sk-kept",
}


@pytest.fixture
def joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Joined:
    monkeypatch.setenv("ERRAND_DATA", str(tmp_path))
    found = Joined(tmp_path)
    found.store(token="ern_secret", ca="pem", settings=KEPT)
    return found


def test_a_host_that_joined_needs_no_other_settings(joined: Joined) -> None:
    settings = config.load(RunnerSettings)
    assert (settings.scheduler, settings.slots, settings.image) == ("errand.test:7443", 5, "box")
    assert settings.model_key.get_secret_value() == "sk-kept"
    assert joined.is_there


def test_the_environment_changes_how_it_works_and_not_whose_runner_it_is(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ERRAND_SLOTS": "7", "ERRAND_TOKEN_FILE": "/run/other", "ERRAND_SCHEDULER": "other:1"}.items():
        monkeypatch.setenv(name, value)
    settings = config.load(RunnerSettings)
    assert (settings.slots, settings.scheduler) == (7, "errand.test:7443")
    assert settings.token_file == Path("/state/token")


def test_all_of_it_is_its_owners_alone(joined: Joined) -> None:
    assert {path.stat().st_mode & 0o777 for path in joined.folder.iterdir()} == {0o600}
    assert joined.folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in joined.folder.iterdir()) == ["ca.pem", "settings.json", "token"]


def test_a_joining_that_was_broken_off_goes_on_over_what_it_left(joined: Joined) -> None:
    joined.settings.unlink()
    assert not joined.is_there
    joined.store(token="ern_again", ca="pem", settings=KEPT)
    assert joined.token.read_text() == "ern_again\n"


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_settings_that_cannot_be_read_are_told(joined: Joined, content: str) -> None:
    joined.settings.write_text(content)
    with pytest.raises(ConfigError, match="join anew"):
        config.load(RunnerSettings)


def test_a_request_is_the_same_until_its_answer_is_kept_and_new_for_another_token(tmp_path: Path) -> None:
    joined = Joined(tmp_path)
    first = request_id(joined, "one")
    assert request_id(joined, "one") == first
    other = request_id(joined, "two")
    assert other != first
    assert joined.request.read_text().startswith(hash_token("two"))
    joined.store(token="t", ca="c", settings=json.loads("{}"))
    assert not joined.request.exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Big_Box.example.org", "big-box"), ("x" * 40, "x" * 32), ("-", "runner"), ("", "runner"), ("Ünï", "n")],
)
def test_a_hosts_name_becomes_a_runners(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert host_name() == shown
