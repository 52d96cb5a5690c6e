"""One-time sign-in links: what the page that a link opens asks for."""

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from errand_gateway.cookies import Cookies
from errand_gateway.metrics import counted
from errand_gateway.scheduler.accounts import Accounts
from errand_gateway.sessions import Sessions
from errand_gateway.signin.departures import Departures
from errand_gateway.signin.tokens import Secret

log = structlog.get_logger()

_CLIENT = "web"


class Link(BaseModel):
    """What stands after `#/link/` in a link."""

    secret: Secret


class LinkAnswer(BaseModel):
    """Either the browser is signed in, or it goes on to `location` to sign in with GitHub."""

    signed_in: bool
    location: str = Field("", description="GitHub's page of consent; empty for who is signed in")


class Methods(BaseModel):
    """How people sign in here."""

    github: bool = Field(description="Whether /auth/start leads to GitHub")
    link: bool = Field(description="Whether one-time links are taken")


class Links:
    """Without `departures` a link is a session; with them it admits whoever then signs in with GitHub."""

    def __init__(
        self, departures: Departures | None, *, accounts: Accounts, cookies: Cookies, sessions: Sessions
    ) -> None:
        self._departures = departures
        self._accounts = accounts
        self._cookies = cookies
        self._sessions = sessions

    async def methods(self) -> Methods:
        """Tells how to sign in."""
        return Methods(github=self._departures is not None, link=True)

    async def redeem(self, request: Request, body: Link) -> JSONResponse:
        """Spends a link, which works once: sets the session's cookies, or says where to go on."""
        self._sessions.check_own_page(request)
        if self._departures is None:
            return await self._sign_in(body.secret)
        return await self._go_on(self._departures, body.secret)

    async def _sign_in(self, secret: str) -> JSONResponse:
        with counted.signing_in():
            user_id, session = await self._accounts.redeem_link(secret, client=_CLIENT)
        log.info("signed_in", client=_CLIENT, user_id=user_id)
        response = JSONResponse(LinkAnswer(signed_in=True).model_dump(exclude_defaults=True))
        self._cookies.set_session(response, session)
        return response

    async def _go_on(self, departures: Departures, secret: str) -> JSONResponse:
        address, browser = await departures.of_browser(link_secret=secret)
        response = JSONResponse(LinkAnswer(signed_in=False, location=address).model_dump())
        self._cookies.set_flow(response, browser, max_age_s=departures.lifetime_s)
        return response
