"""`make up`: the three services kept running on one host, with a file of settings, until `make down`."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from errand_common.folder_lock import locked
from errand_common.tasks import to_the_end
from errand_local.layout import SERVICES, Layout
from errand_local.supervision import Supervision, plain_environment
from tests.demo.phone import Phone
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, ROOT, SEED, USER, Claude, Stack, clear, image_tag
from tests.demo.story import PROMPT
from tests.e2e.watching import run

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINK = re.compile(r"^\s*(http\S+/#/link/\S+)$", re.MULTILINE)
WITHIN_S = 30.0


@dataclass
class Host:
    """A host with a file of settings; GitHub and Claude are stand-ins."""

    stack: Stack
    env_file: Path
    settings: dict[str, str]

    @property
    def layout(self) -> Layout:
        """Where everything lies."""
        return Layout(self.stack.folder)

    def write(self, **changed: str) -> None:
        """Write the file of settings anew."""
        self.settings |= changed
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items() if value))

    async def make(self, target: str) -> "Done":
        """`make TARGET` as an operator types it, in an environment without settings of Errand's."""
        return await execute("make", "--no-print-directory", target, f"ENV_FILE={self.env_file}")

    def pids(self) -> dict[str, int]:
        """The process of each service, 0 while there is none."""
        return {state.name: state.pid for state in Supervision(self.layout).states()}

    @property
    def gateway_url(self) -> str:
        """Where the gateway is to be."""
        return f"http://{self.settings['ERRAND_GATEWAY_LISTEN']}"


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def link(self) -> str:
        """The sign-in link that it printed."""
        (found,) = LINK.findall(self.out)
        return str(found)


async def execute(*command: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=plain_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def open_host(*, script: str = "demo") -> AsyncIterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    stack = Stack(folder, image_tag(), Processes(folder), Claude("", ""), single_user=True)
    host = Host(stack, folder / "env", {})
    try:
        await stack.start_github(REPOSITORY, str(SEED))
        await stack.start_claude(script, pace_ms=0)
        host.write(
            ERRAND_DATA=str(folder),
            ERRAND_GATEWAY_LISTEN=f"127.0.0.1:{free_port()}",
            ERRAND_SCHEDULER_LISTEN=f"127.0.0.1:{free_port()}",
            ERRAND_GITHUB_TOKEN=stack.github["token"],
            ERRAND_GITHUB_URL=stack.github["url"],
            ERRAND_GITHUB_API_URL=stack.github["api_url"],
            ANTHROPIC_API_KEY=stack.claude.key,
            ANTHROPIC_BASE_URL=stack.claude.url,
        )
        yield host
    finally:
        await to_the_end(host.make("down"))
        await to_the_end(clear(stack))


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0.1)


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
        await opened.sign_in_by_link(up.link)
        yield opened


@pytest.fixture
def short_path():
    """Sockets lie in it, whose paths have few bytes."""
    with tempfile.TemporaryDirectory(prefix="errand-") as folder:
        yield Path(folder)


async def test_a_task_completes_after_one_command(up, phone):
    project = await phone.add_project(REPOSITORY)
    task = await run(phone, project, PROMPT)

    assert task["status"] == "completed", task
    assert (await phone.me())["github_username"] == USER


async def test_up_prints_a_link_once_more_and_changes_nothing(up, phone, host):
    before = host.pids()
    again = await host.make("up")

    assert host.pids() == before
    assert again.link != up.link


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


async def test_down_leaves_no_process(up, host):
    pids = host.pids()
    down = await host.make("down")

    assert down.code == 0, down.err
    assert not any(lives(pid) for pid in pids.values())
    assert not host.layout.control.exists()


async def test_down_where_nothing_runs_says_so(host, tmp_path):
    env_file = tmp_path / "env"
    env_file.write_text(f"ERRAND_DATA={tmp_path}\n")
    done = await execute("make", "--no-print-directory", "down", f"ENV_FILE={env_file}")

    assert (done.code, f"nothing runs from {tmp_path}" in done.err) == (0, True)


async def test_all_that_is_not_set_is_told_at_once_and_nothing_starts(tmp_path):
    env_file = tmp_path / "env"
    env_file.write_text(f"ERRAND_DATA={tmp_path / 'data'}\nERRAND_SLOTS=many\n")
    done = await execute(sys.executable, "-m", "errand_local", "--env-file", str(env_file), "up")

    assert done.code == 2
    for name in (
        "ANTHROPIC_API_KEY is not set",
        "ERRAND_GITHUB_TOKEN",
        "ERRAND_GITHUB_CLIENT_ID",
        "ERRAND_SLOTS is 'many'",
    ):
        assert name in done.err
    assert not (tmp_path / "data" / "local").exists()


async def test_a_service_that_cannot_start_is_quoted_and_nothing_keeps_running(host, short_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = host.settings | {
            "ERRAND_DATA": str(short_path),
            "ERRAND_SCHEDULER_LISTEN": f"127.0.0.1:{free_port()}",
        }
        settings["ERRAND_GATEWAY_LISTEN"] = address
        env_file = short_path / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        done = await execute(sys.executable, "-m", "errand_local", "--env-file", str(env_file), "up")

    assert done.code == 1
    assert "the gateway cannot start" in done.err
    assert address in done.err
    assert not Supervision(Layout(short_path)).running()


async def test_only_the_reason_of_this_start_is_told(host, short_path):
    env_file = short_path / "env"

    async def refusal(**changed):
        settings = host.settings | {"ERRAND_DATA": str(short_path), "ERRAND_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}"}
        settings |= {"ERRAND_SCHEDULER_LISTEN": f"127.0.0.1:{free_port()}", **changed}
        env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return (await execute(sys.executable, "-m", "errand_local", "--env-file", str(env_file), "up")).err

    wrong_key = await refusal(ANTHROPIC_API_KEY="sk-ant-wrong")
    wrong_model = await refusal(ERRAND_MODEL="claude-nonsense")

    assert "ANTHROPIC_API_KEY" in wrong_key
    assert "claude-nonsense" in wrong_model
    assert "ANTHROPIC_API_KEY" not in wrong_model


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("ERRAND_RUNNERS", "second", "ERRAND_RUNNERS=local,second"),
        ("ERRAND_DATA", "/dev/null/data", "set ERRAND_DATA"),
        ("ERRAND_SCHEDULER_LISTEN", "127.0.0.1:0", "ERRAND_SCHEDULER_LISTEN"),
        ("ERRAND_PUBLIC_URL", "errand.example.org", "ERRAND_PUBLIC_URL"),
    ],
)
async def test_a_setting_that_cannot_work_is_told_before_anything_starts(host, short_path, setting, value, words):
    env_file = short_path / "env"
    settings = host.settings | {"ERRAND_DATA": str(short_path), setting: value}
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    done = await execute(sys.executable, "-m", "errand_local", "--env-file", str(env_file), "up")

    assert done.code in (1, 2)
    assert words in done.err
    assert "Traceback" not in done.err


async def test_logs_where_nothing_ever_ran_say_so(short_path):
    (short_path / "env").write_text(f"ERRAND_DATA={short_path}\n")
    done = await execute(sys.executable, "-m", "errand_local", "--env-file", str(short_path / "env"), "logs")

    assert "nothing has run" in done.err


async def test_listening_to_everybody_asks_for_the_address_that_phones_use(host, tmp_path):
    env_file = tmp_path / "env"
    env_file.write_text("ERRAND_GATEWAY_LISTEN=0.0.0.0:8080\n")
    done = await execute(sys.executable, "-m", "errand_local", "--env-file", str(env_file), "up")

    assert done.code == 2
    assert "ERRAND_PUBLIC_URL=http://" in done.err


async def healthy(host, name):
    own = json.loads(host.layout.environment(name).read_text())
    async with asyncio.timeout(WITHIN_S):
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"errand_{name}",
                "healthy",
                env={**plain_environment(), **own},
                stderr=asyncio.subprocess.DEVNULL,
            )
            if await process.wait() == 0:
                return


async def first_lines(host, count):
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
