"""What must hold of an errand at its end, whatever was killed on the way."""

import asyncio
import json
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.demo.phone import FINAL, Json
from tests.demo.stack import Stack
from tests.soak import branch
from tests.soak.errand import Errand
from tests.standins.claude.rules import Refused, check

KEPT = Path("soak.broken.jsonl")
"""Here is what is known of each errand of which a promise broke."""
_SEEN_S = 60.0
_LOOK_S = 1.0


async def judge(stack: Stack, errand: Errand, *, within_s: float) -> tuple[str, list[str]]:
    """How it ended, and what is not as promised, in words; its rest is waited for."""
    until_s = asyncio.get_running_loop().time() + within_s
    task, events, messages, open_inputs = await _read(errand, until_s)
    found = [*errand.breaches, *_status(task), *_transcript(task, messages), *_inputs(errand, events, open_inputs)]
    trace = await asyncio.to_thread(_trace, stack, str(task["branch"]))
    found += branch.breaches(task, events, messages, trace)
    found += await _watched(errand, len(events))
    if found:
        _keep(found, task, events, messages)
    return _end(task), [f"{task['task_id']}: {words}" for words in found]


async def _watched(errand: Errand, least: int) -> list[str]:
    """All of it was seen, and more may have been: also of a task that waits is told what is kept of it."""
    with suppress(TimeoutError):
        await errand.watcher.until(lambda told: len(told) >= least, within_s=_SEEN_S)
    told = list(errand.watcher.events)
    stored, _, _ = await errand.line.all_of(errand.task)
    if len(told) >= least and told == stored[: len(told)]:
        return []
    return [f"a watcher was told {len(told)} events, or others, of {least} to {len(stored)}"]


def _keep(found: list[str], task: Json, events: list[Json], messages: list[Json]) -> None:
    """For whoever looks into it."""
    with KEPT.open("a") as file:
        file.write(json.dumps({"found": found, "task": task, "events": events, "messages": messages}) + "\n")


async def _read(errand: Errand, until_s: float) -> tuple[Json, list[Json], list[Json], list[Json]]:
    """The task at rest and all of it, at one moment: it may go on by itself, with what was written as it ended."""
    while True:
        task = await _at_rest(errand, until_s)
        read = await errand.line.all_of(task)
        again = (await errand.line.task(task), await errand.line.all_of(task))
        if again == (task, read) or asyncio.get_running_loop().time() > until_s:
            return task, *read


async def _at_rest(errand: Errand, until_s: float) -> Json:
    while True:
        task = await errand.line.task(errand.task)
        if task["status"] in (*FINAL, "waiting") or asyncio.get_running_loop().time() > until_s:
            return task
        await asyncio.sleep(_LOOK_S)


def _end(task: Json) -> str:
    return f"{task['status']} {task['failure_reason'] or task['wait_reason'] or ''}".strip()


def _status(task: Json) -> list[str]:
    if task["status"] == "waiting":
        asks = task["wait_reason"] == "question" and task["status_reason"].startswith("Which ")
        return [] if asks else [f"waits for {task['wait_reason']}: {task['status_reason']}"]
    if task["status"] not in FINAL:
        return [f"{task['status']} to the end: {task['status_reason']}"]
    return [] if task["status"] == "completed" or task["status_reason"] else [f"{task['status']}, and no word why"]


def _transcript(task: Json, messages: list[Json]) -> list[str]:
    """The API would take it, once those of its last calls are answered that nobody waited for."""
    told = [{"role": each["role"], "content": json.loads(each["content"])} for each in messages]
    if task["status"] != "completed" and told:
        calls = [block["id"] for block in told[-1]["content"] if block["type"] == "tool_use"]
        told.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": each} for each in calls]})
    told.append({"role": "user", "content": [{"type": "text", "text": "And now?"}]})
    told = [message for message in told if message["content"]]
    try:
        check({"model": "any", "max_tokens": 1, "messages": told})
    except Refused as exc:
        return [f"its transcript is refused: {exc}"]
    return []


def _inputs(errand: Errand, events: list[Json], still_open: list[Json]) -> list[str]:
    """What was acknowledged was said to Claude once, or still waits to be."""
    carried = [each for event in events for each in event["detail"].get("input_ids", [])]
    carried += [each["input_id"] for each in still_open]
    return [f"{each} was said {carried.count(each)} times" for each in errand.said if carried.count(each) != 1]


def _trace(stack: Stack, name: str) -> list[str]:
    folder = stack.bare()
    command = ["git", "-C", str(folder), "show", f"refs/heads/{name}:trace"]
    # No branch, or nothing on it, is a trace without a line.
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()
