"""Signing in with GitHub, by the library that the gateway uses."""

import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tests.patience import ANSWER_S
from tests.standins.github import GitHubStandin
from tests.unit.standins.github.conftest import SetClock

CALLBACK = "https://errand.example/auth/callback"
VERIFIER = "v" * 64


@pytest.fixture
async def app() -> AsyncIterator[AsyncOAuth2Client]:
    async with oauth_client("app-secret") as client:
        yield client


def oauth_client(secret: str) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        client_id="app-1",
        client_secret=secret,
        redirect_uri=CALLBACK,
        scope="repo read:user",
        code_challenge_method="S256",
        trust_env=False,
    )


def authorize_url(github: GitHubStandin, app: AsyncOAuth2Client, **extra: str) -> str:
    address = f"{github.url}/login/oauth/authorize"
    url, _ = app.create_authorization_url(address, state="st+te&1", code_verifier=VERIFIER, **extra)
    return str(url)


async def browse(url: str, form: dict[str, str] | None = None) -> httpx2.Response:
    """What a browser gets when it does not follow redirects."""
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as browser:
        return await (browser.post(url, data=form) if form else browser.get(url))


async def consented(github: GitHubStandin, app: AsyncOAuth2Client, **extra: str) -> str:
    """The address that the person is sent back to."""
    answer = await browse(authorize_url(github, app, **extra))
    assert answer.status_code == 302
    return str(answer.headers["Location"])


async def exchanged(
    github: GitHubStandin, app: AsyncOAuth2Client, back: str, verifier: str = VERIFIER
) -> dict[str, str]:
    token = await app.fetch_token(
        f"{github.url}/login/oauth/access_token", authorization_response=back, state="st+te&1", code_verifier=verifier
    )
    return dict(token)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


async def test_signing_in_gives_a_token_that_knows_its_person(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    back = await consented(github, app)
    token = await exchanged(github, app, back)

    assert back.startswith(f"{CALLBACK}?")
    assert query_of(back)["state"] == "st+te&1"
    assert re.fullmatch(r"gho_[A-Za-z0-9]{36}", token["access_token"])
    assert (token["scope"], token["token_type"]) == ("repo,read:user", "bearer")
    me = await app.get(f"{github.api_url}/user")
    assert me.json()["login"] == "octo"


async def test_every_sign_in_gives_another_token(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    first = await exchanged(github, app, await consented(github, app))
    second = await exchanged(github, app, await consented(github, app))

    assert first["access_token"] != second["access_token"]
    assert github.tokens_issued() == [first["access_token"], second["access_token"]]


async def test_a_code_works_once(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    back = await consented(github, app)
    await exchanged(github, app, back)

    with pytest.raises(OAuthError, match="bad_verification_code"):
        await exchanged(github, app, back)
    assert len(github.tokens_issued()) == 1


async def test_a_code_expires_after_ten_minutes(github: GitHubStandin, app: AsyncOAuth2Client, clock: SetClock) -> None:
    back = await consented(github, app)
    clock.move(timedelta(minutes=10))

    with pytest.raises(OAuthError, match="bad_verification_code"):
        await exchanged(github, app, back)


async def test_a_code_without_its_verifier_is_worth_nothing(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    back = await consented(github, app)

    with pytest.raises(OAuthError, match="bad_verification_code"):
        await exchanged(github, app, back, verifier="w" * 64)
    assert github.tokens_issued() == []


async def test_a_wrong_secret_is_refused_with_status_200_and_does_not_spend_the_code(
    github: GitHubStandin, app: AsyncOAuth2Client
) -> None:
    back = await consented(github, app)
    form = {"client_id": "app-1", "client_secret": "guess", "code": query_of(back)["code"], "code_verifier": VERIFIER}
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        answer = await client.post(
            f"{github.url}/login/oauth/access_token", data=form, headers={"Accept": "application/json"}
        )

    assert (answer.status_code, answer.json()["error"]) == (200, "incorrect_client_credentials")
    assert await exchanged(github, app, back)


async def test_a_code_of_another_app_is_refused(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    github.add_client("app-2", "other-secret", ["https://other.example/cb"])
    back = await consented(github, app)
    async with AsyncOAuth2Client(client_id="app-2", client_secret="other-secret", trust_env=False) as other:
        with pytest.raises(OAuthError, match="bad_verification_code"):
            await exchanged(github, other, back)


async def test_secret_in_a_form_or_in_json_and_an_answer_as_a_form_are_spoken_too(
    github: GitHubStandin, app: AsyncOAuth2Client
) -> None:
    fields = {"client_id": "app-1", "client_secret": "app-secret", "code_verifier": VERIFIER}
    address = f"{github.url}/login/oauth/access_token"
    codes = [query_of(await consented(github, app))["code"] for _ in range(2)]
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        by_form = await client.post(address, data=fields | {"code": codes[0]})
        by_json = await client.post(address, json=fields | {"code": codes[1]})

    answers = [parse_qs(answer.text)["access_token"][0] for answer in (by_form, by_json)]
    assert answers == github.tokens_issued()


async def test_the_exchange_must_repeat_the_redirect_address(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    back = await consented(github, app)

    with pytest.raises(OAuthError, match="redirect_uri_mismatch"):
        await app.fetch_token(
            f"{github.url}/login/oauth/access_token",
            authorization_response=back,
            state="st+te&1",
            code_verifier=VERIFIER,
            redirect_uri="https://errand.example/auth/callback/other",
        )


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/auth/callback",
        "http://errand.example/auth/callback",
        "https://errand.example:444/auth/callback",
        "https://errand.example/auth/callbackery",
        "https://errand.example/auth/callback/../../evil",
        "https://errand.example/auth/callback/%2e%2e/%2e%2e/evil",
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    github: GitHubStandin, app: AsyncOAuth2Client, elsewhere: str
) -> None:
    back = await consented(github, app, redirect_uri=elsewhere)

    assert back.startswith(f"{CALLBACK}?")
    assert query_of(back)["error"] == "redirect_uri_mismatch"


async def test_a_registered_loopback_address_may_use_any_port(github: GitHubStandin) -> None:
    github.add_client("desktop", "secret", ["http://127.0.0.1/cb"])
    url = f"{github.url}/login/oauth/authorize?client_id=desktop&redirect_uri=http://127.0.0.1:4711/cb"

    back = (await browse(url)).headers["Location"]
    assert back.startswith("http://127.0.0.1:4711/cb?code=")


async def test_an_unknown_app_is_shown_to_nobody(github: GitHubStandin) -> None:
    assert (await browse(f"{github.url}/login/oauth/authorize?client_id=nobody")).status_code == 404


async def test_a_plain_challenge_is_refused(github: GitHubStandin) -> None:
    url = f"{github.url}/login/oauth/authorize?client_id=app-1&code_challenge=abc&code_challenge_method=plain"

    assert query_of((await browse(url)).headers["Location"])["error"] == "invalid_request"


async def test_of_several_people_the_one_in_the_browser_signs_in(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    github.sign_in_as("mona")
    await exchanged(github, app, await consented(github, app))
    assert (await app.get(f"{github.api_url}/user")).json()["login"] == "mona"

    await exchanged(github, app, await consented(github, app, login="octo"))
    assert (await app.get(f"{github.api_url}/user")).json()["login"] == "octo"


async def test_without_one_obvious_person_a_page_asks(github: GitHubStandin, app: AsyncOAuth2Client) -> None:
    github.add_user("mona")
    page = await browse(authorize_url(github, app))

    assert page.status_code == 200
    assert "<option>octo</option><option>mona</option>" in page.text


async def test_the_page_lets_in_or_refuses(tmp_path: Path, app: AsyncOAuth2Client) -> None:
    async with GitHubStandin(tmp_path, auto_consent=False) as github:
        github.add_user("octo")
        github.add_client("app-1", "app-secret", [CALLBACK])
        page = await browse(authorize_url(github, app))
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
        form = {name: html.unescape(value) for name, value in hidden} | {"login": "octo"}
        let_in = await browse(f"{github.url}/login/oauth/authorize", form | {"authorize": "1"})
        refused = await browse(f"{github.url}/login/oauth/authorize", form | {"authorize": "0"})

        assert (await exchanged(github, app, let_in.headers["Location"]))["access_token"]
        answer = query_of(refused.headers["Location"])
        assert (answer["error"], answer["state"], "code" in answer) == ("access_denied", "st+te&1", False)
