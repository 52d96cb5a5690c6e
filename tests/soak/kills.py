"""What is killed: a job, a supervisor, a container, or a service, each with SIGKILL and without a word."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import closing, suppress

import docker
from docker.errors import APIError

from errand_runner.sandbox.profile import GUEST_FOLDER
from tests.demo.stack import Stack

IN_SANDBOXES = {"job": 12, "supervisor": 5, "container": 3}
"""How often each, against the others."""

Trouble = Callable[[], Awaitable[None]]


class Killer:
    """Kills at random, and counts. `others` are troubles of other kinds: how often each, and how it is made."""

    def __init__(
        self, stack: Stack, chance: random.Random, others: Mapping[str, tuple[int, Trouble]], *, pause_s: float
    ) -> None:
        self._stack, self._chance, self._others, self._pause_s = stack, chance, others, pause_s
        self.killed: Counter[str] = Counter()

    async def kill(self, until: Callable[[], bool], *, but: Collection[str] = ()) -> None:
        """Until it holds; none of those kinds."""
        weights = IN_SANDBOXES | {kind: weight for kind, (weight, _) in self._others.items() if kind not in but}
        while not until():
            await asyncio.sleep(self._chance.expovariate(1 / self._pause_s))
            (kind,) = self._chance.choices(list(weights), weights=list(weights.values()))
            if kind in self._others:
                await self._others[kind][1]()
            elif not await asyncio.to_thread(self._hit, kind):
                continue
            self.killed[kind] += 1

    def _hit(self, kind: str) -> bool:
        """Whether there was one to kill."""
        with closing(docker.from_env()) as client:
            found = [
                container
                for runner_id in self._stack.runner_ids()
                for container in client.containers.list(
                    filters={"label": f"errand.runner={runner_id}"}, ignore_removed=True
                )
            ]
            if not found:
                return False
            container_id = str(self._chance.choice(found).id)
            # It may end at any moment by itself.
            with suppress(APIError, ProcessLookupError):
                if kind == "container":
                    client.api.kill(container_id)
                    return True
                pids = self._pids(client, container_id, supervisor=kind == "supervisor")
                if pids:
                    os.kill(self._chance.choice(pids), signal.SIGKILL)
                    return True
        return False

    def _pids(self, client: docker.DockerClient, container_id: str, *, supervisor: bool) -> list[int]:
        """The host's numbers of a container's supervisor and leaders, or of what the commands run."""
        # None where it has just died.
        rows = client.api.top(container_id, "-eo pid,args")["Processes"] or []
        guests = [int(pid) for pid, args in rows if GUEST_FOLDER in args]
        if supervisor:
            return guests[:1]
        return [int(pid) for pid, args in rows if args.startswith(("bash", "sleep", "git", "python3 -c", "seq"))]
