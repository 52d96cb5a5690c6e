"""What the scheduler tells Prometheus moves with what it does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from errand.v1 import runner_pb2, task_pb2
from errand_common.clock import Clock
from errand_common.errors import from_rpc_error
from errand_common.wire import timestamp
from errand_scheduler.folder import DataFolder
from errand_scheduler.store.wal import LONG_BYTES
from tests.demo.ports import free_ports
from tests.integration.scheduling import (
    Stack,
    github_with_repository,
    inputs_event,
    message_event,
    new_task,
    phase_event,
    settings,
    stack,
)
from tests.integration.watching import DEADLINE_S
from tests.patience import ANSWER_S

ASSISTANT = task_pb2.ROLE_ASSISTANT
USED = task_pb2.Usage(input_tokens=7, output_tokens=5, cost_nanodollars=2_000_000_000)
Samples = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Told:
    """One look at /metrics: each value by its name and its labels' values."""

    samples: Samples

    def __call__(self, name: str, *labels: str) -> float:
        return self.samples.get((name, *labels), 0.0)


@dataclass(frozen=True)
class Metered:
    stack: Stack
    address: str

    async def look(self) -> Told:
        async with httpx2.AsyncClient(timeout=ANSWER_S) as client:
            answer = await client.get(f"http://{self.address}/metrics")
        assert answer.status_code == 200
        return Told(
            {
                (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(answer.text)
                for sample in family.samples
            }
        )


@pytest.fixture
async def metered(tmp_path: Path) -> AsyncIterator[Metered]:
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, ERRAND_METRICS_LISTEN=address)
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            yield Metered(running, address)


async def test_a_task_moves_them_on_its_way(metered: Metered) -> None:
    before = await metered.look()
    await new_task(metered.stack)
    # Whether the person may push is asked of GitHub first.
    async with asyncio.timeout(DEADLINE_S):
        while not (waiting := await metered.look())("errand_pending_tasks", "runners"):
            await asyncio.sleep(0.02)
    assert waiting("errand_pending_tasks", "runners") == 1
    assert waiting("errand_free_slots") == 0
    async with metered.stack.runner(slots=2) as runner:
        taken = await runner.take()
        await runner.send(
            taken.attempt,
            phase_event(task_pb2.ATTEMPT_PHASE_RUNNING),
            inputs_event(taken),
            message_event(ASSISTANT, b"[]", USED),
        )
        # On a busy machine it would count as silent otherwise.
        ahead = runner_pb2.HostReport(time=timestamp(Clock().now_us() + 90_000_000))
        await runner.beat(taken.attempt, host=ahead)
        at_work = await metered.look()
        assert at_work("errand_live_attempts", "running") == 1
        assert (at_work("errand_runners", "ready"), at_work("errand_free_slots")) == (1, 1)
        assert len([key for key in at_work.samples if key[0] == "errand_lease_age_seconds"]) == 1
        (ahead_s,) = (value for key, value in at_work.samples.items() if key[0] == "errand_clock_ahead_seconds")
        assert 85 < ahead_s < 91
        await runner.finish(taken.attempt)
    after = await metered.look()

    def moved(name: str, *labels: str) -> float:
        return after(name, *labels) - before(name, *labels)

    assert moved("errand_attempts_total", "offered") == moved("errand_attempts_total", "succeeded") == 1
    assert moved("errand_phase_seconds_count", "pending") == moved("errand_phase_seconds_count", "offered") == 1
    assert moved("errand_tokens_total", "input") == 7
    assert moved("errand_tokens_total", "output") == 5
    assert moved("errand_cost_dollars_total") == 2
    assert moved("errand_model_requests_total", "yes") == 1
    assert moved("errand_commit_seconds_count") == moved("errand_commit_operations_count") > 3
    assert moved("errand_call_seconds_count", "TaskService/CreateTask", "OK") == 1
    assert after("errand_live_attempts", "running") == after("errand_pending_tasks", "runners") == 0
    assert after("errand_disk_free_bytes") > 0


async def test_how_long_the_log_is_shows_while_a_reader_holds_it(metered: Metered, tmp_path: Path) -> None:
    database = DataFolder(tmp_path / "data").database
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM tasks").fetchone()
        await new_task(metered.stack)
        shown = (await metered.look())("errand_database_log_bytes")
    assert 0 < shown < LONG_BYTES


async def test_watchers_are_counted_while_they_watch(metered: Metered) -> None:
    person, task = await new_task(metered.stack)
    watch = person.watch(task.task_id)
    await watch.until_caught_up()
    assert (await metered.look())("errand_watchers") == 1
    watch.cancel()
    async with asyncio.timeout(DEADLINE_S):
        while (await metered.look())("errand_watchers"):
            await asyncio.sleep(0.02)


async def test_what_is_refused_is_counted_by_its_reason(metered: Metered) -> None:
    before = await metered.look()
    person = await metered.stack.sign_in()
    with pytest.raises(grpc.RpcError) as refused:
        await person.task("tsk_01h455vb4pex5vsknk084sn02q")
    assert from_rpc_error(refused.value).reason == "NOT_FOUND"
    after = await metered.look()
    assert after("errand_refused_calls_total", "NOT_FOUND") - before("errand_refused_calls_total", "NOT_FOUND") == 1
    assert after("errand_call_seconds_count", "TaskService/GetTask", "NOT_FOUND") >= 1
