"""What the runner tells Prometheus of itself, each by what moves it."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from errand.v1 import event_pb2
from errand_common import metrics
from errand_common.disk import Room
from errand_common.service import StartError
from errand_runner.agent.facts import ModelDelayed
from errand_runner.deltas import Deltas
from errand_runner.metrics.state import State
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from tests.demo.ports import free_ports

ATTEMPT = "att_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Outbox]:
    opened = Outbox(tmp_path / "outbox")
    yield opened
    opened.close()


@pytest.fixture
async def recorder(box: Outbox) -> Recorder:
    return Recorder(box.hold(ATTEMPT, 1), Deltas(box.changed), task_id="tsk_1")


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_what_happens_to_attempts_is_counted(recorder: Recorder) -> None:
    names = ("errand_frozen_attempts_total", "errand_model_delays_total", "errand_replaced_sandboxes_total")
    before = [counted(name) for name in names]
    steps = counted("errand_step_seconds_sum", step="clone")
    for _ in range(2):
        # Paused once, however often it is told.
        await recorder.attempt_frozen("the disk is nearly full")
    await recorder.fact(ModelDelayed("overloaded", 2.0))
    await recorder.sandbox_replaced("sbx_2", "c2", replaced_id="sbx_1", reason="it died")
    await recorder.step(event_pb2.STEP_CLONE, 1.5)
    assert [counted(name) - old for name, old in zip(names, before, strict=True)] == [1, 1, 1]
    assert counted("errand_step_seconds_sum", step="clone") - steps == 1.5


async def test_how_things_stand_is_told_when_somebody_asks(box: Outbox, recorder: Recorder, tmp_path: Path) -> None:
    worker = SimpleNamespace(attempts=())
    pool, journal = SimpleNamespace(waiting=1), SimpleNamespace(entries=())
    presence = tmp_path / "session"
    free = [5 << 30]
    parts: Any = {"worker": worker, "pool": pool, "journal": journal}
    room = Room((tmp_path,), 1, lambda _: free[0])
    state = State(outbox=box, room=room, slots=2, presence=presence, **parts)

    def stands() -> dict[str, float]:
        return {family.name.removeprefix("errand_"): family.samples[0].value for family in state.collect()}

    quiet = stands()
    assert (quiet["session"], quiet["slots"], quiet["warm_sandboxes"], quiet["disk_free_bytes"]) == (0, 2, 1, 5 << 30)
    assert (quiet["attempts_at_work"], quiet["containers"], quiet["outbox_events"], quiet["outbox_blocked"]) == (0,) * 4
    presence.touch()
    worker.attempts, journal.entries, pool.waiting, free[0] = ((ATTEMPT, 1),), ("one",), 0, 1 << 30
    await recorder.step(event_pb2.STEP_CLONE, 1.5)
    await recorder.written()
    busy = stands()
    assert (busy["session"], busy["attempts_at_work"], busy["containers"], busy["warm_sandboxes"]) == (1, 1, 1, 0)
    assert (busy["outbox_events"], busy["disk_free_bytes"]) == (1, 1 << 30)
    assert busy["outbox_bytes"] > quiet["outbox_bytes"]


async def test_a_port_that_is_taken_is_told_with_its_setting() -> None:
    (port,) = free_ports(1)
    async with metrics.told(f"127.0.0.1:{port}"):
        with pytest.raises(StartError, match=f"ERRAND_METRICS_LISTEN=127.0.0.1:{port}: the port is in"):
            async with metrics.told(f"127.0.0.1:{port}"):
                raise AssertionError("it listens")


async def test_without_an_address_nothing_listens() -> None:
    async with metrics.told("") as address:
        assert address == ""
