"""Which session a request comes with."""

import re

from starlette.requests import HTTPConnection, Request

from errand_common.errors import Denied, Unauthenticated
from errand_gateway.cookies import Cookies

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")


class Sessions:
    """Finds the token; whether it is good is the scheduler's to say."""

    def __init__(self, cookies: Cookies, *, origin: str) -> None:
        self._cookies = cookies
        self._origin = origin

    def token(self, request: Request) -> str:
        """From the Authorization header, else the cookie. Raises Unauthenticated, or Denied for another site's page."""
        if (token := self.header_token(request)) is not None:
            return token
        token = self._cookies.session_token(request)
        if token is None:
            raise Unauthenticated("no session: sign in at /auth/start, then send Authorization: Bearer <access token>")
        if request.method not in _SAFE_METHODS:
            self.check_origin(request)
        return well_formed(token)

    def header_token(self, connection: HTTPConnection) -> str | None:
        """The bearer token of the Authorization header, if there is one. Raises Unauthenticated for another kind."""
        header = connection.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("the Authorization header is not of the form: Bearer <access token>")
        return well_formed(token.strip())

    def cookie_token(self, connection: HTTPConnection) -> str | None:
        """The cookie's token for a connection that may do anything. Raises Denied for another site's page."""
        token = self._cookies.session_token(connection)
        if token is None:
            return None
        self.check_origin(connection)
        return well_formed(token)

    def check_origin(self, connection: HTTPConnection) -> None:
        """A browser sends cookies for any page that asks; only our own may. Raises Denied."""
        origin = connection.headers.get("origin")
        if origin is None or origin.lower() != self._origin:
            raise Denied(f"a request with the session cookie must come from a page of {self._origin}")

    def check_own_page(self, connection: HTTPConnection) -> None:
        """Another site's page must not sign a browser in as somebody. Programs, which say nothing, may. Raises
        Denied."""
        origin, site = connection.headers.get("origin"), connection.headers.get("sec-fetch-site")
        if (origin is not None and origin.lower() != self._origin) or site not in (None, "same-origin"):
            raise Denied(f"a sign-in link must be opened at {self._origin}")


def well_formed(token: str) -> str:
    """The token, if it can travel as one. Raises Unauthenticated."""
    if not _TOKEN.fullmatch(token):
        raise Unauthenticated("the access token is not one of this Errand's; sign in again")
    return token
