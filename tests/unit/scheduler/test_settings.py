"""Settings are checked at the start, and a wrong one is named with an example."""

import pytest

from errand_common import config
from errand_scheduler.config import SchedulerSettings

TOKEN = "ghp_ofthe0wner"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in config.variables(SchedulerSettings):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ERRAND_GITHUB_CLIENT_ID", "Iv23test")


def test_what_is_not_set_has_a_good_default() -> None:
    settings = config.load(SchedulerSettings)
    assert (settings.listen, settings.public_url) == ("127.0.0.1:7443", "http://127.0.0.1:8080")
    assert settings.runners == ("local",)
    assert settings.admitted == frozenset(), "nobody is admitted unless named"


def test_users_and_runners_are_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRAND_ALLOWED_USERS", " Octocat,,hubot ")
    monkeypatch.setenv("ERRAND_RUNNERS", "local, big-box-2")
    settings = config.load(SchedulerSettings)
    assert settings.admitted == {"octocat", "hubot"}
    assert settings.runners == ("local", "big-box-2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ERRAND_LISTEN", "7443"),
        ("ERRAND_BEAT_SECONDS", "0"),
        ("ERRAND_GITHUB_API_URL", "api.github.com"),
        ("ERRAND_PUBLIC_URL", "errand.example.org"),
        ("ERRAND_PUBLIC_URL", "https://errand.example.org/errand"),
        ("ERRAND_RUNNERS", "local,"),
        ("ERRAND_RUNNERS", "Big Box"),
        ("ERRAND_RUNNERS", "../gateway"),
        ("ERRAND_RUNNERS", "a" * 33),
        ("ERRAND_RUNNERS", "local,local"),
        ("ERRAND_GITHUB_APP_ID", "my app"),
    ],
)
def test_a_wrong_setting_is_named_with_an_example(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(config.ConfigError, match=rf"{name} .*for example {name}="):
        config.load(SchedulerSettings)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "neither ERRAND_GITHUB_TOKEN nor ERRAND_GITHUB_CLIENT_ID is set"),
        ({"ERRAND_GITHUB_TOKEN": "", "ERRAND_GITHUB_CLIENT_ID": ""}, "neither"),
        ({"ERRAND_GITHUB_TOKEN": TOKEN, "ERRAND_GITHUB_CLIENT_ID": "Iv23"}, "are both set, keep one"),
    ],
)
def test_people_sign_in_in_one_of_two_ways(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], found: str) -> None:
    monkeypatch.delenv("ERRAND_GITHUB_CLIENT_ID")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(config.ConfigError, match=found) as wrong:
        config.load(SchedulerSettings)
    for example in ("for example ERRAND_GITHUB_TOKEN=", "for example ERRAND_GITHUB_CLIENT_ID="):
        assert example in str(wrong.value)
    assert TOKEN not in str(wrong.value)


def test_a_token_shows_neither_in_the_settings_nor_in_what_is_wrong_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERRAND_GITHUB_CLIENT_ID")
    monkeypatch.setenv("ERRAND_GITHUB_TOKEN", TOKEN)
    assert TOKEN not in repr(config.load(SchedulerSettings))
    monkeypatch.setenv("ERRAND_GITHUB_TOKEN", f"{TOKEN} ")
    with pytest.raises(config.ConfigError, match="ERRAND_GITHUB_TOKEN is wrong: it holds a character") as wrong:
        config.load(SchedulerSettings)
    assert TOKEN not in str(wrong.value)


@pytest.mark.parametrize("name", ["ERRAND_GITHUB_APP_ID", "ERRAND_GITHUB_APP_KEY_FILE"])
def test_half_an_app_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "123456")
    with pytest.raises(config.ConfigError, match=r"belong together .* for example ERRAND_GITHUB_APP_ID="):
        config.load(SchedulerSettings)
