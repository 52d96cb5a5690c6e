"""The beginning of a sign-in: checked, remembered, and sent to GitHub."""

import secrets
from collections.abc import Collection
from typing import Annotated

from fastapi import Query
from fastapi.responses import RedirectResponse

from errand_common.credentials import hash_token
from errand_gateway.cookies import Cookies
from errand_gateway.signin.flow import AppReturn, Client, Flow, Flows
from errand_gateway.signin.github import GitHubSignIn
from errand_gateway.signin.pkce import check_challenge
from errand_gateway.signin.redirects import check_redirect

_VERIFIER_BYTES = 48

Challenge = Annotated[str, Query(max_length=128, description="For apps: BASE64URL(SHA256(code_verifier))")]
ChallengeMethod = Annotated[str, Query(max_length=16, description="S256")]
Redirect = Annotated[str, Query(max_length=2048, description="For apps: where to come back to")]
AppState = Annotated[str, Query(max_length=512, description="For apps: handed back as it came")]


class Start:
    """Nothing is remembered of a request that is refused."""

    def __init__(
        self, flows: Flows, *, github: GitHubSignIn, cookies: Cookies, allowed_redirects: Collection[str]
    ) -> None:
        self._flows = flows
        self._github = github
        self._cookies = cookies
        self._allowed_redirects = allowed_redirects

    async def __call__(
        self,
        client: Client,
        code_challenge: Challenge = "",
        code_challenge_method: ChallengeMethod = "S256",
        redirect: Redirect = "",
        state: AppState = "",
    ) -> RedirectResponse:
        """Sends the person to GitHub. Apps bring `code_challenge` and `redirect`; browsers need neither."""
        if client == "web":
            return await self._start_web()
        check_challenge(code_challenge, code_challenge_method)
        check_redirect(redirect, client=client, allowed=self._allowed_redirects)
        app = AppReturn(redirect, code_challenge, state)
        return await self._to_github(Flow(client, verifier=_new_verifier(), app=app))

    async def _start_web(self) -> RedirectResponse:
        browser = secrets.token_urlsafe(32)
        response = await self._to_github(Flow("web", verifier=_new_verifier(), browser_hash=hash_token(browser)))
        self._cookies.set_flow(response, browser, max_age_s=self._flows.lifetime_s)
        return response

    async def _to_github(self, flow: Flow) -> RedirectResponse:
        state = self._flows.put(flow)
        url = await self._github.authorize_url(state=state, verifier=flow.verifier)
        return RedirectResponse(url, status_code=303)


def _new_verifier() -> str:
    return secrets.token_urlsafe(_VERIFIER_BYTES)
