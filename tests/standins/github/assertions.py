"""The signed assertion with which an app says who it is (RFC 7519), as strict as GitHub about it."""

import base64
import json

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError

from tests.standins.github.apps import App, Apps
from tests.standins.github.authorization import bearer_token
from tests.standins.github.clock import Clock
from tests.standins.github.rest_errors import ApiError

_LONGEST_S = 10 * 60
_DRIFT_S = 60
_TIME = "must be an Integer representing the time that "


def app_of(request: web.Request, apps: Apps, now: Clock) -> App:
    """Who calls. Raises ApiError 401."""
    value = bearer_token(request.headers.get("Authorization", "")) or ""
    claims = _unverified(value)
    app = apps.by_issuer(claims.get("iss"))
    if app is None:
        raise ApiError(401, "'Issuer' claim ('iss') must be an Integer")
    try:
        jwt.decode(value, app.key, algorithms=["RS256"])
    except (JoseError, ValueError) as exc:
        raise ApiError(401, "A JSON web token could not be decoded") from exc
    issued, expires = claims.get("iat"), claims.get("exp")
    now_s = int(now().timestamp())
    if not isinstance(issued, int) or issued > now_s + _DRIFT_S:
        raise ApiError(401, f"'Issued at' claim ('iat') {_TIME}the assertion was issued")
    if not isinstance(expires, int) or expires <= now_s:
        raise ApiError(401, f"'Expiration time' claim ('exp') {_TIME}the assertion expires")
    if expires > now_s + _LONGEST_S:
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def _unverified(value: str) -> dict[str, object]:
    """Whose key to try is all that is taken of it before that."""
    try:
        payload = value.split(".")[1]
        found: object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError) as exc:
        raise ApiError(401, "A JSON web token could not be decoded") from exc
    return found if isinstance(found, dict) else {}
