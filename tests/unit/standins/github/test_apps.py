"""GitHub Apps: assertions, installation tokens and their end, tokens of people that expire."""

from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.patience import ANSWER_S
from tests.standins.github import GitHubStandin
from tests.standins.github.git import GitError
from tests.unit.standins.github.conftest import SetClock, cloned, rest_client

WANTED = {"repositories": ["demo"], "permissions": {"contents": "write", "pull_requests": "write"}}


class App:
    """An app's owner, with the key."""

    def __init__(self, github: GitHubStandin, clock: SetClock, **more: dict[str, str]) -> None:
        self.github, self.clock = github, clock
        self.app_id, key = github.add_app("errand", **more)  # type: ignore[arg-type]  # permissions alone
        self.key = RSAKey.import_key(key)

    def assertion(self, **other: object) -> str:
        now = int(self.clock().timestamp())
        return jwt.encode({"alg": "RS256"}, {"iss": self.app_id, "iat": now - 60, "exp": now + 480, **other}, self.key)

    async def call(self, method: str, path: str, json: object = None, **claims: object) -> httpx2.Response:
        async with rest_client(self.github, self.assertion(**claims)) as rest:
            return await rest.request(method, path, json=json)

    async def installation(self) -> int:
        return int((await self.call("GET", "/repos/octo/demo/installation")).json()["id"])

    async def mint(self, **other: object) -> httpx2.Response:
        path = f"/app/installations/{await self.installation()}/access_tokens"
        return await self.call("POST", path, {**WANTED, **other})


@pytest.fixture
def app(github: GitHubStandin, clock: SetClock) -> App:
    made = App(github, clock)
    github.install("errand", "octo/demo")
    return made


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 0}, "must be an Integer representing the time that the assertion expires"),
        ({"iat": 2**40}, "must be an Integer representing the time that the assertion was issued"),
        ({"iss": "1"}, "'Issuer' claim"),
        ({"exp": 2**40}, "too far in the future"),
    ],
)
async def test_an_assertion_must_be_right_in_every_part(app: App, claims: dict[str, object], words: str) -> None:
    refused = await app.call("GET", "/app", **claims)
    assert refused.status_code == 401
    assert words in refused.json()["message"]


async def test_an_assertion_of_another_key_is_nobodys(app: App) -> None:
    app.key = RSAKey.generate_key(2048)
    assert (await app.call("GET", "/app")).status_code == 401


async def test_an_assertion_is_nobody_elsewhere(app: App) -> None:
    assert (await app.call("GET", "/user")).status_code == 401


async def test_a_token_reaches_its_repositories_until_its_hour_is_over(
    app: App, github: GitHubStandin, clock: SetClock, tmp_path: Path
) -> None:
    await github.add_repository("octo/other", {"a": b"b"})
    github.install("errand", "octo/other")
    minted = await app.mint()
    assert minted.status_code == 201
    token = minted.json()["token"]
    assert len(token) > 300
    checkout = await cloned(github, token, tmp_path / "clone")
    await checkout.commit("new.txt", b"new\n", branch="errand/x")
    await checkout.run("push", "--quiet", "origin", "errand/x")
    async with rest_client(github, token) as rest:
        assert (await rest.get("/repos/octo/other")).status_code == 404
        assert (await rest.get("/user")).status_code == 403
        clock.move(timedelta(hours=1))
        assert (await rest.get("/repos/octo/demo")).status_code == 401


async def test_a_token_for_reading_does_not_push(app: App, github: GitHubStandin, tmp_path: Path) -> None:
    token = (await app.mint(permissions={"contents": "read"})).json()["token"]
    checkout = await cloned(github, token, tmp_path / "clone")
    await checkout.commit("new.txt", b"new\n", branch="errand/x")
    with pytest.raises(GitError, match="denied"):
        await checkout.run("push", "--quiet", "origin", "errand/x")
    async with rest_client(github, token) as rest:
        pull = {"title": "x", "head": "errand/x", "base": "main"}
        assert (await rest.post("/repos/octo/demo/pulls", json=pull)).status_code == 403


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_workflow_is_pushed_with_a_permission_of_its_own(
    app: App, github: GitHubStandin, tmp_path: Path, allowed: bool
) -> None:
    permissions = {"contents": "write", **({"workflows": "write"} if allowed else {})}
    github.grant_app("errand", "octo/demo", {**permissions, "metadata": "read"})
    token = (await app.mint(permissions=permissions)).json()["token"]
    checkout = await cloned(github, token, tmp_path / "clone")
    (checkout.folder / ".github/workflows").mkdir(parents=True)
    await checkout.commit(".github/workflows/ci.yml", b"on: push\n", branch="errand/x")
    if allowed:
        await checkout.run("push", "--quiet", "origin", "errand/x")
    else:
        words = r"a GitHub App is not allowed .*`\.github/workflows/ci\.yml` without `workflows` permission"
        with pytest.raises(GitError, match=words):
            await checkout.run("push", "--quiet", "origin", "errand/x")


@pytest.mark.parametrize(
    "wanted",
    [
        {"permissions": {"workflows": "write"}},
        {"permissions": {"contents": "all"}},
        {"repositories": ["another"]},
        {"repositories": []},
        {"repository": "demo"},
    ],
)
async def test_no_more_is_given_than_was_installed(app: App, wanted: dict[str, object]) -> None:
    assert (await app.mint(**wanted)).status_code == 422


async def test_a_revoked_token_is_dead_at_once(app: App, github: GitHubStandin) -> None:
    token = (await app.mint()).json()["token"]
    assert github.live_app_tokens() == [token]
    async with rest_client(github, token) as rest:
        assert (await rest.delete("/installation/token")).status_code == 204
        assert (await rest.get("/repos/octo/demo")).status_code == 401
        assert (await rest.delete("/installation/token")).status_code == 401
    assert github.live_app_tokens() == []


async def test_an_uninstalled_app_has_nothing(app: App, github: GitHubStandin) -> None:
    token = (await app.mint()).json()["token"]
    github.uninstall("errand", "octo/demo")
    assert (await app.call("GET", "/repos/octo/demo/installation")).status_code == 404
    async with rest_client(github, token) as rest:
        assert (await rest.get("/repos/octo/demo")).status_code == 404


async def test_a_pair_is_renewed_once_and_kills_the_old_one(github: GitHubStandin) -> None:
    github.add_client("Iv23app", "secret", ["https://errand.example/auth/callback"], expiring=True)
    access, refresh = github.issue_pair("octo", "Iv23app")
    form = {
        "client_id": "Iv23app",
        "client_secret": "secret",
        "grant_type": "refresh_token",
        "refresh_token": refresh,
    }
    async with httpx2.AsyncClient(headers={"Accept": "application/json"}, trust_env=False, timeout=ANSWER_S) as http:
        address = f"{github.url}/login/oauth/access_token"
        renewed = (await http.post(address, data=form)).json()
        assert (await http.post(address, data=form)).json()["error"] == "bad_refresh_token"
        assert (await http.post(address, data={**form, "grant_type": "x"})).json()["error"] == "unsupported_grant_type"
    assert renewed["expires_in"] == 8 * 3600
    async with rest_client(github, access) as old, rest_client(github, renewed["access_token"]) as new:
        assert (await old.get("/user")).status_code == 401
        assert (await new.get("/user")).json()["login"] == "octo"


async def test_who_signed_in_to_an_app_reaches_what_both_do(github: GitHubStandin) -> None:
    github.add_client("Iv23app", "secret", ["https://errand.example/auth/callback"], expiring=True)
    github.add_app("errand", client_id="Iv23app")
    access, _ = github.issue_pair("octo", "Iv23app")
    async with rest_client(github, access) as rest:
        assert (await rest.get("/repos/octo/demo")).status_code == 404
        github.install("errand", "octo/demo")
        found = await rest.get("/repos/octo/demo")
        assert found.json()["permissions"]["push"] is True
        assert "X-OAuth-Scopes" not in found.headers
