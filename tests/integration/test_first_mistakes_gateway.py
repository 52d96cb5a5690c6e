"""Whatever is wrong around a gateway, it says what to do: at its start, or to whoever asks it."""

import socket
from pathlib import Path

import httpx2
import pytest

from tests.certificates import DAY, Identity, identity, scheduler_showing
from tests.integration.starting import refused_start, started
from tests.patience import ANSWER_S


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    """A gateway that lacks nothing but a scheduler."""
    (tmp_path / "token").write_text("esv_test\n")
    (tmp_path / "ca.pem").write_bytes(identity().ca)
    return {
        "ERRAND_LISTEN": "127.0.0.1:0",
        "ERRAND_SCHEDULER": "127.0.0.1:1",
        "ERRAND_CA_FILE": tmp_path / "ca.pem",
        "ERRAND_TOKEN_FILE": tmp_path / "token",
    }


async def test_with_a_port_that_is_taken(settings: dict[str, object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = await refused_start("gateway", settings | {"ERRAND_LISTEN": address})

    assert f"cannot listen on ERRAND_LISTEN={address}: the port is in use, by another Errand or by something" in said
    assert "or set ERRAND_LISTEN to a free port" in said


async def test_with_an_address_of_another_host(settings: dict[str, object]) -> None:
    said = await refused_start("gateway", settings | {"ERRAND_LISTEN": "192.0.2.1:80"})

    assert "this host has no address 192.0.2.1; set ERRAND_LISTEN to 127.0.0.1:80" in said


async def test_with_an_address_file_that_cannot_be_written(settings: dict[str, object], tmp_path: Path) -> None:
    # A folder stands in its place, so that only the last step fails.
    (tmp_path / "run" / "address").mkdir(parents=True)

    said = await refused_start("gateway", settings | {"ERRAND_ADDRESS_FILE": tmp_path / "run" / "address"})

    assert f"cannot write ERRAND_ADDRESS_FILE={tmp_path}/run/address" in said
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["address"]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (identity(start=DAY, end=9 * DAY), "the scheduler's certificate is not valid at the time of this host's clock"),
        (identity("another.example"), "a certificate for another name than errand-scheduler"),
    ],
    ids=["clock", "name"],
)
async def test_a_scheduler_whose_certificate_is_wrong_is_told_to_whoever_asks(
    settings: dict[str, object], shown: Identity, words: str
) -> None:
    Path(str(settings["ERRAND_CA_FILE"])).write_bytes(shown.ca)
    async with (
        scheduler_showing(shown) as address,
        started("gateway", settings | {"ERRAND_SCHEDULER": address}) as gateway,
    ):
        listening = await gateway.until("gateway_listening")
        logged = await gateway.until("scheduler_away")
        async with httpx2.AsyncClient(
            base_url=f"http://{listening['address']}", trust_env=False, timeout=ANSWER_S
        ) as client:
            ready = await client.get("/readyz")
            asked = await client.get("/v1/tasks", headers={"Authorization": "Bearer any"})
            alive = await client.get("/healthz")
        await gateway.stop()

    assert (ready.status_code, asked.status_code, alive.status_code) == (503, 503, 200)
    assert words in ready.json()["detail"]
    assert words in asked.json()["detail"]
    assert address not in ready.text
    if "clock" in words:
        assert f"the certificate of the scheduler at {address} is {shown.dates}; set the clock" in str(logged["error"])
    else:
        assert words in str(logged["error"])
