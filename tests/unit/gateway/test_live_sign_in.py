"""Nobody watches without a session, and no other site's page watches with somebody's cookie."""

from pathlib import Path

import pytest
import structlog

from errand_gateway.live.limits import LiveLimits
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.live_client import live
from tests.unit.gateway.scheduler_double import SchedulerDouble


async def test_a_client_without_headers_sends_its_token_first(gateway: Running, scheduler: SchedulerDouble) -> None:
    token = scheduler.new_session()
    with structlog.testing.capture_logs() as lines:
        async with live(gateway.live_url, greeted=False) as phone:
            await phone.say(type="authenticate", token=token)
            await phone.hear_kind("hello")

    assert scheduler.asked("GetMe")[0].token == token
    assert token not in str(lines)
    assert "live_opened" in [line["event"] for line in lines]


async def test_a_browser_comes_with_its_cookie(gateway: Running, scheduler: SchedulerDouble) -> None:
    cookie = f"errand_session={scheduler.new_session()}"
    async with live(gateway.live_url, Cookie=cookie, Origin=gateway.url) as phone:
        await phone.say(type="subscribe")
        await phone.hear_kind("caught_up")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_another_sites_page_is_refused_with_the_cookie(
    gateway: Running, scheduler: SchedulerDouble, origin: str | None
) -> None:
    headers = {"Cookie": f"errand_session={scheduler.new_session()}"} | ({"Origin": origin} if origin else {})
    async with live(gateway.live_url, greeted=False, **headers) as page:
        code, said = await page.closed()

    assert code == 4403
    assert [message["reason"] for message in said] == ["DENIED"]
    assert not scheduler.calls


async def test_an_unknown_token_is_refused(gateway: Running) -> None:
    async with live(gateway.live_url, "ers_unknown", greeted=False) as phone:
        code, said = await phone.closed()

    assert code == 4401
    assert [message["reason"] for message in said] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "subscribe"}, 4401),
        ({"type": "authenticate", "token": "two words"}, 4401),
        ({"type": "authenticate"}, 1008),
    ],
)
async def test_another_first_message_is_refused(
    gateway: Running, scheduler: SchedulerDouble, first: dict[str, str], code: int
) -> None:
    async with live(gateway.live_url, greeted=False) as phone:
        await phone.say(**first)
        assert (await phone.closed())[0] == code

    assert not scheduler.calls


async def test_a_client_that_says_nothing_is_not_waited_for(tmp_path: Path, scheduler: SchedulerDouble) -> None:
    limits = LiveLimits(authenticate_s=0.01)
    wanted = settings(tmp_path, scheduler.address)
    async with running(wanted, limits=limits) as gateway, live(gateway.live_url, greeted=False) as phone:
        assert (await phone.closed())[0] == 4401


async def test_while_the_scheduler_is_away_the_client_is_told_to_try_again(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    token = scheduler.new_session()
    await scheduler.stop()
    async with live(gateway.live_url, token, greeted=False) as phone:
        code, said = await phone.closed()

    assert code == 1013
    assert [message["reason"] for message in said] == ["UNAVAILABLE"]
