"""The beginning of a sign-in: checked, remembered, and sent to GitHub."""

from collections.abc import Collection
from typing import Annotated

from fastapi import Query
from fastapi.responses import RedirectResponse, Response

from errand_common.errors import Conflict
from errand_gateway.cookies import Cookies
from errand_gateway.signin.departures import Departures
from errand_gateway.signin.flow import AppReturn, Client
from errand_gateway.signin.pages import refused_page
from errand_gateway.signin.pkce import check_challenge
from errand_gateway.signin.redirects import check_redirect

Challenge = Annotated[str, Query(max_length=128, description="For apps: BASE64URL(SHA256(code_verifier))")]
ChallengeMethod = Annotated[str, Query(max_length=16, description="S256")]
Redirect = Annotated[str, Query(max_length=2048, description="For apps: where to come back to")]
AppState = Annotated[str, Query(max_length=512, description="For apps: handed back as it came")]


class Start:
    """Nothing is remembered of a request that is refused. Without `departures` people sign in by link alone."""

    def __init__(self, departures: Departures | None, *, cookies: Cookies, allowed_redirects: Collection[str]) -> None:
        self._departures = departures
        self._cookies = cookies
        self._allowed_redirects = allowed_redirects

    async def __call__(
        self,
        client: Client,
        code_challenge: Challenge = "",
        code_challenge_method: ChallengeMethod = "S256",
        redirect: Redirect = "",
        state: AppState = "",
    ) -> Response:
        """Sends the person to GitHub. Apps bring `code_challenge` and `redirect`; browsers need neither."""
        if self._departures is None:
            return _refuse(client)
        if client == "web":
            return await self._start_web(self._departures)
        check_challenge(code_challenge, code_challenge_method)
        check_redirect(redirect, client=client, allowed=self._allowed_redirects)
        address = await self._departures.of_app(client, AppReturn(redirect, code_challenge, state))
        return RedirectResponse(address, status_code=303)

    async def _start_web(self, departures: Departures) -> Response:
        address, browser = await departures.of_browser()
        response = RedirectResponse(address, status_code=303)
        self._cookies.set_flow(response, browser, max_age_s=departures.lifetime_s)
        return response


def _refuse(client: Client) -> Response:
    """A page for a browser; raises Conflict for an app."""
    error = Conflict(
        "people sign in to this Errand by link alone; `errand-scheduler link` on its host prints one that works once"
    )
    if client != "web":
        raise error
    return refused_page(error, with_github=False)
