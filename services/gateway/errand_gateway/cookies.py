"""The names and flags of the web's cookies."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from errand_gateway.scheduler.accounts import Session

_AUTH_PATH = "/auth"


class Cookies:
    """Three cookies, none readable by scripts: the session, its refresh token, and a sign-in under way.

    Over TLS their names carry the prefixes with which a browser refuses them from anyone but this host.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._session = "__Host-errand_session" if secure else "errand_session"
        self._refresh = "__Secure-errand_refresh" if secure else "errand_refresh"
        self._flow = "__Secure-errand_sign_in" if secure else "errand_sign_in"

    def session_token(self, connection: HTTPConnection) -> str | None:
        """The access token of a signed-in browser."""
        return connection.cookies.get(self._session)

    def refresh_token(self, connection: HTTPConnection) -> str | None:
        """The refresh token of a signed-in browser."""
        return connection.cookies.get(self._refresh)

    def flow_secret(self, connection: HTTPConnection) -> str | None:
        """What the browser was given when its sign-in began."""
        return connection.cookies.get(self._flow)

    def set_session(self, response: Response, session: Session) -> None:
        """Sign the browser in."""
        self._set(response, self._session, session.access_token, path="/", max_age_s=session.access_s)
        self._set(response, self._refresh, session.refresh_token, path=_AUTH_PATH, max_age_s=session.refresh_s)

    def set_flow(self, response: Response, secret: str, *, max_age_s: float) -> None:
        """Bind a sign-in to this browser."""
        self._set(response, self._flow, secret, path=_AUTH_PATH, max_age_s=max_age_s)

    def clear_flow(self, response: Response) -> None:
        """The sign-in is over."""
        self._clear(response, self._flow, path=_AUTH_PATH)

    def clear_session(self, response: Response) -> None:
        """Sign the browser out."""
        self._clear(response, self._session, path="/")
        self._clear(response, self._refresh, path=_AUTH_PATH)

    def _set(self, response: Response, name: str, value: str, *, path: str, max_age_s: float) -> None:
        response.set_cookie(
            name, value, max_age=int(max_age_s), path=path, secure=self._secure, httponly=True, samesite="lax"
        )

    def _clear(self, response: Response, name: str, *, path: str) -> None:
        response.delete_cookie(name, path=path, secure=self._secure, httponly=True, samesite="lax")
