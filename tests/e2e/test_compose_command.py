"""`scripts/compose` finds the compose that there is, and bases to build on where no registry answers."""

import os
import shutil

import pytest

from tests.demo.stack import image_tag
from tests.e2e.composing import execute

TOOLS = (
    "awk",
    "bash",
    "cat",
    "cut",
    "dirname",
    "env",
    "grep",
    "id",
    "mktemp",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "tail",
)

DOCKER = """#!/bin/sh
case "$*" in
"compose version") exit {v2} ;;
"compose "*" logs "*) echo "the scheduler's own words" ;;
"compose "*) echo "v2: $*"; env; exit {exit} ;;
"image inspect errand-sandbox:"*) ;;
"image inspect "*) exit 1 ;;
"pull "*) echo "pulled or not"; exit {pull} ;;
esac
"""
DOCKER_COMPOSE = '#!/bin/sh\necho "v1: $*"; env\n'


@pytest.fixture
def machine(tmp_path):
    """A machine's commands: `put` adds one of ours, and none but those that the scripts need are there otherwise."""
    for name in TOOLS:
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    return Machine(tmp_path)


class Machine:
    def __init__(self, commands):
        self.commands = commands

    def put(self, name, text):
        (self.commands / name).write_text(text)
        (self.commands / name).chmod(0o755)

    async def compose(self, *arguments, **settings):
        env = {"PATH": str(self.commands), "ERRAND_NO_INSTALL": "1", "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
        return await execute("scripts/compose", *arguments, env=env | settings)


def settings_in(out):
    return dict(line.split("=", 1) for line in out.splitlines() if line.startswith("ERRAND_"))


async def test_docker_compose_v2_goes_first(machine):
    machine.put("docker", DOCKER.format(v2=0, pull=1, exit=0))
    machine.put("docker-compose", DOCKER_COMPOSE)
    done = await machine.compose("logs", "--tail", "5")

    assert done.out.splitlines()[0] == "v2: compose logs --tail 5"


async def test_docker_compose_v1_serves_where_there_is_no_v2(machine):
    machine.put("docker", DOCKER.format(v2=1, pull=1, exit=0))
    machine.put("docker-compose", DOCKER_COMPOSE)
    done = await machine.compose("exec", "scheduler", "errand-scheduler", "link")

    assert done.out.splitlines()[0] == "v1: exec scheduler errand-scheduler link"


async def test_where_there_is_neither_it_says_what_to_install(machine):
    done = await machine.compose("up", "-d")

    assert done.code == 1
    assert "docker compose missing, and ERRAND_NO_INSTALL=1 forbids to install it" in done.err
    assert "cure: install it: https://docs.docker.com/compose/install/" in done.err


async def test_where_a_registry_answers_the_bases_are_those_of_the_files(machine):
    machine.put("docker", DOCKER.format(v2=0, pull=0, exit=0))
    done = await machine.compose("build")

    assert done.code == 0, done.err
    assert settings_in(done.out).keys() == {"ERRAND_NO_INSTALL", "ERRAND_EXTRA_CA_PEM"}


async def test_where_none_answers_all_is_built_on_the_sandbox_image(machine):
    machine.put("docker", DOCKER.format(v2=0, pull=1, exit=0))
    done = await machine.compose("up", "--build", ERRAND_EXTRA_CA_PEM="")
    told = settings_in(done.out)

    assert "no registry gave it: docker pull: pulled or not" in done.err
    assert told["ERRAND_BASE_IMAGE"] == told["ERRAND_SANDBOX_BASE_IMAGE"] == image_tag()
    assert told["ERRAND_CADDY_IMAGE"] == "errand-caddy"


async def test_a_base_that_was_chosen_is_taken(machine):
    machine.put("docker", DOCKER.format(v2=0, pull=1, exit=0))
    done = await machine.compose("build", ERRAND_BASE_IMAGE="python:3.13", ERRAND_CADDY_IMAGE="caddy:2.9")

    assert settings_in(done.out)["ERRAND_BASE_IMAGE"] == "python:3.13"
    assert settings_in(done.out)["ERRAND_CADDY_IMAGE"] == "caddy:2.9"


async def test_where_starting_fails_the_services_are_quoted(machine):
    machine.put("docker", DOCKER.format(v2=0, pull=0, exit=17))
    done = await machine.compose("-p", "mine", "up", "-d")

    assert done.code == 17
    assert done.err.endswith("that failed; what the services said last:\nthe scheduler's own words\n")
