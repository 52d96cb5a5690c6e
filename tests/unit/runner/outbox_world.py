"""An outbox through many processes on a disk in trouble, with what it promised: each step checks that it is kept."""

import asyncio
import errno
import os
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from errand.v1 import event_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox import Disk, Log, Outbox, OutboxError
from errand_runner.outbox.segments import paths
from tests.unit.runner.streaming import attempt

ATTEMPTS = [attempt(number) for number in range(3)]
SEGMENT_BYTES = 600
LONG_BYTES = 70_000
HOW_OFTEN = {
    "hold": 3,
    "say": 14,
    "say_long": 1,
    "say_two": 4,
    "cancel": 2,
    "ack": 5,
    "forget": 1,
    "refuse": 0.4,
    "work": 24,
    "full": 1,
    "broken": 0.6,
    "well": 4,
    "kill": 1,
    "restart": 0.5,
    "renoted": 0.5,
    "rehold": 0.3,
}


class Killed(BaseException):
    """The process ended within this step."""


class TroubledDisk(Disk):
    """Refuses, or is torn by the end of its process, when told so."""

    room_retry_s = 0.0

    def __init__(self) -> None:
        self.refusal = 0
        self.left: float | None = None
        """Which part of the next write is left behind by a process that ends in it."""

    def append(self, descriptor: int, offset: int, data: bytes) -> None:
        if self.refusal:
            os.pwrite(descriptor, data[: len(data) // 2], offset)
            os.ftruncate(descriptor, offset)
            raise OSError(self.refusal, os.strerror(self.refusal))
        if self.left is not None:
            os.pwrite(descriptor, data[: int(self.left * len(data))], offset)
            if offset == 0:
                os.close(descriptor)  # of a segment that nobody has begun
            raise Killed
        super().append(descriptor, offset, data)

    def put(self, path: Path, content: bytes) -> None:
        if self.refusal:
            raise OSError(self.refusal, os.strerror(self.refusal))
        if self.left is not None:
            raise Killed
        super().put(path, content)


class SteppedLoop(asyncio.SelectorEventLoop):
    """What is meant for a thread waits until it is its turn: between any two steps of the disk anything may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        future = self.create_future()
        self.jobs.append((func, future))
        return future


class Held:
    """What is known of an attempt that was held."""

    def __init__(self, fence: int) -> None:
        self.fence = fence
        self.durable: dict[int, str] = {}
        self.durably_held = False
        self.lasting: set[int] = set()
        self.refused = False
        self.forgotten = False
        self.acked = 0


class World:
    """A runner's outbox through many processes, and what it promised."""

    def __init__(self, folder: Path, chance: random.Random, loop: SteppedLoop) -> None:
        self.folder, self.chance, self.loop = folder, chance, loop
        self.known: dict[str, Held] = {}
        self.fences = dict.fromkeys(ATTEMPTS, 0)
        self.gone: dict[str, set[int]] = defaultdict(set)
        """Fences of what was forgotten, which may come back."""
        self.tasks: list[tuple[str, Held, asyncio.Task[None], AttemptEvent, str]] = []
        self.notes: list[tuple[Held, asyncio.Task[None]]] = []
        self.refused: set[str] = set()
        """Attempts of which an event was refused: it may come back, without its long content."""
        self.limbo: dict[Path, bytes] = {}
        """Segments that are removed: not durably, until another is begun."""
        self.count = 0
        self.begin_process()

    def begin_process(self) -> None:
        self.disk = TroubledDisk()
        self.box = Outbox(self.folder, disk=self.disk, segment_bytes=SEGMENT_BYTES)

    async def quiet(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)
        for each in list(self.tasks):
            _, held, task, event, text = each
            if not task.done():
                continue
            self.tasks.remove(each)
            if not task.cancelled() and task.exception() is None:
                assert held.durable.setdefault(event.sequence, text) == text
                if event.body.message_appended.input_ids:
                    held.lasting.add(event.sequence)
            elif not task.cancelled():
                assert isinstance(task.exception(), OutboxError)
        for note in list(self.notes):
            held, task = note
            if task.done():
                self.notes.remove(note)
                if not task.cancelled() and task.exception() is None:
                    held.durably_held = True
        self.check_running()

    def check_running(self) -> None:
        for attempt_id, log in self.box.logs.items():
            held = self.known[attempt_id]
            records = log.after(0, limit_bytes=1 << 30)
            assert [each.sequence for each in records] == list(range(log.acked_sequence + 1, log.last_sequence + 1))
            if held.refused:
                continue
            for sequence, text in held.durable.items():
                assert sequence <= log.last_sequence
                if sequence > log.acked_sequence:
                    assert told(records[sequence - log.acked_sequence - 1].data) == text

    # What may happen

    async def step(self) -> None:
        (name,) = self.chance.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()))
        await getattr(self, name)()
        if self.chance.random() < 0.7:
            await self.quiet()

    def some(self) -> Log | None:
        return self.chance.choice(list(self.box.logs.values())) if self.box.logs else None

    async def hold(self) -> None:
        attempt_id = self.chance.choice(ATTEMPTS)
        if attempt_id in self.box.logs and self.chance.random() < 0.8:
            return
        await self.drop(attempt_id)
        self.fences[attempt_id] += 1
        self.take(attempt_id)

    async def rehold(self) -> None:
        """The same again after it was forgotten."""
        attempt_id = self.chance.choice(ATTEMPTS)
        if attempt_id not in self.box.logs and self.fences[attempt_id]:
            self.take(attempt_id)

    def take(self, attempt_id: str) -> None:
        fence = self.fences[attempt_id]
        log = self.box.hold(attempt_id, fence)
        held = self.known[attempt_id] = Held(fence)
        self.notes.append((held, self.loop.create_task(log.noted())))

    async def renoted(self) -> None:
        if self.notes and self.chance.random() < 0.5:
            self.chance.choice(self.notes)[1].cancel()
        elif (log := self.some()) is not None:
            self.notes.append((self.known[log.attempt_id], self.loop.create_task(log.noted())))

    async def say(self, *, long: bool = False) -> None:
        if (log := self.some()) is None:
            return
        event, text = self.some_event(long=long)
        self.writes(log, self.loop.create_task(log.append(event)), event, text)

    async def say_two(self) -> None:
        """The first is to be written with the second."""
        if (log := self.some()) is None:
            return
        (first, first_text), (second, second_text) = self.some_event(), self.some_event()

        async def both() -> None:
            await log.append_soon(first)
            await log.append(second)

        task = self.loop.create_task(both())
        self.writes(log, task, first, first_text)
        self.writes(log, task, second, second_text)

    def writes(self, log: Log, task: asyncio.Task[None], event: AttemptEvent, text: str) -> None:
        self.tasks.append((log.attempt_id, self.known[log.attempt_id], task, event, text))

    def some_event(self, *, long: bool = False) -> tuple[AttemptEvent, str]:
        self.count += 1
        text = f"{self.count}-" + "x" * self.chance.choice([1, 10, 200, 700])
        event = AttemptEvent(body=event_pb2.EventBody(message_appended=event_pb2.MessageAppended(summary=text)))
        if self.chance.random() < 0.3:
            event.body.message_appended.input_ids.append(f"inp_{self.count}")
        if long:
            event.message.content = str(self.count).encode() * LONG_BYTES
        return event, text

    async def say_long(self) -> None:
        await self.say(long=True)

    async def cancel(self) -> None:
        if self.tasks:
            self.chance.choice(self.tasks)[2].cancel()

    async def ack(self) -> None:
        if (log := self.some()) is not None and log.last_sequence > log.acked_sequence:
            log.ack(self.chance.randint(log.acked_sequence, log.last_sequence))
            held = self.known[log.attempt_id]
            held.acked = max(held.acked, log.acked_sequence)

    async def drop(self, attempt_id: str) -> None:
        if attempt_id in self.box.logs:
            self.gone[attempt_id].add(self.box.logs[attempt_id].fence)
            self.known[attempt_id].forgotten = True
            self.box.forget(attempt_id)

    async def forget(self) -> None:
        if (log := self.some()) is not None:
            await self.drop(log.attempt_id)

    async def refuse(self) -> None:
        if (log := self.some()) is not None:
            await self.quiet()
            log.refuse("no")
            self.known[log.attempt_id].refused = True
            self.refused.add(log.attempt_id)

    async def full(self) -> None:
        self.disk.refusal = errno.ENOSPC

    async def broken(self) -> None:
        self.disk.refusal = errno.EIO
        await self.work()
        self.disk.refusal = 0

    async def well(self) -> None:
        self.disk.refusal = 0

    async def work(self) -> None:
        """The disk takes a step."""
        if not self.loop.jobs:
            return
        job, future = self.loop.jobs.pop(0)
        before = {path: path.read_bytes() for path in paths(self.folder)}
        try:
            result = job()
        except OSError as exc:
            if not future.cancelled():
                future.set_exception(exc)
        else:
            if not future.cancelled():
                future.set_result(result)
        after = set(paths(self.folder))
        if after - set(before):
            self.limbo = {path: content for path, content in before.items() if path not in after}

    async def kill(self) -> None:
        await self.quiet()
        if self.loop.jobs and self.chance.random() < 0.7:
            self.disk.refusal, self.disk.left = 0, self.chance.choice([0.0, 1.0, self.chance.random()])
            existing = set(paths(self.folder))
            with suppress(Killed):
                self.loop.jobs.pop(0)[0]()
            for path in set(paths(self.folder)) - existing:
                if self.chance.random() < 0.3:
                    path.unlink()
        for path, content in self.limbo.items():
            if self.chance.random() < 0.5:
                path.write_bytes(content)
        await self.end_process()

    async def restart(self) -> None:
        self.disk.refusal = 0
        for _ in range(200):
            await self.quiet()
            if not self.loop.jobs:
                break
            await self.work()
        await self.quiet()
        assert not self.loop.jobs
        assert not self.box.blocked
        for _, _, task, _, _ in self.tasks:
            assert task.done(), task
        await self.end_process()

    async def end_process(self) -> None:
        self.loop.jobs.clear()
        for task in [*(each[2] for each in self.tasks), *(note[1] for note in self.notes)]:
            task.cancel()
        await asyncio.sleep(0)
        self.box.close()
        self.tasks.clear()
        self.notes.clear()
        self.begin_process()
        self.check_recovered()

    def check_recovered(self) -> None:
        for attempt_id, held in self.known.items():
            if held.durably_held and not held.forgotten:
                assert attempt_id in self.box.logs, attempt_id
        for attempt_id, log in self.box.logs.items():
            held = self.known[attempt_id]
            reheld = not held.durably_held and log.fence in self.gone[attempt_id]
            if log.fence != held.fence or held.forgotten or reheld:
                assert log.fence in self.gone[attempt_id]
                self.known[attempt_id] = held = Held(log.fence)
                held.acked = log.last_sequence
            elif held.refused:
                self.known[attempt_id] = held = Held(log.fence)
                held.acked = log.last_sequence
            events = [AttemptEvent.FromString(each) for each in log.recovered]
            records = log.after(0, limit_bytes=1 << 30)
            assert log.acked_sequence <= held.acked
            sequences = [each.sequence for each in events]
            assert sequences == sorted(set(sequences))
            after = [each for each in sequences if each > log.acked_sequence]
            assert after == list(range(log.acked_sequence + 1, log.last_sequence + 1)) == [r.sequence for r in records]
            by_sequence = {each.sequence: each for each in events}
            for sequence, text in held.durable.items():
                assert sequence <= log.last_sequence, (attempt_id, sequence, log.last_sequence)
                if sequence > log.acked_sequence:
                    assert by_sequence[sequence].body.message_appended.summary == text
                elif sequence in held.lasting:
                    assert by_sequence[sequence].body.message_appended.input_ids
                    assert by_sequence[sequence].body.message_appended.summary == text
                    assert not by_sequence[sequence].message.HasField("content_blob")
            for each in events:
                told_again = attempt_id not in self.refused and each.sequence > held.acked
                if told_again and each.message.HasField("content_blob"):
                    path = log.blobs.path(each.message.content_blob.sha256)
                    assert path.stat().st_size == each.message.content_blob.size_bytes
            for event in events:
                if event.sequence > log.acked_sequence:
                    held.durable[event.sequence] = event.body.message_appended.summary
                    if event.body.message_appended.input_ids:
                        held.lasting.add(event.sequence)
            held.durably_held = True
            held.acked = max(held.acked, log.acked_sequence)
        for attempt_id in list(self.known):
            if attempt_id not in self.box.logs:
                del self.known[attempt_id]


def told(data: bytes) -> str:
    return AttemptEvent.FromString(data).body.message_appended.summary
