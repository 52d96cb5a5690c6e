"""The REST interface's frame: who calls, how often, and how refusals look."""

import json
import re
import secrets
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.standins.github.accounts import Accounts, Token
from tests.standins.github.authorization import basic_credentials, bearer_token
from tests.standins.github.faults import Faults
from tests.standins.github.rate import RateLimit
from tests.standins.github.rest_errors import ApiError, bad_credentials, bad_json, not_found
from tests.standins.github.shapes import Addresses, Json

_DEFAULT_API_VERSION = "2022-11-28"
_ASSERTION = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Caller:
    """Who calls; without a token, anyone."""

    token: Token | None


_CALLER = web.RequestKey("caller", Caller)


def caller_of(request: web.Request) -> Caller:
    return request[_CALLER]


def addresses_of(request: web.Request) -> Addresses:
    return Addresses(web=str(request.url.origin()))


async def json_body(request: web.Request, docs: str) -> Json:
    """Raises ApiError 400 unless the body is a JSON object."""
    try:
        body: object = json.loads(await request.text())
    except ValueError as exc:
        raise bad_json(docs) from exc
    if not isinstance(body, dict):
        raise bad_json(docs)
    return body


class RestFrame:
    """Around every REST call: credentials, limits and faults before it; GitHub's headers and error bodies after."""

    def __init__(self, accounts: Accounts, rate_limit: RateLimit, faults: Faults) -> None:
        self._accounts = accounts
        self._rate_limit = rate_limit
        self._faults = faults

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.headers.get("User-Agent"):
            return web.Response(status=403, text="Request forbidden by administrative rules. Send a User-Agent header.")
        headers = _common_headers(request)
        try:
            token = self._token(request)
            headers |= self._limited(token)
            self._faults.raise_denial()
            request[_CALLER] = Caller(token)
            response = await handler(request)
        except ApiError as error:
            response = web.json_response(error.body, status=error.status, headers=error.headers)
        except web.HTTPNotFound:
            response = web.json_response(not_found().body, status=404)
        response.headers.update(headers)
        return response

    def _token(self, request: web.Request) -> Token | None:
        """Raises ApiError 401 for credentials that are not good; none at all are fine here."""
        header = request.headers.get("Authorization", "")
        basic = basic_credentials(header)
        value = basic[1] if basic else bearer_token(header)
        if _ASSERTION.fullmatch(value or ""):
            # An app's, which those calls read that are made for apps; to all others it is nobody.
            return None
        token = self._accounts.token(value or "")
        if header and token is None:
            raise bad_credentials()
        return token

    def _limited(self, token: Token | None) -> dict[str, str]:
        """Raises ApiError 403 once the hour's calls are used up."""
        login = token.login if token else ""
        allowance = self._rate_limit.count(login)
        headers = allowance.headers()
        if token and token.scopes is not None:
            headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
        if token and token.expires is not None and token.reach is None:
            headers["GitHub-Authentication-Token-Expiration"] = token.expires.strftime("%Y-%m-%d %H:%M:%S UTC")
        if allowance.exceeded:
            message = f"API rate limit exceeded for {login or 'callers without a token'}."
            raise ApiError(403, message, docs="/overview/rate-limits-for-the-rest-api", headers=headers)
        return headers


def _common_headers(request: web.Request) -> dict[str, str]:
    version = request.headers.get("X-GitHub-Api-Version", "")
    return {
        "X-GitHub-Request-Id": secrets.token_hex(8).upper(),
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-GitHub-Api-Version-Selected": version if _API_VERSION.fullmatch(version) else _DEFAULT_API_VERSION,
    }
