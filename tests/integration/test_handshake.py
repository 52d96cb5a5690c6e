"""A TLS handshake that fails is told with its cause and its cure, at each of the doors that speak TLS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from errand_common import handshake, rpc
from errand_common.errors import ErrandError
from errand_runner.agent.exchange import ModelUnavailable, Request
from errand_runner.agent.model import Model
from errand_runner.agent.prefix import Prefix
from errand_scheduler.github import GitHub, GitHubUnavailable, open_wire
from tests.certificates import DAY, Identity, identity, scheduler_showing
from tests.integration.brokering import Lender, make_broker, unix_http
from tests.integration.git_backend import GitBackend

TOO_EARLY = {"start": DAY, "end": 9 * DAY}
TOO_LATE = {"start": -9 * DAY, "end": -DAY}


@asynccontextmanager
async def web_server(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """An HTTP server that knows no address; gives its port."""
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def failure(address: str, ca: bytes) -> ErrandError:
    """What a call to a scheduler at this address, trusting this CA, fails with."""
    async with rpc.channel(address, ca=ca) as channel:
        with pytest.raises(ErrandError) as failed, rpc.renamed_errors():
            await HealthStub(channel).Check(HealthCheckRequest(), timeout=10)
    return failed.value


@pytest.mark.parametrize("times", [TOO_EARLY, TOO_LATE], ids=["not valid yet", "expired"])
async def test_the_schedulers_certificate_at_another_time(times) -> None:
    shown = identity(**times)
    async with scheduler_showing(shown) as address:
        failed = await failure(address, shown.ca)
        words = await handshake.look_at_scheduler(failed.transport, address)
        assert await handshake.look_at_token(failed.transport, address) == words

    assert failed.message == (
        "the scheduler's certificate is not valid at the time of this host's clock;"
        " set the clock (timedatectl set-ntp true)"
    )
    assert words is not None
    assert f"the certificate of the scheduler at {address} is {shown.dates}; set the clock" in words


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (identity("another.example"), "a certificate for another name than errand-scheduler; set ERRAND_SCHEDULER"),
        (identity(), "is not of the CA in ERRAND_CA_FILE; copy the scheduler's ca.pem there anew"),
    ],
    ids=["another name", "another CA"],
)
async def test_a_certificate_that_is_not_the_schedulers(shown: Identity, words: str) -> None:
    trusted = shown.ca if "name" in words else identity().ca
    async with scheduler_showing(shown) as address:
        failed = await failure(address, trusted)
        told = await handshake.look_at_scheduler(failed.transport, address)

    assert words in failed.message
    assert told == f"{failed.message} (ERRAND_SCHEDULER={address})"


async def test_an_address_at_which_no_scheduler_is() -> None:
    async with web_server(None) as port:
        failed = await failure(f"127.0.0.1:{port}", identity().ca)

    assert "what answers at ERRAND_SCHEDULER speaks no TLS, so it is not the scheduler" in failed.message


async def test_a_scheduler_that_is_away_is_no_trouble_of_tls() -> None:
    failed = await failure("127.0.0.1:1", identity().ca)

    assert failed.message == "the scheduler does not answer; try again"
    assert await handshake.look_at_scheduler(failed.transport, "127.0.0.1:1") is None


async def test_github_at_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = identity("localhost", **TOO_EARLY)
    trust(shown, tmp_path, monkeypatch)
    async with web_server(shown.context(tmp_path)) as port, open_wire(f"https://localhost:{port}/api") as wire:
        with pytest.raises(GitHubUnavailable) as failed:
            await GitHub(wire).account("token")

    assert f"the certificate of localhost is {shown.dates}; set the clock (timedatectl" in failed.value.message


async def test_github_behind_a_proxy_of_which_nobody_told(tmp_path: Path) -> None:
    shown = identity("localhost")
    async with web_server(shown.context(tmp_path)) as port, open_wire(f"https://localhost:{port}/api") as wire:
        with pytest.raises(GitHubUnavailable) as failed:
            await GitHub(wire).account("token")

    assert "the certificate that localhost shows is refused (unable to get local issuer" in failed.value.message
    assert "SSL_CERT_FILE" in failed.value.message


async def test_the_models_service_at_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = identity("localhost", **TOO_LATE)
    trust(shown, tmp_path, monkeypatch)
    async with web_server(shown.context(tmp_path)) as port:
        model = Model(api_key="sk-ant-test", base_url=f"https://localhost:{port}")
        with pytest.raises(ModelUnavailable) as failed:
            async for _ in model.stream(Request(Prefix.freeze(model="m", max_tokens=1, system="s", tools=()), [])):
                pass
        await model.close()

    assert f"the certificate of localhost is {shown.dates}; set the clock" in str(failed.value)


async def test_a_git_host_whose_certificate_is_refused(state_dir: Path, tmp_path: Path, lender: Lender) -> None:
    shown = identity("localhost")
    async with web_server(shown.context(tmp_path)) as port:
        refused = GitBackend(tmp_path, set(), url=f"https://localhost:{port}/octo/demo.git")
        async with make_broker(state_dir, refused, lender) as broker, unix_http(state_dir) as sandbox:
            answer = await sandbox.get("/git/octo/demo.git/info/refs?service=git-upload-pack")
            said = await answer.text()

    assert answer.status == 502
    assert "the git host cannot be reached: the certificate that localhost shows is refused" in said
    assert broker.host.trouble in said


def trust(shown: Identity, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its CA is one of those that every program on this machine trusts."""
    (folder / "trusted.pem").write_bytes(shown.ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "trusted.pem"))
