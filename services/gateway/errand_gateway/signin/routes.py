"""The addresses of the sign-in, and the way out."""

from contextlib import suppress

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from errand_common.errors import Denied, Unauthenticated
from errand_gateway.cookies import Cookies
from errand_gateway.problems import RESPONSES
from errand_gateway.rest.parameters import SessionToken
from errand_gateway.scheduler.accounts import Accounts
from errand_gateway.signin.callback import Callback
from errand_gateway.signin.links import LinkAnswer, Links, Methods
from errand_gateway.signin.start import Start
from errand_gateway.signin.tokens import SessionTokens, Tokens


class SignInRoutes:
    """Everything under /auth."""

    def __init__(
        self, *, start: Start, callback: Callback, links: Links, tokens: Tokens, accounts: Accounts, cookies: Cookies
    ) -> None:
        self._start = start
        self._callback = callback
        self._links = links
        self._tokens = tokens
        self._accounts = accounts
        self._cookies = cookies

    def router(self) -> APIRouter:
        router = APIRouter(tags=["sign-in"], responses=RESPONSES)
        add = router.add_api_route
        add("/auth/methods", self._links.methods, response_model=Methods)
        add("/auth/link", self._links.redeem, methods=["POST"], response_model=LinkAnswer)
        add("/auth/start", self._start.__call__, name="start", response_class=RedirectResponse, status_code=303)
        add("/auth/callback", self._callback.__call__, name="callback", response_class=HTMLResponse)
        add("/auth/token", self._tokens.__call__, name="token", methods=["POST"], response_model=SessionTokens)
        add("/auth/sign-out", self.sign_out, methods=["POST"], status_code=204, response_class=Response)
        return router

    async def sign_out(self, token: SessionToken) -> Response:
        """Ends the session at once; one that is over already is no error."""
        response = Response(status_code=204)
        self._cookies.clear_session(response)
        with suppress(Unauthenticated, Denied):
            await self._accounts.end_session(token)
        return response
