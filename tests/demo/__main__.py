"""`make demo`: a real errand through all three services, acted as a phone would and shown as a phone would."""

import argparse
import asyncio
import os
import signal
import sys
import time

from rich.console import Console

from tests.demo.outside import NotThere, check_out_branch, diff_of, run_tests
from tests.demo.phone import Phone, Refused, is_final
from tests.demo.processes import ProcessFailed
from tests.demo.screen import Json, Screen, summary
from tests.demo.stack import REPOSITORY, SEED, Claude, Stack, open_stack
from tests.demo.story import FOLLOW_UP, PROMPT

REAL_CLAUDE = "https://api.anthropic.com"
PACE_MS = 25
"""The stand-in's words come at a pace that people can read."""

TURN_S = 1800.0


class DemoFailed(Exception):
    """The errand did not end as it should; the message says how."""


def main() -> None:
    """Exit 0 when everything was seen to work, 1 with the reason otherwise, 130 on Ctrl-C."""
    options = _options()
    console = Console(highlight=False)
    try:
        asyncio.run(_demo(console, repo=options.repo, prompt=options.prompt))
    except (DemoFailed, NotThere, ProcessFailed, Refused) as exc:
        console.print(f"\nThe demo failed: {exc}", style="bold red", markup=False)
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("\nStopped; nothing is left behind but the engine and the image.")
        sys.exit(130)


async def _demo(console: Console, *, repo: str, prompt: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)  # type: ignore[union-attr]
    screen = Screen(console)
    claude = _real_claude() if repo else None
    repository = f"octo/{_name_of(repo)}" if repo else REPOSITORY
    screen.note("Starting scheduler, gateway and runner, and a stand-in for GitHub" + ("" if repo else " and Claude"))
    async with (
        open_stack(repository=repository, content=repo or str(SEED), claude=claude, pace_ms=PACE_MS) as stack,
        Phone.open(stack.gateway_url) as phone,
    ):
        started_s = time.monotonic()
        await phone.sign_in()
        me = await phone.me()
        screen.note(f"Signed in as {me['github_username']}")
        project = await phone.add_project(repository)
        screen.note(f"Added {repository}, which starts from {project['default_branch']}\n")
        task = await _first_turn(screen, phone, project, prompt or PROMPT)
        if not repo:
            task = await _second_turn(screen, phone, task)
        wall_s = time.monotonic() - started_s
        screen.note(f"\nLooking from outside: {_look(stack, task, project, seeded=not repo)}\n", "bold green")
        summary(console, task, await phone.events(task), wall_s=wall_s)
        if not repo:
            screen.note("\nClaude and GitHub were stand-ins: nothing was spent, and the address above is gone.", "dim")
        else:
            clone = stack.folder / "outside"
            console.print("\n" + diff_of(clone, project["default_branch"]), markup=False)


async def _first_turn(screen: Screen, phone: Phone, project: Json, prompt: str) -> Json:
    screen.note(f"“{prompt}”", "bold blue")
    task = await phone.create_task(project, prompt)
    screen.note(f"  task {task['task_id']}", "dim")
    return await _follow(screen, phone, task, cursor="")


async def _second_turn(screen: Screen, phone: Phone, task: Json) -> Json:
    screen.note(f"\n“{FOLLOW_UP}”", "bold blue")
    last = (await phone.events(task))[-1]["cursor"]
    await phone.add_input(task, FOLLOW_UP)
    return await _follow(screen, phone, task, cursor=last)


async def _follow(screen: Screen, phone: Phone, task: Json, *, cursor: str) -> Json:
    """Show the task until it is final. Raises DemoFailed unless it completed."""
    try:
        async with asyncio.timeout(TURN_S), phone.live(task, cursor=cursor) as messages:
            async for message in messages:
                screen.show(message)
                if is_final(message):
                    break
    except TimeoutError as exc:
        raise DemoFailed(f"the task did not end within {TURN_S:.0f} s") from exc
    task = await phone.task(task)
    if task["status"] != "completed":
        raise DemoFailed(f"the task is {task['status']}: {task['status_reason']}")
    return task


def _look(stack: Stack, task: Json, project: Json, *, seeded: bool) -> str:
    bare = stack.bare(project["repository"])
    clone = stack.folder / "outside"
    commit = check_out_branch(bare, task["branch"], clone)
    if not seeded:
        return f"{task['branch']} is on the git side at {commit[:10]}"
    run_tests(clone)
    return f"{task['branch']} is on the git side at {commit[:10]}, and its tests pass"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--repo", default="", help="a git URL to work on a copy of; needs ANTHROPIC_API_KEY")
    parser.add_argument("--prompt", default="", help="what to do there")
    options = parser.parse_args()
    if bool(options.repo) != bool(options.prompt):
        parser.error('REPO=<git url> and PROMPT="..." go together')
    if options.repo and not os.environ.get("ANTHROPIC_API_KEY"):
        parser.error("REPO=<git url> is worked on by the real model: set ANTHROPIC_API_KEY")
    return options


def _real_claude() -> Claude:
    return Claude(os.environ.get("ANTHROPIC_BASE_URL", REAL_CLAUDE), os.environ["ANTHROPIC_API_KEY"])


def _name_of(repo: str) -> str:
    """The last part of a git URL, as GitHub would name it."""
    last = repo.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in last) or "project"


if __name__ == "__main__":
    main()
