"""The gateway finds its scheduler by files that may come late."""

import asyncio
from pathlib import Path

import pytest

from errand_common.errors import Unavailable
from errand_gateway.scheduler.connection import Connection
from tests.unit.gateway.gateway_under_test import settings
from tests.unit.gateway.scheduler_double import SERVICE_TOKEN


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    made = settings(tmp_path, "127.0.0.1:1")
    return Connection(made.scheduler, ca_file=made.ca_file, token_file=made.token_file)


async def test_half_a_certificate_is_not_taken(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes((tmp_path / "ca.pem").read_bytes()[:100])

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await connection.open()
    with pytest.raises(Unavailable):
        _ = connection.tasks


async def test_a_missing_or_empty_service_token_is_no_crash(connection: Connection, tmp_path: Path) -> None:
    assert await connection.service_token() == SERVICE_TOKEN
    (tmp_path / "gateway.token").write_text("\n")
    with pytest.raises(Unavailable):
        await connection.service_token()
    (tmp_path / "gateway.token").unlink()
    with pytest.raises(Unavailable):
        await connection.service_token()


async def test_closing_twice_is_closing_once(connection: Connection) -> None:
    await connection.open()
    await connection.close()
    await connection.close()

    assert await connection.trouble()
