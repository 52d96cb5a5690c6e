"""What must not be there at the end: processes of sandboxes, containers, and volumes that no book names."""

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path

import docker

from tests.demo.stack import Stack

_CALM_S = 60.0


async def left_over(stack: Stack) -> list[str]:
    """In words; the runner works on, and has had time to sweep."""
    until_s = time.monotonic() + _CALM_S
    while (found := await asyncio.to_thread(_look, stack)) and time.monotonic() < until_s:
        await asyncio.sleep(1.0)
    return found


def _look(stack: Stack) -> list[str]:
    with closing(docker.from_env()) as client:
        volumes: dict[str, int] = {}
        containers: list[str] = []
        for runner_id in stack.runner_ids():
            label = {"label": f"errand.runner={runner_id}"}
            for container in client.containers.list(all=True, filters={**label}, ignore_removed=True):
                containers.append(f"container {container.name}, {container.status}")
            for volume in client.api.volumes(filters={**label})["Volumes"] or []:
                volumes[str(volume["Name"])] = int(volume["Labels"]["errand.uid"])
    book = _book(stack.folder / "runner")
    unknown = [f"volume {name}, which the book does not name" for name in volumes if name not in book]
    return [*containers, *unknown, *_processes(set(volumes.values()))]


def _book(data: Path) -> set[str]:
    return {json.loads(path.read_text())["workspace_id"] for path in (data / "workspaces").glob("tsk_*")}


def _processes(uids: set[int]) -> list[str]:
    """Of the uids that this run's workspaces have."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and folder.stat().st_uid in uids:
                found.append(f"process {folder.name}: {(folder / 'cmdline').read_bytes()[:80]!r}")
        except FileNotFoundError:
            continue
    return found
