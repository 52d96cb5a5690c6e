"""Events and deltas as a watched task has them, and what a watcher makes of what it is sent."""

import asyncio
from collections.abc import Iterable

from errand.v1 import event_pb2, task_pb2, task_service_pb2
from errand_scheduler.store.events import Event
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.hub import Hub, Subscription

TEXT, THINKING, OUTPUT = event_pb2.DELTA_KIND_TEXT, event_pb2.DELTA_KIND_THINKING, event_pb2.DELTA_KIND_OUTPUT
STEP = event_pb2.DELTA_KIND_STEP
ANN, BOB = "ann", "bob"


def row(event_id: int, body: event_pb2.EventBody | None = None, task_id: str = "t") -> Event:
    """A stored event."""
    return Event(event_id, task_id, "att_1", (body or step()).SerializeToString(), 0)


def step() -> event_pb2.EventBody:
    """Something that covers nothing."""
    return event_pb2.EventBody(step_finished=event_pb2.StepFinished(step=event_pb2.STEP_CLONE))


def step_started(step_id: str) -> event_pb2.EventBody:
    return event_pb2.EventBody(step_started=event_pb2.StepStarted(step_id=step_id, step=event_pb2.STEP_CLONE))


def step_finished(step_id: str) -> event_pb2.EventBody:
    return event_pb2.EventBody(step_finished=event_pb2.StepFinished(step_id=step_id, step=event_pb2.STEP_CLONE))


def said(message_id: str) -> event_pb2.EventBody:
    return event_pb2.EventBody(message_appended=event_pb2.MessageAppended(message_id=message_id))


def ran(tool_call_id: str) -> event_pb2.EventBody:
    return event_pb2.EventBody(tool_call_finished=event_pb2.ToolCallFinished(tool_call_id=tool_call_id))


def delayed() -> event_pb2.EventBody:
    return event_pb2.EventBody(model_delayed=event_pb2.ModelDelayed(reason="busy"))


def ended(phase: int = task_pb2.ATTEMPT_PHASE_SUCCEEDED) -> event_pb2.EventBody:
    changed = event_pb2.AttemptPhaseChanged(phase=phase)  # type: ignore[arg-type]  # a number of the enum
    return event_pb2.EventBody(attempt_phase_changed=changed)


def piece(subject_id: str, text: str, offset: int, *, kind: int = TEXT, task_id: str = "t") -> event_pb2.Delta:
    return event_pb2.Delta(
        task_id=task_id,
        subject_id=subject_id,
        kind=kind,  # type: ignore[arg-type]  # a number of the enum
        text=text,
        offset=offset,
    )


class Screen:
    """Shows open blocks, and refuses what a phone could not show right: text twice, or with a hole in it."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, int], tuple[int, str]] = {}
        self.event_ids: list[int] = []
        self.covered: set[str] = set()
        self.messages: list[tuple[float, int]] = []

    def begin(self, snapshots: Iterable[event_pb2.Delta]) -> None:
        for each in snapshots:
            self.texts[each.subject_id, each.kind] = (each.offset, each.text)

    def hear(self, response: task_service_pb2.WatchEventsResponse) -> None:
        self.messages.append((asyncio.get_running_loop().time(), len(response.events)))
        for delta in response.deltas:
            assert delta.subject_id not in self.covered
            key = (delta.subject_id, int(delta.kind))
            offset, text = self.texts.get(key, (0, ""))
            assert delta.offset == offset + len(text), f"{delta} after {len(text)} characters from {offset} on"
            self.texts[key] = (offset, text + delta.text)
        for event in response.events:
            event_id = int(event.cursor.rpartition(".")[2])
            assert event_id > max(self.event_ids, default=0)
            self.event_ids.append(event_id)
            for key in [key for key in self.texts if _is_over(key, event.body)]:
                self.covered.add(key[0])
                del self.texts[key]


def _is_over(key: tuple[str, int], body: event_pb2.EventBody) -> bool:
    """A message also ends the replies before it, which never became messages."""
    if key[1] == OUTPUT:
        return key[0] == body.tool_call_finished.tool_call_id
    return key[0] <= body.message_appended.message_id


def new_hub(head: int = 0) -> Hub:
    hub = Hub(Cursors("e0"))
    hub.begin(head)
    return hub


def pass_on(hub: Hub, delta: event_pb2.Delta, user_id: str = ANN) -> None:
    hub.delta(user_id, delta.task_id, delta, delta.ByteSize())


async def follow(subscription: Subscription, screen: Screen) -> None:
    """Shows what comes, for as long as it is let."""
    while True:
        found = subscription.next()
        assert found is not None, "it keeps up, and is sent to the database"
        if found.response is not None:
            screen.hear(found.response)
        if not found.more:
            await subscription.wait()
