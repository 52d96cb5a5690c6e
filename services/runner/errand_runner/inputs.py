"""What people write to an attempt while it works: from the scheduler's wish to Claude, each input once."""

import asyncio
from collections.abc import Iterable, Set

from errand.v1 import task_pb2


class Inbox:
    """One attempt's inputs that no message carries yet, oldest first. What was taken once does not come back."""

    def __init__(self, given: Iterable[task_pb2.Input] = ()) -> None:
        self._taken: set[str] = set()
        self._waiting: list[task_pb2.Input] = []
        self._filled = asyncio.Event()
        self.put(given)

    def put(self, given: Iterable[task_pb2.Input]) -> None:
        """All that waits, as the scheduler knows it: texts may have changed, and what is gone was taken back."""
        self._waiting = [each for each in given if each.input_id not in self._taken]
        if self._waiting:
            self._filled.set()

    def drop(self, input_ids: Set[str]) -> None:
        """These are carried by a message already."""
        self._taken |= input_ids
        self._waiting = [each for each in self._waiting if each.input_id not in input_ids]

    def take(self) -> list[task_pb2.Input]:
        """All that waits."""
        return self._take(list(self._waiting))

    def take_steers(self) -> list[task_pb2.Input]:
        """What is meant for the running turn."""
        return self._take([each for each in self._waiting if each.kind == task_pb2.INPUT_KIND_STEER])

    def take_answer(self) -> task_pb2.Input | None:
        """What answers a question: what was meant as an answer, else the oldest of all."""
        answers = [each for each in self._waiting if each.kind == task_pb2.INPUT_KIND_ANSWER]
        chosen = (answers or self._waiting)[:1]
        return self._take(chosen)[0] if chosen else None

    async def next_answer(self) -> task_pb2.Input:
        """The same, as soon as there is one."""
        while (answer := self.take_answer()) is None:
            self._filled.clear()
            await self._filled.wait()
        return answer

    def _take(self, chosen: list[task_pb2.Input]) -> list[task_pb2.Input]:
        self.drop({each.input_id for each in chosen})
        return chosen
