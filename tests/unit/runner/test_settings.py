"""What a runner is started with."""

import pytest

from errand_common import config
from errand_common.config import ConfigError
from errand_runner.config import RunnerSettings

REQUIRED = {
    "ERRAND_CA_FILE": "/ca.pem",
    "ERRAND_TOKEN_FILE": "/token",
    "ANTHROPIC_API_KEY": "sk-ant-test",
    "ERRAND_SANDBOX_IMAGE": "sandbox",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in config.variables(RunnerSettings):
        monkeypatch.delenv(name, raising=False)


def test_every_runner_offers_its_model_key_beside_its_own_labels() -> None:
    assert config.load(RunnerSettings, **REQUIRED).offered_labels == {"model-key": "yes"}
    named = config.load(RunnerSettings, **REQUIRED, ERRAND_LABELS="region=eu,gpu=no")
    assert named.offered_labels == {"region": "eu", "gpu": "no", "model-key": "yes"}


def test_headers_are_written_as_the_sdk_writes_them() -> None:
    given = "x-api-key: sk-1\n\n x-tenant:blue team "
    settings = config.load(RunnerSettings, **REQUIRED, ANTHROPIC_CUSTOM_HEADERS=given)
    assert settings.headers == {"x-api-key": "sk-1", "x-tenant": "blue team"}


@pytest.mark.parametrize("line", ["sk-secret", "x tenant: sk-secret", ": sk-secret", "x:", "x: sk-secreté"])
def test_what_is_no_header_stops_the_start_and_is_not_repeated(line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(RunnerSettings, **REQUIRED, ANTHROPIC_CUSTOM_HEADERS=f"x-first: 1\n{line}")
    assert str(refused.value).startswith("ANTHROPIC_CUSTOM_HEADERS is ")
    assert "line 2 is no header" in str(refused.value)
    assert "sk-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("region", '"region" is no label'),
        ("model-key=no", "every runner sets model-key by itself; leave it out"),
        (",".join(f"k{number}=v" for number in range(32)), "33 labels"),
    ],
)
def test_wrong_labels_stop_the_start_with_the_variable_and_an_example(labels: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(RunnerSettings, **REQUIRED, ERRAND_LABELS=labels)
    assert str(refused.value).startswith("ERRAND_LABELS is ")
    assert words in str(refused.value)
    assert str(refused.value).endswith("for example ERRAND_LABELS=region=eu,gpu=no")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ERRAND_SANDBOX_MEMORY_BYTES", "1000"),
        ("ERRAND_SANDBOX_CPUS", "0"),
        ("ERRAND_SANDBOX_PIDS", "3"),
        ("ERRAND_SANDBOX_OPEN_FILES", "10"),
        ("ERRAND_SANDBOX_FILE_BYTES", "-1"),
        ("ERRAND_WORKSPACE_BYTES", "-1"),
        ("ERRAND_SANDBOX_RUNTIME", "a b"),
    ],
)
def test_a_limit_that_leaves_no_room_to_work_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is .*; for example {name}="):
        config.load(RunnerSettings, **REQUIRED, **{name: value})


def test_limits_are_those_of_the_settings() -> None:
    given = {"ERRAND_SANDBOX_PIDS": "100", "ERRAND_WORKSPACE_BYTES": "0"}
    limits = config.load(RunnerSettings, **REQUIRED, **given).limits
    assert (limits.pids, limits.workspace_bytes, limits.cpus) == (100, 0, 2.0)


@pytest.mark.parametrize(
    ("value", "warm"),
    [
        ("1", {"sandbox": 1}),
        ("0", {}),
        ("node:22=2,1", {"node:22": 2, "sandbox": 1}),
        (f"localhost:5000/a@sha256:{'0' * 64}=3, b=0", {f"localhost:5000/a@sha256:{'0' * 64}": 3}),
        ("python=1", {"python:latest": 1}),
    ],
)
def test_how_many_sandboxes_wait_is_said_by_image(value: str, warm: dict[str, int]) -> None:
    assert config.load(RunnerSettings, **REQUIRED, ERRAND_WARM_SANDBOXES=value).warm == warm


@pytest.mark.parametrize("value", ["many", "a=", "=", "-1", "1,,", "a=101", "No Name=1"])
def test_a_number_of_warm_sandboxes_that_is_none_stops_the_start(value: str) -> None:
    with pytest.raises(ConfigError, match=r"ERRAND_WARM_SANDBOXES is .*; for example ERRAND_WARM_SANDBOXES=1"):
        config.load(RunnerSettings, **REQUIRED, ERRAND_WARM_SANDBOXES=value)


def test_one_sandbox_waits_unless_it_is_said_otherwise() -> None:
    assert config.load(RunnerSettings, **REQUIRED).warm == {"sandbox": 1}
