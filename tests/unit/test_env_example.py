"""`.env.example` tells of every variable that anything here reads, of no other, and says why each is there."""

import re
from pathlib import Path

import pytest

from errand_common.config import variables
from errand_gateway.config import GatewaySettings
from errand_local.settings import LocalSettings
from errand_runner.config import RunnerSettings
from errand_scheduler.config import SchedulerSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
SETTINGS = (SchedulerSettings, GatewaySettings, RunnerSettings, LocalSettings)
SCRIPTS = (
    *(ROOT / "scripts").iterdir(),
    ROOT / "services/runner/image/build",
    ROOT / "compose.yaml",
    *(ROOT / "deploy").rglob("*.yaml"),
    ROOT / "deploy/caddy/Caddyfile",
)

ASSIGNMENT = re.compile(r"^#? ?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
USE = re.compile(r"\$\{?((?:ERRAND|ANTHROPIC)_[A-Z0-9_]+)")


def told() -> dict[str, str]:
    return {match[1]: match[2] for match in ASSIGNMENT.finditer(EXAMPLE)}


def read_by_services() -> set[str]:
    return {name for kind in SETTINGS for name in variables(kind)}


def read_by_scripts() -> set[str]:
    return {name for path in SCRIPTS for name in USE.findall(path.read_text())}


def test_every_variable_that_is_read_is_told_and_no_other():
    assert set(told()) == read_by_services() | read_by_scripts()


def test_each_is_told_once():
    names = [match[1] for match in ASSIGNMENT.finditer(EXAMPLE)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(told()))
def test_each_has_a_line_of_why(name):
    lines = EXAMPLE.splitlines()
    place = next(number for number, line in enumerate(lines) if re.match(rf"#? ?{name}=", line))

    assert re.match(r"# .{20,}", lines[place - 1]), f"{name} stands under {lines[place - 1]!r}"


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_setting_says_what_it_is_and_shows_an_example(kind):
    for name, field in variables(kind).items():
        assert field.description, name
        assert field.examples, name


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_value_that_is_shown_is_the_default(kind):
    for name, field in variables(kind).items():
        shown = told()[name]
        if shown and not field.is_required():
            default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
            assert shown == default, name
