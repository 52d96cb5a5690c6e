"""What people write to an attempt while it works: from the scheduler's wish to Claude, each input once."""

import asyncio
from collections.abc import Iterable, Set

from errand.v1 import task_pb2
from errand.v1.runner_pb2 import Assignment
from errand_runner.agent.leaving import Stopper


class Inbox:
    """One attempt's inputs that no message carries yet, oldest first. What was taken once does not come back.

    `project` is the project as the scheduler told of it since the attempt began, none where it did not, `allowance`
    likewise what the task may spend, `draws_money` whether the money of its person's day is limited. `stopper`: who
    ends the attempt; noted before its work is cancelled, which other causes do too.
    """

    def __init__(self, given: Iterable[task_pb2.Input] = ()) -> None:
        self.project: task_pb2.Project | None = None
        self.allowance: task_pb2.Allowance | None = None
        self.draws_money: bool | None = None
        self.stopper: Stopper | None = None
        self._taken: set[str] = set()
        self._waiting: list[task_pb2.Input] = []
        self._unrelated: set[str] | None = None
        """While a question is open: what was written before it. All else is kept for an answer."""
        self._filled = asyncio.Event()
        self._told = asyncio.Event()
        self.put(given)

    @property
    def stopped(self) -> bool:
        """Whether a person, or its time, ends the attempt."""
        return self.stopper is not None

    def hear(self, assignment: Assignment) -> None:
        """What the scheduler tells anew of an attempt at work."""
        self.put(assignment.inputs)
        self.project, self.allowance = assignment.project, assignment.task.allowance
        self.draws_money = assignment.draws_money
        self._told.set()

    async def told(self) -> None:
        """Returns once something is told that this did not return for yet."""
        await self._told.wait()
        self._told.clear()

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
        """All that waits and answers no open question."""
        return self._take(self._said())

    def take_steers(self) -> list[task_pb2.Input]:
        """What is meant for the running turn."""
        return self._take(self._steers())

    async def steered(self) -> None:
        """Returns as soon as something is meant for the running turn."""
        while not self._steers():
            self._filled.clear()
            await self._filled.wait()

    def begin_question(self) -> None:
        """A question is about to be asked: nobody who wrote before saw it."""
        self._unrelated = {each.input_id for each in self._waiting}

    def go_on_with_question(self, *, asked_us: int) -> None:
        """A question that was asked then, by the scheduler's clock, is open still."""
        old = [each for each in self._waiting if each.created_time.ToMicroseconds() <= asked_us]
        self._unrelated = {each.input_id for each in old} if asked_us else set()

    def take_answer(self) -> task_pb2.Input | None:
        """What answers the open question: what was meant as an answer, else the oldest. The question is closed then."""
        since = [each for each in self._waiting if each.input_id not in (self._unrelated or ())]
        answers = [each for each in since if each.kind == task_pb2.INPUT_KIND_ANSWER]
        chosen = (answers or since)[:1]
        if not chosen:
            return None
        self._unrelated = None
        return self._take(chosen)[0]

    async def next_answer(self) -> task_pb2.Input:
        """The same, as soon as there is one."""
        while (answer := self.take_answer()) is None:
            self._filled.clear()
            await self._filled.wait()
        return answer

    def _steers(self) -> list[task_pb2.Input]:
        return [each for each in self._said() if each.kind == task_pb2.INPUT_KIND_STEER]

    def _said(self) -> list[task_pb2.Input]:
        unrelated = self._unrelated
        return [each for each in self._waiting if unrelated is None or each.input_id in unrelated]

    def _take(self, chosen: list[task_pb2.Input]) -> list[task_pb2.Input]:
        self.drop({each.input_id for each in chosen})
        return chosen
