"""`errand` in a shell: Ctrl-C, a reader that has enough, no colours, and completion."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from errand_cli.exits import Exit
from tests import interrupts
from tests.integration.errand_shell import ENDS_S, Shell, shell
from tests.integration.scheduling import Stack, new_task

SHOWN, HIDDEN = b"\x1b[?25h", b"\x1b[?25l"


async def at_a_terminal(mine: Shell, *words: str, until: bytes, **others: str) -> tuple[int, str]:
    """Runs it until it has said something, then types Ctrl-C; gives how it ended, and all that stood there."""
    near, far = os.openpty()
    with interrupts.heard():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "errand_cli", *words),
            env={"PATH": os.environ["PATH"], "TERM": "xterm", **mine.environment, **others},
            stdin=far,
            stdout=far,
            stderr=far,
        )
    os.close(far)
    said = b""
    try:
        async with asyncio.timeout(ENDS_S):
            while until not in said:
                piece = await asyncio.to_thread(read, near)
                assert piece, f"it ended too soon, with {await process.wait()}: {said.decode()}"
                said += piece
            # What the terminal does of the key.
            process.send_signal(signal.SIGINT)
            while piece := await asyncio.to_thread(read, near):
                said += piece
            return await process.wait(), said.decode()
    finally:
        os.close(near)
        if process.returncode is None:
            process.kill()
            await process.wait()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Nobody has the other end any more.
        return b""


async def test_ctrl_c_ends_the_watch_and_not_the_task(running: Stack, tmp_path: Path) -> None:
    person = await running.sign_in()
    await person.add_project()
    mine = shell(running, person.access_token, tmp_path)

    code, said = await at_a_terminal(mine, "task", "create", "octocat/demo", "go", "--watch", until=b"no runner")

    (task,) = json.loads((await mine.errand("task", "list", "--json")).out)["tasks"]
    assert (code, task["status"]) == (Exit.INTERRUPTED, "pending")
    assert f"the task goes on: errand task watch {task['task_id']}" in said
    assert said.rindex(SHOWN.decode()) > said.rindex(HIDDEN.decode())


async def test_without_colours_none_are_sent(running: Stack, tmp_path: Path) -> None:
    person, task = await new_task(running)
    mine = shell(running, person.access_token, tmp_path)

    _, said = await at_a_terminal(mine, "task", "watch", task.task_id, until=b"no runner", NO_COLOR="1")

    assert not [code for code in ("\x1b[36m", "\x1b[1;36m", "\x1b[33m") if code in said]


async def test_a_reader_that_has_enough_ends_it_without_a_word(running: Stack, tmp_path: Path) -> None:
    person, task = await new_task(running)
    mine = shell(running, person.access_token, tmp_path)
    found = {}
    for words in (("list",), ("list", "--json"), ("watch", task.task_id), ("watch", task.task_id, "--json")):
        reading, writing = os.pipe()
        os.close(reading)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "errand_cli", "task", *words),
            env={"PATH": os.environ["PATH"], **mine.environment},
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(writing)
        async with asyncio.timeout(ENDS_S):
            _, told = await process.communicate()
        found[words] = (process.returncode, told)

    assert set(found.values()) == {(0, b"")}, found


async def test_bash_completes_commands_runners_tasks_and_projects(running: Stack, tmp_path: Path) -> None:
    person, task = await new_task(running)
    mine = shell(running, person.access_token, tmp_path)
    operator = shell(running, running.operator_token, tmp_path)

    assert await completed(mine, "run") == ["runner"]
    assert await completed(mine, "task", "show", "tsk_") == [task.task_id]
    assert await completed(mine, "task", "create", "oct") == ["octocat/demo"]
    assert await completed(operator, "runner", "drain", "") == ["local"]
    assert await completed(mine, "runner", "drain", "") == []


async def completed(mine: Shell, *words: str) -> list[str]:
    """What bash offers for the last of the words, by the script that `errand --show-completion` prints."""
    script = f"""
        eval "$(errand --show-completion bash)"
        COMP_WORDS=(errand {" ".join(words[:-1])} "{words[-1]}") COMP_CWORD={len(words)}
        _errand_completion errand
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        env={**mine.environment, "PATH": path, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(ENDS_S):
        out, err = await process.communicate()
    assert err == b""
    return out.decode().split()
