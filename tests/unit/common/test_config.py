"""A wrong or missing setting names its variable, what was found and an example."""

import pytest
from pydantic import Field

from errand_common.config import ConfigError, Settings, load


class Example(Settings):
    slots: int = Field(alias="ERRAND_SLOTS", ge=1, examples=["2"])
    github: str = Field("https://github.com", alias="ERRAND_GITHUB_URL")


def test_a_missing_setting_is_named_with_an_example(monkeypatch):
    monkeypatch.delenv("ERRAND_SLOTS", raising=False)

    with pytest.raises(ConfigError, match=r"ERRAND_SLOTS is not set; for example ERRAND_SLOTS=2"):
        load(Example)


def test_a_wrong_setting_is_named_with_what_was_found(monkeypatch):
    monkeypatch.setenv("ERRAND_SLOTS", "many")

    with pytest.raises(ConfigError, match=r"ERRAND_SLOTS is 'many'.*for example ERRAND_SLOTS=2"):
        load(Example)


def test_an_empty_setting_means_the_default(monkeypatch):
    monkeypatch.setenv("ERRAND_SLOTS", "3")
    monkeypatch.setenv("ERRAND_GITHUB_URL", "")

    settings = load(Example)

    assert (settings.slots, settings.github) == (3, "https://github.com")
