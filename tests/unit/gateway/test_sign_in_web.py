"""A browser signs in with cookies that no other site can use."""

from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import httpx2

from errand_common.errors import Denied
from tests.standins.github import GitHubStandin
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.scheduler_double import SchedulerDouble
from tests.unit.gateway.sign_in_steps import arrival, to_callback


async def test_a_browser_signs_in(signing_in: Running, scheduler: SchedulerDouble) -> None:
    async with signing_in.client() as browser:
        home = await browser.get(await to_callback(browser, client="web"))
        me = await browser.get("/v1/me")

    assert (home.status_code, home.headers["location"]) == (303, "/")
    assert me.json()["user"]["github_username"] == "ada"
    assert scheduler.asked("CompleteSignIn")[0].request.client == "web"  # type: ignore[attr-defined]


async def test_cookies_are_for_this_host_and_no_script(signing_in: Running) -> None:
    async with signing_in.client() as browser:
        home = await browser.get(await to_callback(browser, client="web"))

    cookies = _cookies(home)
    session, refresh = cookies["errand_session"], cookies["errand_refresh"]
    assert [(c["httponly"], c["samesite"], c["domain"]) for c in (session, refresh)] == [(True, "lax", "")] * 2
    assert (session["path"], session["max-age"]) == ("/", "3600")
    assert (refresh["path"], refresh["max-age"]) == ("/auth", "86400")
    assert cookies["errand_sign_in"]["max-age"] == "0", "the sign-in is over"


async def test_over_tls_cookies_are_secure_and_bound_to_the_host(tmp_path: Path, scheduler: SchedulerDouble) -> None:
    public = settings(tmp_path, scheduler.address, ERRAND_PUBLIC_URL="https://errand.example.org")
    async with running(public) as gateway:
        async with gateway.client(**{"__Host-errand_session": scheduler.new_session()}) as browser:
            begun = await browser.get("/auth/start", params={"client": "web"})
            me = await browser.get("/v1/me")
        async with gateway.client(errand_session=scheduler.new_session()) as browser:
            plain = await browser.get("/v1/me")

    flow = _cookies(begun)["__Secure-errand_sign_in"]
    assert (flow["secure"], flow["httponly"], flow["path"]) == (True, True, "/auth")
    assert "max-age=" in begun.headers["strict-transport-security"]
    assert arrival(begun).parameters["redirect_uri"] == "https://errand.example.org/auth/callback"
    assert (me.status_code, plain.status_code) == (200, 401)


async def test_a_sign_in_begun_in_another_browser_is_refused(signing_in: Running, scheduler: SchedulerDouble) -> None:
    async with signing_in.client() as attacker, signing_in.client() as victim:
        callback = await to_callback(attacker, client="web")
        await victim.get("/auth/start", params={"client": "web"})
        answer = await victim.get(callback)

    assert answer.status_code == 400
    assert "another browser" in answer.text
    assert "errand_session" not in answer.headers.get("set-cookie", "")
    assert not scheduler.asked("CompleteSignIn")


async def test_a_callback_that_nobody_began_is_refused(gateway: Running) -> None:
    async with gateway.client() as browser:
        for query in ("", "?state=guessed&code=c", "?code=c"):
            answer = await browser.get(f"/auth/callback{query}")
            assert answer.status_code == 400
            assert answer.headers["content-type"].startswith("text/html")


async def test_a_browser_is_shown_that_the_person_declined(signing_in: Running) -> None:
    async with signing_in.client() as browser:
        state = arrival(await browser.get("/auth/start", params={"client": "web"})).parameters["state"]
        answer = await browser.get("/auth/callback", params={"error": "access_denied", "state": state})

    assert answer.status_code == 403
    assert "declined" in answer.text
    assert "/auth/start?client=web" in answer.text


async def test_a_browser_is_shown_that_the_person_is_not_admitted(
    signing_in: Running, scheduler: SchedulerDouble
) -> None:
    scheduler.refusals["CompleteSignIn"] = Denied("<ada> is not on the list", reason="NOT_ADMITTED")
    async with signing_in.client() as browser:
        answer = await browser.get(await to_callback(browser, client="web"))

    assert answer.status_code == 403
    assert "&lt;ada&gt; is not on the list" in answer.text
    assert not browser.cookies.get("errand_session")


async def test_a_browser_is_shown_that_github_is_away(signing_in: Running, github: GitHubStandin) -> None:
    async with signing_in.client() as browser:
        callback = await to_callback(browser, client="web")
        github.outage(True)
        answer = await browser.get(callback)

    assert answer.status_code == 503
    assert "GitHub does not answer" in answer.text


async def test_words_in_the_callbacks_address_are_not_shown(signing_in: Running) -> None:
    async with signing_in.client() as browser:
        state = arrival(await browser.get("/auth/start", params={"client": "web"})).parameters["state"]
        answer = await browser.get("/auth/callback", params={"error": "<b>call 555-0100</b>", "state": state})

    assert answer.status_code == 400
    assert "555" not in answer.text


async def test_another_sites_page_cannot_act_with_the_cookie(gateway: Running, scheduler: SchedulerDouble) -> None:
    asked: list[tuple[str, dict[str, str] | None]] = [
        ("/v1/projects", {"repository": "ada/engine"}),
        ("/auth/sign-out", None),
        ("/auth/token", {"grant_type": "refresh_token"}),
    ]
    origins: list[dict[str, str]] = [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}]
    async with gateway.client(errand_session=scheduler.new_session(), errand_refresh="err_1") as browser:
        for origin in origins:
            for path, body in asked:
                answer = await browser.post(path, json=body, headers=origin)
                assert (answer.status_code, answer.json()["reason"]) == (403, "DENIED"), (origin, path)

    assert not scheduler.calls


async def test_our_own_page_acts_with_the_cookie(gateway: Running, scheduler: SchedulerDouble) -> None:
    token = scheduler.new_session()
    async with gateway.client(errand_session=token) as browser:
        answer = await browser.post("/v1/projects", json={"repository": "ada/engine"}, headers={"Origin": gateway.url})

    assert answer.status_code == 201
    assert scheduler.asked("CreateProject")[0].token == token


async def test_a_browser_refreshes_without_ever_seeing_a_token(gateway: Running, scheduler: SchedulerDouble) -> None:
    refresh = {"grant_type": "refresh_token"}
    async with gateway.client(errand_refresh="err_of-the-browser") as browser:
        answer = await browser.post("/auth/token", json=refresh, headers={"Origin": gateway.url})
    async with gateway.client() as browser:
        missing = await browser.post("/auth/token", json=refresh, headers={"Origin": gateway.url})

    assert answer.json() == {"access_duration": 3600.0, "refresh_duration": 86400.0}
    assert _cookies(answer)["errand_session"].value in scheduler.sessions
    assert scheduler.asked("RefreshSession")[0].request.refresh_token == "err_of-the-browser"  # type: ignore[attr-defined]
    assert missing.status_code == 401


async def test_signing_out_forgets_the_cookies(gateway: Running, scheduler: SchedulerDouble) -> None:
    token = scheduler.new_session()
    async with gateway.client(errand_session=token) as browser:
        answer = await browser.post("/auth/sign-out", headers={"Origin": gateway.url})

    assert answer.status_code == 204
    assert {name: cookie["max-age"] for name, cookie in _cookies(answer).items()} == {
        "errand_session": "0",
        "errand_refresh": "0",
    }
    assert token not in scheduler.sessions


def _cookies(answer: httpx2.Response) -> dict[str, Morsel[str]]:
    found: dict[str, Morsel[str]] = {}
    for header in answer.headers.get_list("set-cookie"):
        found |= SimpleCookie(header)
    return found
