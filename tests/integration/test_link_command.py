"""`errand-scheduler link` prints what opens Errand on a phone, and keeps it out of every log and the database."""

import asyncio
import fcntl
import os
import shutil
import struct
import sys
import tempfile
import termios
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import segno

from errand_common.service import StartError
from errand_scheduler.link import make_link
from tests.demo.forked import forked
from tests.demo.phone import Phone, Refused
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, SEED, USER, Claude, Stack
from tests.integration.scheduling import github_with_repository, settings, single_user_settings, stack

_DRAWN = {" ": (1, 1), "▀": (0, 1), "▄": (1, 0), "█": (0, 0)}
_ANSWER_S = 60.0


@pytest.fixture
async def alone() -> AsyncIterator[Stack]:
    """A GitHub, a scheduler in single-user mode and a gateway, each a process."""
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    running = Stack(folder, "", Processes(folder, forked), Claude("", ""), single_user=True)
    try:
        await running.start_github(REPOSITORY, str(SEED))
        await running.start_scheduler()
        await running.start_gateway()
        yield running
    finally:
        await running.processes.stop_all()
        shutil.rmtree(folder)


async def test_a_printed_link_opens_errand_once_and_leaves_no_trace(alone: Stack) -> None:
    link = await alone.link()
    address, _, secret = link.partition("/#/link/")
    assert address == alone.gateway_url
    async with Phone.open(alone.gateway_url) as phone:
        await phone.sign_in_by_link(link)
        assert (await phone.me())["github_username"] == USER
        listed = (await phone.get("/v1/repositories"))["repositories"]
        assert [(each["repository"], each["may_push"]) for each in listed] == [(REPOSITORY, True)]
        with pytest.raises(Refused) as refused:
            await phone.sign_in_by_link(link)
        assert (refused.value.status, refused.value.problem["reason"]) == (400, "INVALID")
        sessions = [phone.access_token, phone.refresh_token]
    await alone.stop_services()

    kept = {name: alone.processes.log_of(name).read_text() for name in ("scheduler", "gateway", "link")}
    assert '"sign_in_link_made"' in kept["scheduler"]
    assert '"sign_in_link_spent"' in kept["scheduler"]
    kept |= {path.name: path.read_bytes().decode("latin-1") for path in alone.database.parent.glob("errand.db*")}
    secrets = [secret, alone.github["token"], *sessions]
    assert [(name, secret[:8]) for name, text in kept.items() for secret in secrets if secret in text] == []


async def test_a_refused_token_ends_the_scheduler_with_words(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        api_url = github.api_url
        refused = await run(
            ERRAND_DATA=str(tmp_path / "data"),
            ERRAND_LISTEN="127.0.0.1:0",
            ERRAND_GITHUB_TOKEN="ghp_ofnobody",
            ERRAND_GITHUB_URL=github.url,
            ERRAND_GITHUB_API_URL=api_url,
        )
    assert refused.code == 2
    assert f"ERRAND_GITHUB_TOKEN is refused by {api_url}: make a new one at" in refused.errors
    assert "ghp_ofnobody" not in refused.errors
    assert "Traceback" not in refused.errors


async def test_the_code_is_that_of_the_link(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, ERRAND_PUBLIC_URL="https://errand.example.org")
        async with stack(tmp_path / "data", github, wanted=wanted):
            printed = await make_link(wanted)
            on_a_wide_terminal = await make_link(wanted, columns=45)
            on_a_narrow_one = await make_link(wanted, columns=40)
    for text in (printed, on_a_wide_terminal):
        assert code_in(text) == [list(row) for row in segno.make_qr(link_in(text), error="l").matrix]
    assert "\x1b" not in printed, "a file or a pipe knows no colours"
    drawn = [line for line in on_a_wide_terminal.splitlines() if "█" in line]
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in drawn)
    assert "█" not in on_a_narrow_one, "half a code is none"
    assert link_in(on_a_narrow_one).startswith("https://errand.example.org/#/link/")


async def test_it_says_where_errand_is_for_whom_and_for_how_long(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, ERRAND_PUBLIC_URL="https://errand.example.org/")
        async with stack(tmp_path / "data", github, wanted=wanted):
            with_github = await make_link(wanted)
        alone = single_user_settings(
            tmp_path / "data", github, github.issue_token("octocat"), ERRAND_LISTEN="0.0.0.0:0"
        )
        async with stack(tmp_path / "data", github, wanted=alone) as running:
            assert running.address.startswith("0.0.0.0:"), "which nobody can dial"
            for_the_owner = await make_link(alone)
    assert with_github.startswith("Errand is at https://errand.example.org\n")
    assert "It admits whoever signs in with GitHub through it, once, within 15 minutes." in with_github
    assert "ERRAND_PUBLIC_URL" not in with_github
    assert for_the_owner.startswith("Errand is at http://127.0.0.1:8080\n")
    assert "It signs in the owner of ERRAND_GITHUB_TOKEN, once, within 15 minutes." in for_the_owner
    assert "Only this machine reaches that address; for a phone set ERRAND_PUBLIC_URL" in for_the_owner


async def test_without_a_scheduler_it_says_what_to_do(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github)
        with pytest.raises(StartError, match=r"no scheduler has served from the data folder .* ERRAND_DATA"):
            await make_link(wanted)
        async with stack(tmp_path / "data", github, wanted=wanted):
            pass
    environment = {"ERRAND_GITHUB_CLIENT_ID": "Iv23test"}
    stopped = await run("link", ERRAND_DATA=str(tmp_path / "data"), **environment)
    assert (stopped.code, stopped.printed) == (1, "")
    assert "no sign-in link: the scheduler does not answer" in stopped.errors
    assert "is the scheduler running?" in stopped.errors
    nothing = await run("link", ERRAND_DATA=str(tmp_path / "none"), **environment)
    assert (nothing.code, nothing.printed) == (2, "")
    assert "no scheduler has served from the data folder" in nothing.errors
    assert not (tmp_path / "none").exists(), "asking makes no folder"


async def test_on_a_terminal_it_looks_at_the_width(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with github_with_repository(tmp_path / "github") as github, stack(data, github):
        for columns, is_drawn in ((120, True), (30, False)):
            shown = await run_on_a_terminal(columns, ERRAND_DATA=str(data), ERRAND_GITHUB_CLIENT_ID="Iv23test")
            assert "/#/link/" in shown
            assert ("█" in shown) is is_drawn


async def test_a_web_proxy_of_the_environment_is_not_asked_for_the_scheduler(
    alone: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert "/#/link/" in await alone.link()


def link_in(text: str) -> str:
    return next(line.strip() for line in text.splitlines() if "/#/link/" in line)


def code_in(text: str) -> list[list[int]]:
    """The modules of the drawn code, without its margin."""
    rows: list[list[int]] = []
    for line in text.replace("\x1b[97;40m", "").replace("\x1b[0m", "").splitlines():
        if line and set(line) <= set(_DRAWN) and "█" in line:
            pairs = [_DRAWN[character] for character in line]
            rows += [[upper for upper, _ in pairs], [lower for _, lower in pairs]]
    size = len(rows[0]) - 8
    return [row[4:-4] for row in rows[4 : 4 + size]]


class Ended:
    """What a command printed, and how it ended."""

    def __init__(self, code: int | None, printed: bytes, errors: bytes) -> None:
        self.code, self.printed, self.errors = code, printed.decode(), errors.decode()


async def run(*command: str, **environment: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "errand_scheduler", "--log-format", "console", *command),
        env=_env(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_ANSWER_S):
        printed, errors = await process.communicate()
    return Ended(process.returncode, printed, errors)


async def run_on_a_terminal(columns: int, **environment: str) -> str:
    ours, theirs = os.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "errand_scheduler", "link"), env=_env(environment), stdout=theirs
        )
        async with asyncio.timeout(_ANSWER_S):
            assert await process.wait() == 0
        return os.read(ours, 64 * 1024).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def _env(environment: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8", **environment}
