"""A one-time link signs a browser in, or sends it to GitHub; no other site can make it do so."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx2
import pytest

from errand_common.errors import Conflict, Denied, Invalid, Unauthenticated, Unavailable
from tests.standins.github import GitHubStandin
from tests.unit.gateway.gateway_under_test import WITHOUT_GITHUB, MovableClock, Running, running, settings
from tests.unit.gateway.scheduler_double import SERVICE_TOKEN, SchedulerDouble
from tests.unit.gateway.sign_in_steps import app_start, arrival

SECRET = "the-secret-of-a-link"


@pytest.fixture
async def alone(tmp_path: Path, scheduler: SchedulerDouble) -> AsyncIterator[Running]:
    """A gateway at which people sign in by link alone."""
    async with running(settings(tmp_path, scheduler.address, **WITHOUT_GITHUB)) as here:
        yield here


async def open_link(browser: httpx2.AsyncClient, headers: dict[str, str] | None = None) -> httpx2.Response:
    """What the page does with a link."""
    return await browser.post("/auth/link", json={"secret": SECRET}, headers=headers)


def cookies_of(answer: httpx2.Response) -> set[str]:
    found: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        found.load(header)
    return {name for name, cookie in found.items() if cookie["httponly"] and cookie["samesite"] == "lax"}


async def consent(browser: httpx2.AsyncClient, location: str) -> httpx2.Response:
    """At GitHub, and back."""
    return await browser.get((await browser.get(location)).headers["location"])


async def test_a_link_signs_a_browser_in(alone: Running, scheduler: SchedulerDouble) -> None:
    async with alone.client() as browser:
        methods = await browser.get("/auth/methods")
        answer = await open_link(browser, {"Origin": alone.url, "Sec-Fetch-Site": "same-origin"})
        me = await browser.get("/v1/me")

    assert methods.json() == {"github": False, "link": True}
    assert (answer.status_code, answer.json()) == (200, {"signed_in": True})
    assert cookies_of(answer) == {"errand_session", "errand_refresh"}
    assert me.json()["user"]["github_username"] == "ada"
    (call,) = scheduler.asked("RedeemSignInLink")
    assert (call.token, call.request.secret, call.request.client) == (SERVICE_TOKEN, SECRET, "web")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("refusal", "status", "reason"),
    [
        (Invalid("the sign-in link was used"), 400, "INVALID"),
        (Unavailable("GitHub is away", reason="GITHUB_UNAVAILABLE"), 503, "GITHUB_UNAVAILABLE"),
        (Conflict("people sign in with GitHub here"), 409, "WRONG_STATE"),
        (Unauthenticated("this credential is revoked"), 503, "UNAVAILABLE"),
        (Denied("the gateway does not hold the scope"), 503, "UNAVAILABLE"),
    ],
)
async def test_a_link_that_is_refused_signs_nobody_in(
    alone: Running, scheduler: SchedulerDouble, refusal: Exception, status: int, reason: str
) -> None:
    scheduler.refusals["RedeemSignInLink"] = refusal
    async with alone.client() as browser:
        answer = await open_link(browser)

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert not cookies_of(answer)


async def test_another_sites_page_cannot_sign_a_browser_in(
    alone: Running, signing_in: Running, scheduler: SchedulerDouble
) -> None:
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ]
    for gateway in (alone, signing_in):
        foreign.append({"Origin": gateway.url, "Sec-Fetch-Site": "cross-site"})
        async with gateway.client() as browser:
            for headers in foreign:
                answer = await open_link(browser, headers)
                assert (answer.status_code, answer.json()["reason"]) == (403, "DENIED"), headers
                assert not cookies_of(answer)
    assert not scheduler.calls


async def test_what_is_no_links_secret_is_refused_and_not_repeated(alone: Running, scheduler: SchedulerDouble) -> None:
    async with alone.client() as browser:
        bodies: tuple[object, ...] = (
            {},
            {"secret": ""},
            {"secret": "with space"},
            {"secret": "x" * 513},
            {"secret": 7},
            [],
        )
        for body in bodies:
            answer = await browser.post("/auth/link", json=body)
            assert (answer.status_code, answer.json()["reason"]) == (400, "INVALID"), body
            assert "with space" not in answer.text
        form = await browser.post("/auth/link", data={"secret": SECRET})
    assert form.status_code == 400, "what a plain form of another site can send"
    assert not scheduler.calls


async def test_without_an_app_at_github_nobody_is_sent_there(alone: Running) -> None:
    async with alone.client() as browser:
        page = await browser.get("/auth/start", params={"client": "web"})
        phone = await browser.get("/auth/start", params=app_start())
        callback = await browser.get("/auth/callback", params={"state": "s", "code": "c"})

    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (409, "text/html")
    assert "errand-scheduler link" in page.text
    assert "/auth/start" not in page.text + callback.text, "where it would be refused again"
    assert (phone.status_code, phone.json()["reason"]) == (409, "WRONG_STATE")
    assert callback.status_code == 400


async def test_with_an_app_at_github_a_link_leads_there_and_admits_who_comes_back(
    signing_in: Running, scheduler: SchedulerDouble
) -> None:
    async with signing_in.client() as browser:
        methods = await browser.get("/auth/methods")
        answer = await open_link(browser, {"Origin": signing_in.url})
        assert not scheduler.calls
        home = await consent(browser, answer.json()["location"])

    assert methods.json() == {"github": True, "link": True}
    assert (answer.status_code, answer.json()["signed_in"]) == (200, False)
    assert cookies_of(answer) == {"errand_sign_in"}
    assert SECRET not in answer.text + str(answer.headers), "it stands in no address and no cookie"
    assert (home.status_code, home.headers["location"]) == (303, "/")
    assert not scheduler.asked("RedeemSignInLink")
    (call,) = scheduler.asked("CompleteSignIn")
    assert (call.request.link_secret, call.request.client) == (SECRET, "web")  # type: ignore[attr-defined]


async def test_a_sign_in_without_a_link_carries_none(signing_in: Running, scheduler: SchedulerDouble) -> None:
    async with signing_in.client() as browser:
        begun = await browser.get("/auth/start", params={"client": "web"})
        await consent(browser, begun.headers["location"])

    assert scheduler.asked("CompleteSignIn")[0].request.link_secret == ""  # type: ignore[attr-defined]


async def test_a_link_opened_in_one_browser_does_not_sign_in_another(
    signing_in: Running, scheduler: SchedulerDouble
) -> None:
    async with signing_in.client() as attacker, signing_in.client() as victim:
        location = (await open_link(attacker)).json()["location"]
        back = (await attacker.get(location)).headers["location"]
        answer = await victim.get(back)

    assert answer.status_code == 400
    assert not cookies_of(answer)
    assert not scheduler.calls


async def test_a_link_that_admits_nobody_is_told_to_the_browser(
    signing_in: Running, scheduler: SchedulerDouble
) -> None:
    scheduler.refusals["CompleteSignIn"] = Invalid("the sign-in link was used")
    async with signing_in.client() as browser:
        answer = await consent(browser, (await open_link(browser)).json()["location"])

    assert answer.status_code == 400
    assert "the sign-in link was used" in answer.text
    assert "errand_session" not in cookies_of(answer)


async def test_who_takes_too_long_at_github_opens_the_link_again(
    signing_in: Running, scheduler: SchedulerDouble, clock: MovableClock, github: GitHubStandin
) -> None:
    async with signing_in.client() as browser:
        location = (await open_link(browser)).json()["location"]
        clock.moved_s = 601
        late = await consent(browser, location)
        again = await consent(browser, (await open_link(browser)).json()["location"])

    assert (late.status_code, again.status_code) == (400, 303)
    assert len(scheduler.asked("CompleteSignIn")) == 1
    assert arrival(again).base == "/"
