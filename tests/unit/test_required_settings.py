"""A setting that a service cannot do without is named when it is missing, with an example that would do."""

import pytest

from errand_common.config import ConfigError, Settings, load, variables
from errand_gateway.config import GatewaySettings
from errand_runner.config import RunnerSettings
from errand_scheduler.config import SchedulerSettings

KINDS = (SchedulerSettings, GatewaySettings, RunnerSettings)


def required(kind: type[Settings]) -> dict[str, str]:
    """The variables without a default, each with its example."""
    fields = variables(kind).items()
    return {name: str(field.examples[0]) for name, field in fields if field.is_required() and field.examples}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS:
        for name in variables(kind):
            monkeypatch.delenv(name, raising=False)
        for name, example in required(kind).items():
            monkeypatch.setenv(name, example)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in required(kind)])
def test_a_missing_one_is_named_with_an_example(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings], name: str
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(ConfigError) as refused:
        load(kind)

    assert str(refused.value) == f"{name} is not set; for example {name}={required(kind)[name]}"


@pytest.mark.parametrize("kind", [GatewaySettings, RunnerSettings])
def test_the_examples_would_do(kind: type[Settings]) -> None:
    assert required(kind)
    load(kind)


def test_a_scheduler_without_a_way_to_sign_in_names_both() -> None:
    with pytest.raises(ConfigError) as refused:
        load(SchedulerSettings)

    for name in ("ERRAND_GITHUB_TOKEN", "ERRAND_GITHUB_CLIENT_ID"):
        assert f"for example {name}=" in str(refused.value)


def test_all_that_are_missing_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in required(RunnerSettings):
        monkeypatch.delenv(name)

    with pytest.raises(ConfigError) as refused:
        load(RunnerSettings)

    assert [line.partition(" ")[0] for line in str(refused.value).splitlines()] == list(required(RunnerSettings))
