"""Which waiting task goes to which runner: pure functions of what waits, what is free, who had how much."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from errand_scheduler.placing.seats import OUT_OF_SERVICE, Labels, Seat, obstacle


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that may be placed. On the runners of `failed_on` it failed before it began."""

    task_id: str
    user_id: str
    queue_time: int
    last_runner_id: str | None = None
    failed_on: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands among its user's: the oldest first."""
        return self.queue_time, self.task_id


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task asks of a runner. `only` is the one that has its workspace, for as long as it waits for it."""

    labels: Labels = ()
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Tasks of one user that need the same, oldest first."""

    user_id: str
    needs: Needs
    tasks: Sequence[Waiting]


@dataclass(frozen=True)
class Standings:
    """How much each user has at work, and when each was last served, as a number that rises with every offer."""

    live: Mapping[str, int] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A task for a runner."""

    task_id: str
    user_id: str
    runner_id: str


def plan(
    lines: Iterable[Line], seats: Sequence[Seat], standings: Standings, *, most_live: int, most_offers: int
) -> list[Offer]:
    """Give free slots to the user who has the least at work, of those to whom was served longest ago, of those to
    whose task is oldest; within a user to the oldest task that a free runner may have. Nobody gets over `most_live`.
    """
    room = _Room(seats)
    live = Counter(standings.live)
    queues = _queues(lines)
    waiting = [_rank(user_id, queue, live, standings) for user_id, queue in queues.items()]
    heapq.heapify(waiting)
    offers: list[Offer] = []
    while waiting and room.left and len(offers) < most_offers:
        user_id = heapq.heappop(waiting)[-1]
        offer = _serve(user_id, queues[user_id], room) if live[user_id] < most_live else None
        if offer is None:
            continue
        offers.append(offer)
        live[user_id] += 1
        # Whoever was served in this plan was served after everybody else.
        heapq.heappush(waiting, (live[user_id], _AFTER_ALL + len(offers), 0, user_id))
    return offers


def after(seats: Sequence[Seat], offers: Sequence[Offer]) -> list[Seat]:
    """The seats as these offers leave them."""
    taken = Counter(offer.runner_id for offer in offers)
    return [seat.with_less(taken[seat.runner_id]) for seat in seats]


_AFTER_ALL = 1 << 62
_Rank = tuple[int, int, int, str]


@dataclass(slots=True)
class _Cursor:
    """How far a plan has come in a line."""

    line: Line
    index: int = 0

    @property
    def head(self) -> Waiting | None:
        return self.line.tasks[self.index] if self.index < len(self.line.tasks) else None


class _Room:
    """The free slots while a plan is made. What is full is taken out, so that asking stays cheap."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._seats = {seat.runner_id: seat for seat in seats}
        self._free = {seat.runner_id: seat.free for seat in seats if not obstacle(seat, ())}
        self._fitting: dict[Labels, list[str]] = {}

    @property
    def left(self) -> bool:
        return bool(self._free)

    def for_(self, needs: Needs) -> list[str]:
        """The runners with a free slot that such a task may have."""
        if needs.only is not None and waits_for_its_runner(needs, self._seats):
            return [needs.only] if needs.only in self._free else []
        if needs.labels not in self._fitting:
            self._fitting[needs.labels] = [
                runner_id for runner_id in self._free if not obstacle(self._seats[runner_id], needs.labels)
            ]
        return self._fitting[needs.labels]

    def best(self, runner_ids: Sequence[str], task: Waiting) -> str:
        """The one with its workspace, else one where it has not failed, else one that did not let it pass, else the one
        with most room."""
        return max(runner_ids, key=lambda each: (*preference(self._seats[each], task), self._free[each]))

    def take(self, runner_id: str) -> None:
        self._free[runner_id] -= 1
        if self._free[runner_id] == 0:
            del self._free[runner_id]
            for fitting in self._fitting.values():
                if runner_id in fitting:
                    fitting.remove(runner_id)


def waits_for_its_runner(needs: Needs, seats: Mapping[str, Seat]) -> bool:
    """Whether there is a point in waiting for the runner with the workspace: it may be away, not unfit or out of
    service."""
    if needs.only is None:
        return False
    seat = seats.get(needs.only)
    return seat is None or (seat.fits(needs.labels) and seat.condition not in OUT_OF_SERVICE)


def preference(seat: Seat, task: Waiting) -> tuple[bool, bool, bool]:
    """How much a task would rather have this runner than another."""
    failed, let_pass = seat.runner_id in task.failed_on, task.task_id in seat.let_pass
    return seat.runner_id == task.last_runner_id and not failed and not let_pass, not failed, not let_pass


def _queues(lines: Iterable[Line]) -> dict[str, list[_Cursor]]:
    queues: dict[str, list[_Cursor]] = defaultdict(list)
    for line in lines:
        if line.tasks:
            queues[line.user_id].append(_Cursor(line))
    return queues


def _rank(user_id: str, queue: Sequence[_Cursor], live: Mapping[str, int], standings: Standings) -> _Rank:
    oldest = min(cursor.line.tasks[0].queue_time for cursor in queue)
    return live[user_id], standings.served.get(user_id, -1), oldest, user_id


def _serve(user_id: str, queue: Sequence[_Cursor], room: _Room) -> Offer | None:
    """The user's oldest task that can go, with its runner. Seats only get fewer: none now is none later."""
    for cursor, task in _by_age(queue):
        if runner_ids := room.for_(cursor.line.needs):
            runner_id = room.best(runner_ids, task)
            room.take(runner_id)
            cursor.index += 1
            return Offer(task_id=task.task_id, user_id=user_id, runner_id=runner_id)
    return None


def _by_age(queue: Sequence[_Cursor]) -> Iterator[tuple[_Cursor, Waiting]]:
    heads = [(cursor, cursor.head) for cursor in queue]
    present = [(cursor, head) for cursor, head in heads if head is not None]
    return iter(sorted(present, key=lambda each: each[1].place))
