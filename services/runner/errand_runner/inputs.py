"""What people write to an attempt while it works: from the scheduler's wish to Claude, each input once."""

from collections.abc import Iterable, Set

from errand.v1 import task_pb2


class Inbox:
    """One attempt's inputs that no message carries yet, oldest first. Known ones are not taken in again."""

    def __init__(self, given: Iterable[task_pb2.Input] = ()) -> None:
        self._known: set[str] = set()
        self._waiting: list[task_pb2.Input] = []
        self.put(given)

    def put(self, given: Iterable[task_pb2.Input]) -> None:
        """Take in what is new. Idempotent, by the input's id."""
        for each in given:
            if each.input_id not in self._known:
                self._known.add(each.input_id)
                self._waiting.append(each)

    def drop(self, input_ids: Set[str]) -> None:
        """These are carried by a message already."""
        self._known |= input_ids
        self._waiting = [each for each in self._waiting if each.input_id not in input_ids]

    def take(self) -> list[task_pb2.Input]:
        """All that waits."""
        taken, self._waiting = self._waiting, []
        return taken

    def take_steers(self) -> list[task_pb2.Input]:
        """What is meant for the running turn."""
        steers = [each for each in self._waiting if each.kind == task_pb2.INPUT_KIND_STEER]
        self._waiting = [each for each in self._waiting if each.kind != task_pb2.INPUT_KIND_STEER]
        return steers
