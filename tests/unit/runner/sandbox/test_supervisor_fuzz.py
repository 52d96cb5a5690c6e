"""Whatever a supervisor sends, each call of the runner ends: with an answer, a FileError, or SandboxGone."""

import asyncio
import json
import struct
from collections.abc import Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from errand_runner.sandbox import frames
from errand_runner.sandbox.supervisor import VERSION, FileError, SandboxGone, Supervisor

KEPT = {"size": 10, "kept": 10, "path": "/out/1.log", "trouble": ""}
ENDED = {"code": 0, "signal": None, "timed_out": False, "silent": False, "duration_s": 0.1, "output": KEPT}

# What a sound supervisor answers to the calls below, which have the numbers 2 to 8.
SOUND: list[tuple[dict[str, object], bytes]] = [
    ({"op": "out", "id": 2, "fd": 1}, b"some output"),
    ({"op": "gap", "id": 2, "bytes": 100, "lines": 3}, b""),
    ({"op": "exit", "id": 2, **ENDED}, b"/workspace"),
    ({"op": "out", "id": 3, "fd": 1}, b'{"path": "a", "line": 1, "text": "x"}\n{"more": false}\n'),
    ({"op": "exit", "id": 3, **ENDED, "output": None}, b""),
    ({"op": "ok", "id": 4, "size": 3, "mtime_ns": 5, "is_dir": False}, b""),
    ({"op": "ok", "id": 5}, b""),
    ({"op": "ok", "id": 6, "jobs": [{"job": 1, "running": False, **ENDED}]}, b""),
    ({"op": "ok", "id": 7, "job": 1, "running": False, "offset": 0, **ENDED}, b"later"),
    ({"op": "error", "id": 8, "errno": "ESRCH", "message": "no such job"}, b""),
]

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class Sink(asyncio.Transport):
    """Takes what is written, and keeps nothing."""

    closing = False

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


async def use(supervisor: Supervisor) -> None:
    """Every kind of call, side by side."""

    async def run() -> None:
        async for _ in supervisor.run_kept(["x"], cwd="/", timeout_s=5, folder="/out", live_bytes=100):
            pass

    calls: list[Coroutine[Any, Any, object]] = [
        run(),
        supervisor.look.grep("x", path="/"),
        supervisor.stat("/"),
        supervisor.read("/file", limit_bytes=10),
        supervisor.background.jobs(),
        supervisor.background.output(1, offset=0),
        supervisor.background.wait(1, timeout_s=5),
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, SandboxGone | FileError):
            raise outcome


def answered_with(data: bytes) -> None:
    async def talk() -> None:
        reader = asyncio.StreamReader()
        writer = asyncio.StreamWriter(Sink(), asyncio.StreamReaderProtocol(reader), reader, asyncio.get_running_loop())
        reader.feed_data(frames.encode({"op": "hello", "id": 1, "version": VERSION}))
        async with asyncio.timeout(10), Supervisor(reader, writer) as supervisor, asyncio.TaskGroup() as group:
            group.create_task(use(supervisor))
            # The calls are on their way before anything answers them.
            for _ in range(5):
                await asyncio.sleep(0)
            reader.feed_data(data)
            reader.feed_eof()

    asyncio.run(talk())


def encoded(conversation: list[tuple[dict[str, object], bytes]]) -> bytes:
    return b"".join(frames.encode(head, body) for head, body in conversation)


def test_a_sound_answer_is_understood() -> None:
    async def talk() -> None:
        reader = asyncio.StreamReader()
        writer = asyncio.StreamWriter(Sink(), asyncio.StreamReaderProtocol(reader), reader, asyncio.get_running_loop())
        reader.feed_data(frames.encode({"op": "hello", "id": 1, "version": VERSION}))
        async with asyncio.timeout(10), Supervisor(reader, writer) as supervisor:
            using = asyncio.ensure_future(supervisor.background.jobs())
            await asyncio.sleep(0)
            reader.feed_data(frames.encode({"op": "ok", "id": 2, "jobs": [{"job": 1, "running": False, **ENDED}]}))
            assert [state.job for state in await using] == [1]

    asyncio.run(talk())


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_end_every_call(data: bytes) -> None:
    answered_with(data)


@settings(max_examples=200, deadline=None)
@given(
    order=st.permutations(range(len(SOUND))),
    at=st.integers(0, 2000),
    cut=st.integers(0, 20),
    put=st.binary(max_size=8),
)
def test_a_sound_conversation_with_bytes_changed_ends_every_call(
    order: list[int], at: int, cut: int, put: bytes
) -> None:
    data = encoded([SOUND[number] for number in order])
    at %= len(data)
    answered_with(data[:at] + put + data[at + cut :])


@settings(max_examples=200, deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, len(SOUND) - 1),
            st.sampled_from(sorted({name for head, _ in SOUND for name in head} | {"size", "kept", "path"})),
            _json,
        ),
        max_size=4,
    ),
    times=st.integers(1, 2),
)
def test_a_sound_conversation_with_fields_changed_ends_every_call(
    changes: list[tuple[int, str, object]], times: int
) -> None:
    conversation = [(json.loads(json.dumps(head)), body) for head, body in SOUND]
    for number, name, value in changes:
        head = conversation[number][0]
        (head["output"] if name in KEPT and isinstance(head.get("output"), dict) else head)[name] = value
    answered_with(encoded(conversation * times))


@settings(max_examples=100, deadline=None)
@given(lengths=st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1)), rest=st.binary(max_size=50))
def test_any_lengths_end_every_call(lengths: tuple[int, int], rest: bytes) -> None:
    answered_with(struct.pack(">II", *lengths) + rest)
