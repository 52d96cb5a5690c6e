"""`make up`: the three services kept running on one host, with a file of settings, until `make down`."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from errand_common.folder_lock import locked
from errand_local.layout import SERVICES
from tests import interrupts
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, USER
from tests.demo.story import PROMPT
from tests.e2e.composing import plain_environment
from tests.e2e.hosting import WITHIN_S, healthy, link_in, open_host, until
from tests.e2e.places import BLOBS, GIT_HOST, holds, places, tree
from tests.e2e.watching import run
from tests.patience import ANSWER_S
from tests.standins.github.remote import RemoteGitHub

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host():
    async with open_host() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(host):
    """The first `make up`."""
    done = await host.make("up")
    assert done.code == 0, done.err
    return done


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(up, host):
    """The phone that the link was opened on."""
    async with Phone.open(host.gateway_url) as opened:
        await opened.sign_in_by_link(link_in(up))
        yield opened


async def test_a_task_completes_after_one_command(up, phone):
    project = await phone.add_project(REPOSITORY)
    task = await run(phone, project, PROMPT)

    assert task["status"] == "completed", task
    assert (await phone.me())["github_username"] == USER


async def test_the_owners_token_is_where_it_was_written_and_nowhere_else(up, phone, host):
    project = await phone.add_project(REPOSITORY)
    task = await run(phone, project, PROMPT)
    told = json.dumps([await phone.events(task), await phone.messages(task)]).encode()
    texts = "".join(await RemoteGitHub(host.stack.github).pull_request_texts(REPOSITORY)).encode()
    found = {
        **places(host.stack),
        "scheduler": tree(host.layout.scheduler),
        "logs": tree(host.layout.root / "log"),
        "told": told + texts,
    }

    assert task["branch"].encode() in found[GIT_HOST]
    assert [place for place, data in found.items() if task["task_id"].encode() not in data] == [BLOBS]
    token, key = host.stack.github["token"], host.stack.claude.key
    assert {place: kept for place, data in found.items() if (kept := holds(data, [token, key]))} == {}


async def test_prometheus_finds_the_scheduler_and_the_runner(up, phone, host):
    project = await phone.add_project(REPOSITORY)
    await run(phone, project, PROMPT)
    async with httpx2.AsyncClient(timeout=ANSWER_S) as client:
        told = {
            name: (
                await client.get(f"http://{host.settings[f'ERRAND_{name}_METRICS_LISTEN']}/metrics")
            ).text.splitlines()
            for name in ("SCHEDULER", "RUNNER")
        }

    assert 'errand_runners{condition="ready"} 1.0' in told["SCHEDULER"]
    assert "errand_session 1.0" in told["RUNNER"]
    for name, counted in (
        ("SCHEDULER", 'errand_attempts_total{phase="succeeded"}'),
        ("RUNNER", 'errand_step_seconds_count{step="container"}'),
        ("RUNNER", "errand_disk_free_bytes"),
    ):
        (line,) = (line for line in told[name] if line.startswith(counted))
        assert float(line.split()[-1]) >= 1


async def test_up_prints_a_link_once_more_and_changes_nothing(up, phone, host):
    before = host.pids()
    again = await host.make("up")

    assert host.pids() == before
    assert link_in(again) != link_in(up)


async def test_no_service_holds_what_is_anothers(up, host):
    environments = {name: variables(pid) for name, pid in host.pids().items()}

    assert environments["gateway"].isdisjoint({"ANTHROPIC_API_KEY", "ERRAND_GITHUB_TOKEN", "ERRAND_DATA"})
    assert environments["scheduler"].isdisjoint({"ANTHROPIC_API_KEY", "ERRAND_TOKEN_FILE"})
    assert environments["runner"].isdisjoint({"ERRAND_GITHUB_TOKEN", "ERRAND_SECRET_KEYS_FILE"})
    assert "ANTHROPIC_API_KEY" in environments["runner"]
    assert "ERRAND_GITHUB_TOKEN" in environments["scheduler"]


async def test_a_second_up_leaves_alone_what_serves_while_something_else_fails(phone, host):
    before = host.pids()
    token = host.layout.scheduler / "credentials" / "runners" / "local" / "token"
    hidden = token.rename(token.with_name("hidden"))
    os.kill(before["runner"], signal.SIGKILL)
    await until(lambda: host.pids()["runner"] not in (0, before["runner"]))
    done = await host.make("up")
    hidden.rename(token)

    assert "the runner is not well" in done.err
    assert "/#/link/" in done.out
    assert (await phone.get("/v1/tasks"))["tasks"]
    assert host.pids()["gateway"] == before["gateway"]
    await healthy(host, "runner")


async def test_two_ups_do_not_meet(up, host):
    with locked(host.layout.local, service="test"):
        done = await host.make("up")

    assert done.code != 0
    assert "another process" in done.err


async def test_what_is_written_down_is_for_its_owner_alone(up, host):
    readable = [path for path in host.layout.local.iterdir() if path.is_file() and path.stat().st_mode & 0o077]

    assert readable == []
    assert host.layout.local.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_that_is_killed_comes_back(phone, host, name):
    before = host.pids()
    os.kill(before[name], signal.SIGKILL)
    await until(lambda: host.pids()[name] not in (0, before[name]))
    await healthy(host, name)

    assert (await phone.get("/v1/tasks"))["tasks"]


async def test_when_supervisord_is_killed_up_starts_it_all_again(phone, host):
    old = host.pids()
    os.kill(int((host.layout.local / "supervisord.pid").read_text()), signal.SIGKILL)
    await until(lambda: not any(lives(pid) for pid in old.values()))
    done = await host.make("up")

    assert done.code == 0, done.err
    assert (await phone.get("/v1/tasks"))["tasks"]


async def test_a_changed_setting_takes_effect_with_up_and_nothing_is_lost(phone, host):
    before = await phone.get("/v1/tasks")
    host.write(ERRAND_SLOTS="3")
    done = await host.make("up")

    assert done.code == 0, done.err
    assert b"ERRAND_SLOTS=3" in environment(host.pids()["runner"])
    assert await phone.get("/v1/tasks") == before


async def test_the_logs_are_json_on_disk_and_lines_for_people_on_the_screen(up, host):
    lines = [line for name in SERVICES for line in host.layout.log(name).read_text().splitlines()]
    events = {(each["service"], each["event"]) for each in map(json.loads, lines)}
    shown = await first_lines(host, 5)

    assert {
        ("scheduler", "scheduler_listens"),
        ("gateway", "gateway_listening"),
        ("runner", "session_opened"),
    } <= events
    assert not any(line.startswith("{") for line in shown)


async def test_what_a_backup_holds_comes_back(phone, host, tmp_path):
    before = await phone.get("/v1/tasks")
    file = f"FILE={tmp_path / 'errand.tar'}"
    assert (await host.make("backup", file)).code == 0
    refused = await host.make("restore", file)
    assert refused.code != 0
    assert "another process" in refused.err
    for target, variables in (("down", []), ("restore", [file]), ("up", [])):
        done = await host.make(target, *variables)
        assert done.code == 0, done.err

    assert await phone.get("/v1/tasks") == before


async def test_down_leaves_no_process(up, host):
    pids = host.pids()
    down = await host.make("down")

    assert down.code == 0, down.err
    assert not any(lives(pid) for pid in pids.values())
    assert not host.layout.control.exists()


async def first_lines(host, count):
    with interrupts.heard():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "errand_local", "--env-file", str(host.env_file), "logs"),
            env=plain_environment(),
            stdout=asyncio.subprocess.PIPE,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            return [(await process.stdout.readline()).decode() for _ in range(count)]
    finally:
        process.send_signal(signal.SIGINT)
        await process.communicate()


def environment(pid):
    return Path(f"/proc/{pid}/environ").read_bytes()


def variables(pid):
    return {line.partition(b"=")[0].decode() for line in environment(pid).split(b"\0")}


def lives(pid):
    return Path(f"/proc/{pid}/exe").exists()
