"""Apps sign in through the browser and a code that only they can redeem (RFC 8252)."""

from pathlib import Path

import pytest

from errand.v1.account_service_pb2 import CompleteSignInRequest
from errand_common.errors import Denied, Unauthenticated
from tests.standins.github import GitHubStandin
from tests.unit.gateway.gateway_under_test import MovableClock, Running, running, settings
from tests.unit.gateway.scheduler_double import SERVICE_TOKEN, SchedulerDouble
from tests.unit.gateway.sign_in_steps import app_arrival, app_start, arrival, redeem, to_callback


async def test_a_phone_signs_in(signing_in: Running, scheduler: SchedulerDouble, github: GitHubStandin) -> None:
    async with signing_in.client() as client:
        arrived = await app_arrival(client, state="the app's own")
        tokens = (await redeem(client, arrived.parameters["code"])).json()
        me = await client.get("/v1/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert arrived.base == "errand://signed-in"
    assert arrived.parameters.keys() == {"code", "state"}, "no token travels in an address"
    assert arrived.parameters["state"] == "the app's own"
    assert (tokens["access_duration"], tokens["refresh_duration"]) == (3600.0, 86400.0)
    assert tokens["refresh_token"].startswith("err_")
    assert me.json()["user"]["github_username"] == "ada"
    call = scheduler.asked("CompleteSignIn")[0]
    assert call.token == SERVICE_TOKEN
    assert isinstance(call.request, CompleteSignInRequest)
    assert [call.request.github_access_token] == github.tokens_issued()
    assert call.request.client == "mobile"


async def test_a_desktop_signs_in_on_any_loopback_port(signing_in: Running) -> None:
    async with signing_in.client() as client:
        arrived = await app_arrival(client, client="desktop", redirect="http://127.0.0.1:49152/signed-in")
        answer = await redeem(
            client, arrived.parameters["code"], client="desktop", redirect="http://127.0.0.1:49152/signed-in"
        )

    assert arrived.base == "http://127.0.0.1:49152/signed-in"
    assert answer.status_code == 200


async def test_github_is_asked_with_pkce_and_a_state_of_the_gateways_own(signing_in: Running) -> None:
    async with signing_in.client() as client:
        one = await client.get("/auth/start", params=app_start(state="mine"))
        two = await client.get("/auth/start", params=app_start(state="mine"))

    asked = [arrival(answer).parameters for answer in (one, two)]
    for parameters in asked:
        assert parameters["code_challenge_method"] == "S256"
        assert parameters["redirect_uri"] == f"{signing_in.url}/auth/callback"
        assert parameters["code_challenge"] != app_start()["code_challenge"]
        assert parameters["state"] != "mine"
    assert asked[0]["state"] != asked[1]["state"]
    assert asked[0]["code_challenge"] != asked[1]["code_challenge"]


async def test_another_apps_verifier_is_refused_and_the_code_is_gone(signing_in: Running) -> None:
    async with signing_in.client() as client:
        arrived = await app_arrival(client)
        wrong = await redeem(client, arrived.parameters["code"], "x" * 43)
        right = await redeem(client, arrived.parameters["code"])

    assert (wrong.status_code, right.status_code) == (400, 400)
    assert "another sign-in" in wrong.json()["detail"]


@pytest.mark.parametrize("other", [{"client": "desktop"}, {"redirect": "errand://elsewhere"}])
async def test_a_code_is_bound_to_the_client_and_redirect_it_was_made_for(
    signing_in: Running, other: dict[str, str]
) -> None:
    async with signing_in.client() as client:
        arrived = await app_arrival(client)
        answer = await redeem(client, arrived.parameters["code"], **other)

    assert answer.status_code == 400


async def test_a_code_is_good_once(signing_in: Running) -> None:
    async with signing_in.client() as client:
        arrived = await app_arrival(client)
        first = await redeem(client, arrived.parameters["code"])
        second = await redeem(client, arrived.parameters["code"])

    assert (first.status_code, second.status_code) == (200, 400)


async def test_a_code_dies_after_a_minute(signing_in: Running, clock: MovableClock) -> None:
    async with signing_in.client() as client:
        arrived = await app_arrival(client)
        clock.moved_s += 60
        answer = await redeem(client, arrived.parameters["code"])

    assert answer.status_code == 400


async def test_a_sign_in_dies_after_ten_minutes(
    signing_in: Running, clock: MovableClock, scheduler: SchedulerDouble
) -> None:
    async with signing_in.client() as client:
        callback = await to_callback(client, **app_start())
        clock.moved_s += 600
        answer = await client.get(callback)

    assert answer.status_code == 400
    assert "10 minutes" in answer.text
    assert not scheduler.asked("CompleteSignIn")


async def test_the_way_back_from_github_works_once(signing_in: Running, scheduler: SchedulerDouble) -> None:
    async with signing_in.client() as client:
        callback = await to_callback(client, **app_start())
        assert (await client.get(callback)).status_code == 303
        assert (await client.get(callback)).status_code == 400

    assert len(scheduler.asked("CompleteSignIn")) == 1


_FORBIDDEN_REDIRECTS = [
    *(
        app_start(redirect=redirect)
        for redirect in (
            "",
            "https://evil.example/cb",
            "errand://signed-in.evil.example",
            "errand://signed-in/../x",
            "ERRAND://signed-in",
            "javascript:alert(1)",
            "http://127.0.0.1:9/cb",
        )
    ),
    *(
        app_start(client="desktop", redirect=redirect)
        for redirect in (
            "http://127.0.0.1:9@evil.example/",
            "http://evil.example/?http://127.0.0.1:9/",
            "http://127.0.0.1.evil.example:9/",
            "http://localhost:9/cb",
            "https://127.0.0.1:9/cb",
            "http://127.0.0.1:9/cb#fragment",
            "http://127.0.0.1:9/cb?next=https://evil.example",
            "http://127.0.0.1:9/\r\nSet-Cookie: a=b",
            "http://127.0.0.1:9/\\evil.example",
            "http://127.0.0.1:9\n",
            "//127.0.0.1:9/",
        )
    ),
]


async def test_nobody_is_sent_to_an_address_that_is_not_allowed(gateway: Running) -> None:
    async with gateway.client() as client:
        for start in _FORBIDDEN_REDIRECTS:
            answer = await client.get("/auth/start", params=start)

            assert answer.status_code == 400, start
            assert "location" not in answer.headers
            assert answer.json()["reason"] == "INVALID"


async def test_a_start_without_a_proper_challenge_is_refused(gateway: Running) -> None:
    async with gateway.client() as client:
        for start in (
            app_start(code_challenge_method="plain"),
            app_start(code_challenge=""),
            app_start(code_challenge="too-short"),
            app_start(code_challenge="=" * 43),
            app_start(client="toaster"),
            {},
        ):
            assert (await client.get("/auth/start", params=start)).status_code == 400, start


async def test_an_app_is_told_that_the_person_declined(signing_in: Running, scheduler: SchedulerDouble) -> None:
    async with signing_in.client() as client:
        state = arrival(await client.get("/auth/start", params=app_start(state="s"))).parameters["state"]
        answer = await client.get("/auth/callback", params={"error": "access_denied", "state": state})

    arrived = arrival(answer)
    assert arrived.base == "errand://signed-in"
    assert (arrived.parameters["error"], arrived.parameters["state"]) == ("access_denied", "s")
    assert "declined" in arrived.parameters["error_description"]
    assert not scheduler.asked("CompleteSignIn")


async def test_an_app_is_told_that_the_person_is_not_admitted(signing_in: Running, scheduler: SchedulerDouble) -> None:
    scheduler.refusals["CompleteSignIn"] = Denied("ada is not on the list of this Errand", reason="NOT_ADMITTED")
    async with signing_in.client() as client:
        arrived = await app_arrival(client)

    assert arrived.parameters == {
        "error": "access_denied",
        "reason": "NOT_ADMITTED",
        "error_description": "ada is not on the list of this Errand",
    }


async def test_an_app_is_told_that_github_is_away(signing_in: Running, github: GitHubStandin) -> None:
    async with signing_in.client() as client:
        callback = await to_callback(client, **app_start())
        github.outage(True)
        arrived = arrival(await client.get(callback))

    assert arrived.parameters["error"] == "temporarily_unavailable"
    assert arrived.parameters["reason"] == "GITHUB_UNAVAILABLE"


async def test_a_code_that_github_does_not_know_is_refused(signing_in: Running, scheduler: SchedulerDouble) -> None:
    async with signing_in.client() as client:
        state = arrival(await client.get("/auth/start", params=app_start())).parameters["state"]
        arrived = arrival(await client.get("/auth/callback", params={"code": "forged", "state": state}))

    assert arrived.parameters["error"] == "invalid_request"
    assert "bad_verification_code" in arrived.parameters["error_description"]
    assert not scheduler.asked("CompleteSignIn")


async def test_a_wrong_app_secret_is_told_as_the_owners_fault(
    tmp_path: Path, scheduler: SchedulerDouble, github: GitHubStandin
) -> None:
    wrong = settings(
        tmp_path, scheduler.address, ERRAND_GITHUB_URL=github.url, ERRAND_GITHUB_CLIENT_SECRET="not-the-secret"
    )
    async with running(wrong) as gateway, gateway.client() as client:
        arrived = await app_arrival(client)

    assert arrived.parameters["error"] == "temporarily_unavailable"
    assert "its owner" in arrived.parameters["error_description"]


async def test_a_refused_service_token_is_not_told_as_the_persons_fault(
    signing_in: Running, scheduler: SchedulerDouble
) -> None:
    scheduler.refusals["CompleteSignIn"] = Unauthenticated("this credential is revoked")
    async with signing_in.client() as client:
        arrived = await app_arrival(client)

    assert arrived.parameters["error"] == "temporarily_unavailable"
    assert arrived.parameters["reason"] == "UNAVAILABLE"


async def test_a_replaced_service_token_counts_at_once(
    tmp_path: Path, signing_in: Running, scheduler: SchedulerDouble
) -> None:
    (tmp_path / "gateway.token").write_text("egw_stale")
    async with signing_in.client() as client:
        stale = await app_arrival(client)
        (tmp_path / "gateway.token").write_text(SERVICE_TOKEN)
        fresh = await app_arrival(client)

    assert "error" in stale.parameters
    assert "code" in fresh.parameters


async def test_a_refresh_token_gets_new_tokens(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client() as client:
        answer = await client.post("/auth/token", json={"grant_type": "refresh_token", "refresh_token": "err_old"})

    assert answer.status_code == 200
    assert answer.json()["access_token"] in scheduler.sessions
    call = scheduler.asked("RefreshSession")[0]
    assert (call.token, call.request.refresh_token) == (SERVICE_TOKEN, "err_old")  # type: ignore[attr-defined]
    assert "set-cookie" not in answer.headers


async def test_a_used_refresh_token_is_refused(gateway: Running, scheduler: SchedulerDouble) -> None:
    words = "the refresh token was used; sign in again"
    scheduler.refusals["RefreshSession"] = Unauthenticated(words, reason="REFRESH_REFUSED")
    async with gateway.client() as client:
        answer = await client.post("/auth/token", json={"grant_type": "refresh_token", "refresh_token": "err_old"})

    assert (answer.status_code, answer.json()["reason"]) == (401, "REFRESH_REFUSED")


async def test_a_session_is_kept_while_the_scheduler_refuses_the_gateway_itself(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    scheduler.refusals["RefreshSession"] = Unauthenticated("the credential is unknown, expired or revoked")
    async with gateway.client() as client:
        answer = await client.post("/auth/token", json={"grant_type": "refresh_token", "refresh_token": "err_old"})

    assert (answer.status_code, answer.json()["reason"]) == (503, "UNAVAILABLE")
    assert "its owner finds why in its log" in answer.json()["detail"]


async def test_other_grants_are_refused_without_repeating_what_was_sent(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    bodies: list[dict[str, object]] = [
        {},
        {"grant_type": "password", "username": "ada", "password": "two words"},
        {"grant_type": "authorization_code", "code": "two words"},
        {"grant_type": "authorization_code", "code": "c", "code_verifier": ["two words"]},
        {"grant_type": "refresh_token", "refresh_token": ""},
        {"grant_type": "refresh_token", "refresh_token": "two words"},
    ]
    async with gateway.client() as client:
        for body in bodies:
            answer = await client.post("/auth/token", json=body)
            assert answer.status_code == 400, body
            assert "two words" not in answer.text

    assert not scheduler.calls


async def test_signing_out_ends_the_session(gateway: Running, scheduler: SchedulerDouble) -> None:
    token = scheduler.new_session()
    async with gateway.client(token) as client:
        first = await client.post("/auth/sign-out")
        again = await client.post("/auth/sign-out")
        me = await client.get("/v1/me")

    assert (first.status_code, again.status_code, me.status_code) == (204, 204, 401)
    assert token not in scheduler.sessions
