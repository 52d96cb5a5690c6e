"""Commands in the background: looked after, waited for, ended, and never taken for others."""

import asyncio
import re
from pathlib import Path

import pytest

from errand_runner.agent.redact import MASK
from errand_runner.agent.tools import Outcome
from errand_runner.sandbox.guest.background import MOST_ENDED
from tests.unit.runner.agent.tooling import SECRET, Tools
from tests.unit.runner.sandbox.processes import alive


def name_in(started: Outcome) -> str:
    found = re.search(r"\[(bg_\w+) ", started.text)
    assert found, started.text
    return found[1]


def until(path: Path) -> str:
    return f"until test -e {path}; do sleep 0.01; done"


async def start(tools: Tools, command: str) -> str:
    return name_in(await tools("bash", command=command, background=True))


async def test_a_command_in_the_background_gives_its_first_words_and_a_name(tools: Tools) -> None:
    started = await tools("bash", command="echo listening; sleep 300", background=True)
    assert re.fullmatch(r"listening\n\[bg_t1 has run in the background for \d\.\d s\]", started.text)
    assert not started.is_error


async def test_a_look_gives_what_is_new_alone(tools: Tools) -> None:
    go = tools.folder / "go"
    job = await start(tools, f"echo one; {until(go)}; echo two; sleep 300")
    assert (await tools("bash_output", id=job, wait_s=0)).text.startswith("(no new output)\n[bg_t1 has run")
    go.touch()
    assert (await tools("bash_output", id=job, wait_s=20)).text.startswith("two\n[bg_t1 has run")


async def test_a_look_tells_how_it_ended(tools: Tools) -> None:
    job = await start(tools, "echo one; exit 3")
    ended = await tools("wait", id=job, seconds=20)
    assert "[bg_t1 has ended: exit code 3 after 0." in ended.text
    assert (await tools("bash_output", id=job)).text.startswith("(no new output)\n[bg_t1 has ended: exit code 3")


async def test_a_wait_lasts_until_the_command_ends(tools: Tools) -> None:
    said, go = tools.folder / "said", tools.folder / "go"
    job = await start(tools, f"echo one; {until(tools.folder / 'waiting')}; echo two; touch {said}; {until(go)}")
    waiting = asyncio.ensure_future(tools("wait", id=job, seconds=60))
    await tools("bash", command=f"touch waiting; {until(said)}")
    # Its output alone does not end the wait.
    assert not waiting.done()
    go.touch()
    assert re.match(r"two\n\[bg_t1 has ended: exit code 0", (await waiting).text)


async def test_a_wait_for_time_alone_takes_it(tools: Tools) -> None:
    assert (await tools("wait", seconds=1)).text == "Waited 1 s."


async def test_a_wait_ends_when_the_person_writes(tools: Tools) -> None:
    job = await start(tools, "echo up; sleep 300")
    tools.steered.set()
    assert "[The person wrote meanwhile.]" in (await tools("wait", id=job, seconds=600)).text
    assert "The person wrote meanwhile." in (await tools("wait", seconds=600)).text
    assert "[The person wrote meanwhile.]" in (await tools("bash_output", id=job, wait_s=600)).text


async def test_what_still_runs_is_named_after_other_commands(tools: Tools) -> None:
    jobs = [await start(tools, "echo up; sleep 300") for _ in range(2)]
    aside = f"[background processes still running: 2 ({jobs[0]}, {jobs[1]})]"
    assert (await tools("bash", command="true")).text.endswith(aside)
    assert (await tools("wait", seconds=1)).text.endswith(aside)
    await tools("kill", id=jobs[0])
    assert f"running: 1 ({jobs[1]})]" in (await tools("bash", command="true")).text
    await tools("kill", id=jobs[1])
    assert "still running" not in (await tools("bash", command="true")).text


async def test_a_kill_ends_all_of_it_and_gives_the_rest(tools: Tools) -> None:
    script = "trap 'echo bye; exit 4' TERM; setsid sleep 300 & echo $!; wait"
    started = await tools("bash", command=script, background=True)
    killed = await tools("kill", id=name_in(started))
    assert re.match(r"bye\n\[bg_t1 has ended: exit code 4", killed.text)
    assert not alive(int(started.text.split()[0]))
    assert "has ended" in (await tools("kill", id=name_in(started))).text


async def test_one_that_will_not_end_is_killed(tools: Tools) -> None:
    job = await start(tools, "trap '' TERM; echo on; while :; do sleep 300; done")
    assert "[bg_t1 has ended: killed by signal 9" in (await tools("kill", id=job)).text


async def test_the_end_of_the_turn_ends_all(tools: Tools) -> None:
    pids = [
        int((await tools("bash", command="echo $$; exec sleep 300", background=True)).text.split()[0]) for _ in "ab"
    ]
    await tools.toolbox.end_turn()
    assert not any(alive(pid) for pid in pids)
    assert "has ended: killed by signal 15" in (await tools("bash_output", id="bg_t1")).text


async def test_a_name_from_before_is_answered_honestly(tools: Tools) -> None:
    job = await start(tools, "echo up; sleep 300")
    unknown = await tools("bash_output", id="bg_before")
    assert unknown.is_error
    assert "has ended if your turn did, the sandbox was opened anew or the runner restarted since;" in unknown.text
    assert unknown.text.endswith(f"Known here: {job}.")


async def test_one_that_is_forgotten_says_so(tools: Tools) -> None:
    first = await start(tools, "true")
    for _ in range(MOST_ENDED + 1):
        await start(tools, "true")
    forgotten = await tools("bash_output", id=first)
    assert forgotten.is_error
    assert "no more is known of it" in forgotten.text
    assert "still running" not in (await tools("bash", command="true")).text


async def test_it_starts_in_the_working_folder_and_leaves_it(tools: Tools) -> None:
    await tools("bash", command="mkdir inner; cd inner")
    started = await tools("bash", command="pwd; cd /; echo $TERM", background=True)
    text = started.text + (await tools("wait", id=name_in(started), seconds=20)).text
    assert f"{tools.folder}/inner\n" in text
    assert "dumb" in text
    assert (await tools("bash", command="pwd")).text.startswith(f"{tools.folder}/inner\n")


async def test_one_that_cannot_start_is_explained(tools: Tools) -> None:
    await tools("bash", command="mkdir gone; cd gone")
    (tools.folder / "gone").rmdir()
    outcome = await tools("bash", command="pwd", background=True)
    assert outcome.is_error
    assert f"The working folder is {tools.folder} now." in outcome.text


async def test_a_secret_that_two_looks_cut_is_masked(tools: Tools) -> None:
    go = tools.folder / "go"
    job = await start(tools, f"printf 'x{SECRET[:10]}'; {until(go)}; printf '{SECRET[10:]}y'")
    go.touch()
    rest = (await tools("wait", id=job, seconds=20)).text
    assert rest.startswith(f"{MASK}y\n")


@pytest.mark.parametrize(("flood", "kept"), [("seq 1000000", True), ("head -c 20000000 /dev/zero | tr '\\0' x", False)])
async def test_a_flood_keeps_its_ends_and_says_where_it_lies(tools: Tools, flood: str, kept: bool) -> None:
    go = tools.folder / "go"
    job = await start(tools, f"{until(go)}; {flood}; echo; echo last")
    go.touch()
    text = (await tools("wait", id=job, seconds=30)).text
    assert "\nlast\n[bg_t1 has ended: exit code 0" in text
    assert len(text) < 31_000
    assert ("The whole output is in /" in text) is kept
