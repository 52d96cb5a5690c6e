"""One call for many who ask at the same time: what is asked while a call is under way goes with the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from errand_common.errors import ErrandError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 100
"""How many items one call carries (contract: AcceptAttempts, FinishAttempts)."""


@dataclass(eq=False)
class _Asked(Generic[Item, Answer]):
    item: Item
    answer: Answer | None = None
    error: ErrandError | None = None

    @property
    def over(self) -> bool:
        return self.answer is not None or self.error is not None


class Together(Generic[Item, Answer]):
    """Asks `call` for an answer to each item, in order. Whoever's turn comes asks for all who wait."""

    def __init__(self, call: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self._call = call
        self._waiting: list[_Asked[Item, Answer]] = []
        self._turn = asyncio.Lock()

    async def ask(self, item: Item) -> Answer:
        """The answer to one item. Raises what its call raised, for all that it carried."""
        mine = _Asked[Item, Answer](item)
        self._waiting.append(mine)
        try:
            async with self._turn:
                while not mine.over:
                    await self._ask_for_all()
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None
        return mine.answer

    async def _ask_for_all(self) -> None:
        carried, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            answers = await self._call([each.item for each in carried])
        except ErrandError as exc:
            for each in carried:
                each.error = exc
        except BaseException:
            # Who asked for all is cancelled: the next of them asks again.
            self._waiting = carried + self._waiting
            raise
        else:
            for each, answer in zip(carried, answers, strict=True):
                each.answer = answer
