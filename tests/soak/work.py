"""Tasks one after the other, several at a time, whose commands leave behind what a careless one leaves behind."""

import asyncio
import contextlib

import httpx2

from tests.demo.phone import FINAL, Json, Phone

STEPS = (
    "sleep 0.5 && echo one >> trace",
    "(setsid sleep 600 &) && sleep 300 & sleep 0.7 && echo two >> trace",
    "for number in 1 2 3 4; do (sleep 600 &) done && seq 20000 && echo three >> trace",
    "python3 -c 'import os, time\nfor _ in range(5): os.fork() or time.sleep(600)\ntime.sleep(0.5)' & sleep 1.2",
    "git add --all && git commit --quiet --message steps && sleep 0.4",
    "echo four >> trace && sleep 0.6",
)
"""None holds the separator of the stand-in's script."""

_LOOK_S = 0.5


class Crew:
    """`size` tasks are at work at any time, until there is enough of it."""

    def __init__(self, phone: Phone, project: Json, *, size: int) -> None:
        self._phone, self._project, self._size = phone, project, size
        self.enough = asyncio.Event()
        self.ended: list[Json] = []

    async def work(self) -> None:
        """Returns when the last task is final."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._size):
                group.create_task(self._one_after_the_other())

    async def _one_after_the_other(self) -> None:
        while not self.enough.is_set():
            task = await self._phone.create_task(self._project, f"Steps: {'; '.join(STEPS)}")
            while task["status"] not in FINAL:
                await asyncio.sleep(_LOOK_S)
                with contextlib.suppress(httpx2.TransportError):
                    task = await self._phone.task(task)
            self.ended.append(task)
