"""A workspace is kept as long as the settings say; the least recently used go first, and never one that is in use."""

import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.book import Book, Holding
from errand_runner.retention import MOST_A_PASS, KeptFor, Retention, due
from errand_runner.sandbox.docker import EngineUnavailable, SandboxFailed, Volume

IDS = Ids(Clock())
DAY_US = 24 * 3600 * 1_000_000
FOR_EVER = KeptFor(days=0, most=0)


def holding(used_days, *, saved=True):
    return Holding(IDS.new("tsk"), IDS.new("wsp"), since_us=0, used_us=int(used_days * DAY_US), saved=saved)


OLD, OLDER, NEW = holding(2), holding(1), holding(9)


@pytest.mark.parametrize(
    ("limits", "held", "short", "wanted"),
    [
        (FOR_EVER, 3, False, []),
        (FOR_EVER, 3, True, [OLDER]),
        (KeptFor(days=8, most=0), 3, False, [OLDER]),
        (KeptFor(days=7.9, most=0), 3, False, [OLDER]),
        (KeptFor(days=6, most=0), 3, False, [OLDER, OLD]),
        (KeptFor(days=6, most=0), 3, True, [OLDER, OLD]),
        (KeptFor(days=0, most=3), 3, False, []),
        (KeptFor(days=0, most=2), 3, False, [OLDER]),
        # Those in use count, and cannot go.
        (KeptFor(days=0, most=2), 9, False, [OLDER, OLD, NEW]),
        (KeptFor(days=8, most=1), 3, False, [OLDER, OLD]),
    ],
)
def test_who_goes(limits, held, short, wanted):
    assert due([NEW, OLD, OLDER], held=held, now_us=int(9.5 * DAY_US), limits=limits, short=short) == wanted


ALONE = holding(0.9, saved=False)


@pytest.mark.parametrize(
    ("limits", "held", "short", "wanted"),
    [
        (FOR_EVER, 4, True, [OLDER]),
        (KeptFor(days=0, most=2), 4, False, [OLDER, OLD]),
        (KeptFor(days=0, most=1), 9, True, [OLDER, OLD, NEW, ALONE]),
        # Its time is over as that of any other, and the others that go are fewer by it.
        (KeptFor(days=8.55, most=0), 4, True, [ALONE]),
        (KeptFor(days=8.55, most=2), 4, False, [ALONE, OLDER]),
    ],
)
def test_what_alone_has_a_tasks_work_goes_last(limits, held, short, wanted):
    assert due([NEW, ALONE, OLD, OLDER], held=held, now_us=int(9.5 * DAY_US), limits=limits, short=short) == wanted


async def test_who_makes_room_is_asked_for_in_the_same_order(book, volumes, retention):
    alone, other = given(book, volumes), given(book, volumes, used_us=2 * DAY_US)
    book.note_saved(alone.task_id, False)

    assert [each.task_id for each in await retention.idle()] == [other.task_id, alone.task_id]


class Noon(Clock):
    """Moves as it is told."""

    us = DAY_US

    def now_us(self):
        return self.us


class Volumes:
    """An engine with volumes; `used` have a container."""

    def __init__(self, *names):
        self.names, self.used, self.removed = list(names), set(), []
        self.away = self.goes_away = False
        self.on_idle = lambda: None

    async def workspaces(self):
        self.ask()
        return [Volume(name, "rnr_1") for name in self.names]

    async def idle_workspaces(self):
        self.ask()
        found = [name for name in self.names if name not in self.used]
        self.on_idle()
        return found

    async def remove_workspace(self, name):
        if self.goes_away:
            raise EngineUnavailable("went away")
        if name in self.used:
            raise SandboxFailed("in use")
        self.names.remove(name)
        self.removed.append(name)

    def ask(self):
        if self.away:
            raise EngineUnavailable("away")


@pytest.fixture
def clock():
    return Noon()


@pytest.fixture
def book(tmp_path, clock):
    return Book(tmp_path, clock)


@pytest.fixture
def volumes():
    return Volumes()


@pytest.fixture
def retention(book, volumes, clock):
    return Retention(volumes, book, clock=clock, limits=KeptFor(days=7, most=0), is_short=lambda: False)


def given(book, volumes, *, used_us=DAY_US):
    holding = Holding(IDS.new("tsk"), IDS.new("wsp"), since_us=1, used_us=used_us)
    book.restore(holding)
    volumes.names.append(holding.workspace_id)
    return holding


async def test_what_was_not_used_for_so_long_goes_from_the_book_and_from_the_engine(book, volumes, retention, clock):
    old, new = given(book, volumes), given(book, volumes, used_us=3 * DAY_US)
    clock.us += 7 * DAY_US + 1

    await retention.clear()

    assert (volumes.removed, book.holdings) == ([old.workspace_id], (new,))


async def test_what_a_container_has_or_an_attempt_works_in_stays(book, volumes, retention, clock):
    with_container, at_work = given(book, volumes), given(book, volumes)
    volumes.used.add(with_container.workspace_id)
    clock.us += 100 * DAY_US
    with book.in_use(at_work.task_id):
        await retention.clear()

    assert volumes.removed == []
    assert set(book.holdings) == {with_container, at_work}


async def test_who_comes_back_while_it_is_looked_at_finds_the_workspace(book, volumes, retention, clock):
    old = given(book, volumes)
    clock.us += 100 * DAY_US
    volumes.on_idle = lambda: book.used(old.task_id)

    await retention.clear()

    assert volumes.removed == []


async def test_who_came_back_since_it_was_chosen_keeps_the_workspace(book, volumes, retention, clock):
    chosen = given(book, volumes)
    clock.us += 1
    book.used(chosen.task_id)
    await retention.retire(chosen)

    assert volumes.removed == []
    assert book.of(chosen.task_id) is not None


async def test_an_engine_that_goes_away_forgets_nothing(book, volumes, retention, clock):
    old = given(book, volumes)
    clock.us += 100 * DAY_US
    volumes.goes_away = True
    with pytest.raises(EngineUnavailable):
        await retention.clear()
    assert book.holdings == (old,)

    volumes.goes_away = False
    await retention.clear()
    assert (book.holdings, volumes.names) == ((), [])


async def test_an_engine_that_does_not_answer_forgets_nothing(book, volumes, retention, clock):
    gone = given(book, volumes)
    volumes.names.clear()
    volumes.away = True
    with pytest.raises(EngineUnavailable):
        await retention.clear()

    assert book.holdings == (gone,)


async def test_one_whose_volume_somebody_removed_is_forgotten_but_not_while_it_is_being_made(book, volumes, retention):
    given(book, volumes)
    coming = given(book, volumes)
    volumes.names.clear()
    with book.in_use(coming.task_id):
        await retention.clear()

    assert book.holdings == (coming,)


async def test_a_look_is_bounded(book, volumes, retention, clock):
    for _ in range(MOST_A_PASS + 1):
        given(book, volumes)
    clock.us += 100 * DAY_US
    await retention.clear()

    assert len(book.holdings) == 1
