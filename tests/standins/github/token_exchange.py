"""The second half of the OAuth web flow: the app turns its code into a token."""

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from tests.standins.github.accounts import Accounts, Client, Grant, Pair
from tests.standins.github.authorization import basic_credentials
from tests.standins.github.clock import Clock
from tests.standins.github.pkce import verifies

_ERRORS_PAGE = (
    "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#"
)
_DESCRIPTIONS = {
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "bad_verification_code": "The code passed is incorrect or expired.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
    "bad_refresh_token": "The refresh token passed is incorrect or expired.",
    "unsupported_grant_type": "The grant_type is not supported.",
}


class TokenExchange:
    """Answers 200 for refusals too, with `error` in the body, as GitHub does."""

    def __init__(self, accounts: Accounts, now: Clock) -> None:
        self._accounts = accounts
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/login/oauth/access_token", self.exchange)]

    async def exchange(self, request: web.Request) -> web.Response:
        return _rendered(request, self._answer(await _parameters(request)))

    def _answer(self, parameters: Mapping[str, str]) -> dict[str, str | int]:
        client = self._accounts.client(parameters.get("client_id", ""))
        if client is None or not _same(client.secret, parameters.get("client_secret", "")):
            return _refusal("incorrect_client_credentials")
        match parameters.get("grant_type", "authorization_code"):
            case "authorization_code":
                return self._redeemed(parameters, client)
            case "refresh_token":
                pair = self._accounts.renew(parameters.get("refresh_token", ""), client)
                return _pair(pair, self._now()) if pair else _refusal("bad_refresh_token")
        return _refusal("unsupported_grant_type")

    def _redeemed(self, parameters: Mapping[str, str], client: Client) -> dict[str, str | int]:
        grant = self._accounts.spend_code(parameters.get("code", ""), client)
        if grant is None or not _proves_challenge(grant, parameters):
            return _refusal("bad_verification_code")
        if parameters.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
            return _refusal("redirect_uri_mismatch")
        if client.expiring:
            return _pair(self._accounts.issue_pair(grant.login, client.id), self._now())
        token = self._accounts.issue_token(grant.login, grant.scopes)
        return {"access_token": token.value, "scope": ",".join(token.scopes or ()), "token_type": "bearer"}


async def _parameters(request: web.Request) -> dict[str, str]:
    """Query, then form or JSON body; client id and secret may come as Basic credentials instead."""
    body = await _json_fields(request) if request.content_type == "application/json" else await request.post()
    sent = {name: value for name, value in body.items() if isinstance(value, str)}
    basic = basic_credentials(request.headers.get("Authorization", ""))
    identity = {"client_id": basic[0], "client_secret": basic[1]} if basic else {}
    return dict(request.query) | sent | identity


async def _json_fields(request: web.Request) -> Mapping[str, object]:
    try:
        body: object = await request.json()
    except json.JSONDecodeError as exc:
        raise web.HTTPBadRequest(text="Problems parsing JSON") from exc
    return body if isinstance(body, dict) else {}


def _proves_challenge(grant: Grant, parameters: Mapping[str, str]) -> bool:
    return grant.challenge is None or verifies(parameters.get("code_verifier", ""), grant.challenge)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _pair(pair: Pair, now: datetime) -> dict[str, str | int]:
    assert pair.token.expires is not None
    return {
        "access_token": pair.token.value,
        "expires_in": int((pair.token.expires - now).total_seconds()),
        "refresh_token": pair.refresh,
        "refresh_token_expires_in": int((pair.refresh_expires - now).total_seconds()),
        "scope": "",
        "token_type": "bearer",
    }


def _refusal(error: str) -> dict[str, str | int]:
    page = _ERRORS_PAGE + error.replace("_", "-")
    return {"error": error, "error_description": _DESCRIPTIONS[error], "error_uri": page}


def _rendered(request: web.Request, answer: Mapping[str, str | int]) -> web.Response:
    if "json" in request.headers.get("Accept", ""):
        return web.json_response(answer)
    return web.Response(text=urlencode(answer), content_type="application/x-www-form-urlencoded")
