"""Whoever comes to the hub whenever, while a runner says whatever, sees what is going on whole and once."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from errand_scheduler.watching.feed import PAUSE_S
from errand_scheduler.watching.hub import Hub, Subscription
from tests.unit.scheduler.leaping import leaping
from tests.unit.scheduler.watched import ANN, OUTPUT, TEXT, Screen, follow, new_hub, pass_on, piece, ran, row, said


@dataclass
class Attempt:
    """A runner that talks and runs commands, several at a time."""

    hub: Hub
    event_id: int = 0
    said: dict[tuple[str, int], str] = field(default_factory=dict)
    opened: int = 0

    def speak(self, choice: int, length: int) -> None:
        key = self._subject(choice)
        text = "".join(chr(0x1F600 + (len(self.said[key]) + each) % 50) for each in range(length))
        pass_on(self.hub, piece(key[0], text, len(self.said[key]), kind=key[1]))
        self.said[key] += text

    def store(self, choice: int) -> None:
        self.event_id += 1
        body = None
        if choice < len(self.said):
            key = list(self.said)[choice]
            body = said(key[0]) if key[1] == TEXT else ran(key[0])
            void = [each for each in self.said if each == key or (key[1] == each[1] == TEXT and each[0] <= key[0])]
            for each in void:
                del self.said[each]
        self.hub.stored(ANN, "t", [row(self.event_id, body)])

    def _subject(self, choice: int) -> tuple[str, int]:
        if choice < len(self.said):
            return list(self.said)[choice]
        self.opened += 1
        key = (f"s{self.opened:06}", TEXT if self.opened % 2 else OUTPUT)
        self.said[key] = ""
        return key


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.integers(0, 3), st.integers(1, 40)),
        st.tuples(st.just("store"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("join"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 4), st.just(0)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(ACTIONS)
def test_whoever_comes_whenever_sees_what_is_going_on_whole_and_once(actions: list[tuple[str, int, int]]) -> None:
    async def scene() -> None:
        hub = new_hub()
        attempt = Attempt(hub)
        joined: list[tuple[int, Screen, Subscription, asyncio.Task[None]]] = []
        subscriptions = []
        for kind, choice, length in actions:
            match kind:
                case "speak":
                    attempt.speak(choice, length)
                case "store":
                    attempt.store(choice)
                case "wait":
                    await asyncio.sleep(choice * PAUSE_S / 3)
                case "join":
                    made = hub.subscribe(user_id=ANN, task_id=("", "t")[choice])
                    subscriptions.append(made)
                    subscription, screen = made.__enter__(), Screen()
                    screen.begin(subscription.join(attempt.event_id))
                    task = asyncio.ensure_future(follow(subscription, screen))
                    joined.append((attempt.event_id, screen, subscription, task))
        await asyncio.sleep(5 * PAUSE_S)
        for since, screen, _, task in joined:
            if task.done():
                task.result()
            task.cancel()
            assert screen.event_ids == list(range(since + 1, attempt.event_id + 1))
            shown = {key: text for key, (offset, text) in screen.texts.items() if not offset}
            assert shown == {key: text for key, text in attempt.said.items() if text}
        for made in subscriptions:
            made.__exit__(None, None, None)

    leaping(scene())
