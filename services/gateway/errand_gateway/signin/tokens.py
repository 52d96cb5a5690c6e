"""Where apps and browsers get and renew their tokens."""

from typing import Annotated, Literal

import structlog
from fastapi import Body, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from errand_common.errors import Invalid, Unauthenticated
from errand_gateway.cookies import Cookies
from errand_gateway.scheduler.accounts import Accounts, Session
from errand_gateway.sessions import Sessions
from errand_gateway.signin.flow import Grant, Grants
from errand_gateway.signin.pkce import proves

log = structlog.get_logger()

Secret = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=512)]


class AuthorizationCode(BaseModel):
    """An app fetches its session. A code is gone after one try, right or wrong."""

    grant_type: Literal["authorization_code"]
    code: Secret
    code_verifier: Secret
    client: str | None = Field(None, description="Where given, the one that the sign-in was begun with")
    redirect: str | None = Field(None, description="Where given, the one that the sign-in was begun with")


class RefreshToken(BaseModel):
    """Renews a session. Without a `refresh_token` the browser's cookie counts, and new cookies are the answer."""

    grant_type: Literal["refresh_token"]
    refresh_token: Secret | None = None


class SessionTokens(BaseModel):
    """A session's tokens; the durations are seconds from now. Browsers get theirs as cookies instead."""

    access_token: str = ""
    access_duration: float
    refresh_token: str = ""
    refresh_duration: float


TokenRequest = Annotated[AuthorizationCode | RefreshToken, Body(discriminator="grant_type")]


class Tokens:
    """Grants are the gateway's; whether a refresh token is good is the scheduler's to say."""

    def __init__(self, grants: Grants, *, accounts: Accounts, cookies: Cookies, sessions: Sessions) -> None:
        self._grants = grants
        self._accounts = accounts
        self._cookies = cookies
        self._sessions = sessions

    async def __call__(self, request: Request, body: TokenRequest) -> JSONResponse:
        """Turns a code or a refresh token into tokens."""
        if isinstance(body, AuthorizationCode):
            return _answer(self._granted(body))
        if body.refresh_token is not None:
            return _answer(await self._accounts.refresh(body.refresh_token))
        return await self._refresh_browser(request)

    def _granted(self, body: AuthorizationCode) -> Session:
        grant = self._grants.take(body.code)
        if grant is None:
            raise Invalid("the code is unknown, used or older than a minute; sign in again")
        if not proves(body.code_verifier, grant.app.challenge) or not _same_app(body, grant):
            log.warning("code_refused", client=grant.client)
            raise Invalid("the code belongs to another sign-in than the code_verifier; sign in again")
        return grant.session

    async def _refresh_browser(self, request: Request) -> JSONResponse:
        self._sessions.check_origin(request)
        refresh_token = self._cookies.refresh_token(request)
        if refresh_token is None:
            raise Unauthenticated("no refresh token in the request and none in a cookie; sign in again")
        session = await self._accounts.refresh(refresh_token)
        body = SessionTokens(access_duration=session.access_s, refresh_duration=session.refresh_s)
        response = JSONResponse(body.model_dump(exclude_unset=True))
        self._cookies.set_session(response, session)
        return response


def _same_app(body: AuthorizationCode, grant: Grant) -> bool:
    return body.client in (None, grant.client) and body.redirect in (None, grant.app.redirect)


def _answer(session: Session) -> JSONResponse:
    tokens = SessionTokens(
        access_token=session.access_token,
        access_duration=session.access_s,
        refresh_token=session.refresh_token,
        refresh_duration=session.refresh_s,
    )
    return JSONResponse(tokens.model_dump())
