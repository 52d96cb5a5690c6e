"""A service's program: wrong starts are told once, in the log's own form, and its exit code says what to expect."""

import json
import os
import signal as signals
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
from pydantic import Field, SecretStr
from errand_common.config import Settings
from errand_common.service import Command, Service, StartError, StartLater

class Own(Settings):
    mode: str = Field(alias="ERRAND_MODE", examples=["serve"])
    token: SecretStr = Field(SecretStr("long enough"), alias="ERRAND_TOKEN", min_length=8, examples=["..."])

async def serve(settings, stop):
    match settings.mode:
        case "refuse":
            raise StartError("the port is taken; choose another")
        case "refuse-for-now":
            raise StartLater("the engine does not answer; start it")
        case "refuse-in-groups":
            async with asyncio.TaskGroup() as group:
                group.create_task(refuse("first"))
                group.create_task(refuse("second"))
        case "break":
            raise RuntimeError("a bug")
        case "serve":
            print("serving", flush=True)
            await stop.wait()

async def refuse(which):
    raise StartError(f"{which} is wrong")

async def answer(settings):
    print("it is well")
    return 3

Service("example", Own, serve, (Command("ask", "ask how it is", answer),)).main()
"""


def started(*arguments, **settings):
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def logged(result):
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_a_wrong_start_is_one_json_line_with_the_words_and_exit_code_2():
    result = started(ERRAND_MODE="refuse")

    (line,) = logged(result)
    assert (line["event"], line["service"], line["error"]) == (
        "start_refused",
        "example",
        "the port is taken; choose another",
    )
    assert result.returncode == 2


def test_a_start_that_is_too_early_is_told_so_by_an_exit_code_of_its_own():
    result = started(ERRAND_MODE="refuse-for-now")

    assert [line["error"] for line in logged(result)] == ["the engine does not answer; start it"]
    assert result.returncode == 75


def test_every_cause_of_a_wrong_start_is_told():
    result = started(ERRAND_MODE="refuse-in-groups")

    assert [line["error"] for line in logged(result)] == ["first is wrong", "second is wrong"]
    assert result.returncode == 2


def test_for_people_a_wrong_start_is_plain_words():
    result = started("--log-format=console", ERRAND_MODE="refuse")

    assert result.stderr == "the port is taken; choose another\n"


def test_the_command_line_counts_before_the_environment():
    result = started("--log-format", "json", ERRAND_MODE="refuse", ERRAND_LOG_FORMAT="console")

    assert logged(result)[0]["event"] == "start_refused"


def test_a_missing_setting_stops_the_start_with_its_name_and_an_example():
    result = started("--log-format=console")

    assert result.stderr == "ERRAND_MODE is not set; for example ERRAND_MODE=serve\n"
    assert result.returncode == 2


def test_a_wrong_secret_is_named_and_not_shown():
    result = started("--log-format=console", ERRAND_MODE="serve", ERRAND_TOKEN="hunter2")

    assert "ERRAND_TOKEN is wrong" in result.stderr
    assert "hunter2" not in result.stderr


def test_a_wrong_log_format_is_told_as_any_wrong_setting():
    result = started(ERRAND_MODE="serve", ERRAND_LOG_FORMAT="yaml")

    assert "ERRAND_LOG_FORMAT is 'yaml'" in logged(result)[0]["error"]


def test_a_bug_is_logged_with_its_cause_and_exit_code_1():
    result = started(ERRAND_MODE="break")

    (line,) = logged(result)
    assert (line["event"], line["exception"][0]["exc_value"]) == ("service_broke", "a bug")
    assert result.returncode == 1


def test_a_command_is_run_with_the_settings_and_gives_the_exit_code():
    result = started("ask", ERRAND_MODE="serve")

    assert (result.stdout, result.returncode) == ("it is well\n", 3)


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_a_signal_ends_it_in_order(signal):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={"PATH": os.environ["PATH"], "ERRAND_MODE": "serve"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n"
    process.send_signal(getattr(signals, f"SIG{signal}"))
    _, errors = process.communicate(timeout=20)

    assert json.loads(errors)["event"] == "service_stopped"
    assert process.returncode == 0
