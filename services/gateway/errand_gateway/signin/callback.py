"""The way back from GitHub: a code becomes a session."""

import hmac
from dataclasses import dataclass, field
from typing import Annotated

import structlog
from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from errand_common.credentials import hash_token
from errand_common.errors import Denied, ErrandError, Invalid
from errand_gateway.cookies import Cookies
from errand_gateway.metrics import counted
from errand_gateway.scheduler.accounts import Accounts, Session
from errand_gateway.signin.flow import AppReturn, Flow, Flows, Grant, Grants
from errand_gateway.signin.github import GitHubSignIn
from errand_gateway.signin.pages import refused_page
from errand_gateway.signin.redirects import with_parameters

# RFC 6749, 4.1.2.1
_OAUTH_ERRORS = {400: "invalid_request", 403: "access_denied", 503: "temporarily_unavailable"}

log = structlog.get_logger()

FromGitHub = Annotated[str, Query(max_length=2048)]


@dataclass(frozen=True)
class _Answer:
    code: str = field(repr=False)
    error: str


class Callback:
    """GitHub sends the person here, with a code or with an error."""

    def __init__(
        self, flows: Flows, grants: Grants, *, github: GitHubSignIn | None, accounts: Accounts, cookies: Cookies
    ) -> None:
        self._flows = flows
        self._grants = grants
        self._github = github
        self._accounts = accounts
        self._cookies = cookies

    async def __call__(
        self, request: Request, state: FromGitHub = "", code: FromGitHub = "", error: FromGitHub = ""
    ) -> Response:
        """Ends the sign-in: a browser gets its session, an app a code to fetch it with."""
        try:
            with counted.signing_in():
                flow = self._begun(request, state)
        except ErrandError as exc:
            return refused_page(exc, with_github=self._github is not None)
        try:
            with counted.signing_in():
                session = await self._session(flow, _Answer(code, error))
        except ErrandError as exc:
            return self._refused(flow, exc)
        return self._let_in(flow, session)

    def _begun(self, request: Request, state: str) -> Flow:
        flow = self._flows.take(state)
        if flow is None:
            raise Invalid("this sign-in was finished already, took longer than 10 minutes, or was begun elsewhere")
        if flow.app is None and not _same_browser(flow, self._cookies.flow_secret(request)):
            raise Invalid(
                "this sign-in was begun in another browser, or this one refuses cookies; allow cookies for this site, "
                "then sign in again here"
            )
        return flow

    async def _session(self, flow: Flow, answer: _Answer) -> Session:
        if answer.error == "access_denied":
            raise Denied("you declined at GitHub; Errand cannot work without your consent")
        if answer.error:
            # Shown as a word, not as GitHub's sentence: anyone can write the address that this comes from.
            log.warning("github_refused_sign_in", error=answer.error[:64])
            raise Invalid("GitHub did not let the sign-in go on; start it again")
        if not answer.code:
            raise Invalid("GitHub sent no code; start the sign-in again")
        assert self._github is not None  # without it no sign-in begins
        tokens = await self._github.exchange(code=answer.code, verifier=flow.verifier)
        user_id, session = await self._accounts.complete_sign_in(
            tokens, client=flow.client, link_secret=flow.link_secret
        )
        log.info("signed_in", client=flow.client, user_id=user_id)
        return session

    def _let_in(self, flow: Flow, session: Session) -> Response:
        if flow.app is not None:
            code = self._grants.put(Grant(flow.client, flow.app, session))
            return _back_to_app(flow.app, {"code": code})
        response = RedirectResponse("/", status_code=303)
        self._cookies.clear_flow(response)
        self._cookies.set_session(response, session)
        return response

    def _refused(self, flow: Flow, error: ErrandError) -> Response:
        log.info("sign_in_refused", client=flow.client, reason=error.reason)
        if flow.app is not None:
            name = _OAUTH_ERRORS.get(error.http_status, "server_error")
            words = {"error": name, "error_description": error.message, "reason": error.reason}
            return _back_to_app(flow.app, words)
        response = refused_page(error)
        self._cookies.clear_flow(response)
        return response


def _same_browser(flow: Flow, secret: str | None) -> bool:
    return secret is not None and hmac.compare_digest(hash_token(secret), flow.browser_hash)


def _back_to_app(app: AppReturn, parameters: dict[str, str]) -> RedirectResponse:
    return RedirectResponse(with_parameters(app.redirect, {**parameters, "state": app.state}), status_code=303)
