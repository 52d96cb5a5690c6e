"""What the gateway tells Prometheus moves with what it does."""

from pathlib import Path

import httpx2
import pytest
from prometheus_client import REGISTRY

from errand_common.errors import Denied, NotFound
from errand_common.service import StartError
from tests.demo.ports import free_ports
from tests.patience import ANSWER_S
from tests.standins.github import GitHubStandin
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.live_client import live
from tests.unit.gateway.scheduler_double import SchedulerDouble
from tests.unit.gateway.sign_in_steps import to_callback

GET_ME = {"method": "GET", "route": "/v1/me"}


def told(name: str, **labels: str) -> float:
    """The value of now; all tests of this process count together."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_requests_are_counted_by_route_and_status(gateway: Running, scheduler: SchedulerDouble) -> None:
    name, task = "errand_gateway_request_seconds_count", {"method": "GET", "route": "/v1/tasks/{task_id}"}
    before = told(name, **GET_ME, status="200"), told(name, **task, status="404")
    nowhere = told(name, method="GET", route="none", status="404")
    async with gateway.client(scheduler.new_session()) as client:
        await client.get("/v1/me")
        await client.get("/v1/tasks/tsk_7")
        await client.get("/v1/nothing/of/that/name")
    assert (told(name, **GET_ME, status="200"), told(name, **task, status="404")) == (before[0] + 1, before[1] + 1)
    assert told(name, method="GET", route="none", status="404") == nowhere + 1, "and no path of a stranger's choice"
    assert told("errand_gateway_request_seconds_sum", **GET_ME, status="200") > 0


async def test_what_the_scheduler_refuses_and_misses_is_counted(gateway: Running, scheduler: SchedulerDouble) -> None:
    name = "errand_gateway_scheduler_errors_total"
    before = told(name, reason="NOT_FOUND"), told(name, reason="UNAVAILABLE")
    async with gateway.client(scheduler.new_session()) as client:
        scheduler.refusals["GetTask"] = NotFound("no such task")
        await client.get("/v1/tasks/tsk_7")
        await scheduler.stop()
        await client.get("/v1/me")
    assert (told(name, reason="NOT_FOUND"), told(name, reason="UNAVAILABLE")) == (before[0] + 1, before[1] + 1)


async def test_open_sockets_are_told(gateway: Running, scheduler: SchedulerDouble) -> None:
    before = told("errand_gateway_sockets")
    async with live(gateway.live_url, scheduler.new_session()):
        assert told("errand_gateway_sockets") == before + 1


async def test_refused_sign_ins_are_counted(
    signing_in: Running, scheduler: SchedulerDouble, github: GitHubStandin
) -> None:
    name = "errand_gateway_refused_sign_ins_total"
    before = told(name, reason="NOT_ADMITTED"), told(name, reason="INVALID")
    scheduler.refusals["CompleteSignIn"] = Denied("you are not let in", reason="NOT_ADMITTED")
    async with signing_in.client() as browser:
        await browser.get(await to_callback(browser, client="web"))
        await browser.get("/auth/callback", params={"state": "of nobody"})
    assert (told(name, reason="NOT_ADMITTED"), told(name, reason="INVALID")) == (before[0] + 1, before[1] + 1)


async def test_prometheus_finds_them_where_the_setting_says(tmp_path: Path, scheduler: SchedulerDouble) -> None:
    (port,) = free_ports(1)
    wanted = settings(tmp_path, scheduler.address, ERRAND_METRICS_LISTEN=f"127.0.0.1:{port}")
    async with running(wanted), httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
        assert "errand_gateway_sockets" in answer.text
        with pytest.raises(StartError, match=f"127.0.0.1:{port}"):
            async with running(wanted, connected=False):
                pass
