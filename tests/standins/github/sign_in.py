"""The first half of the OAuth web flow: a person consents, and the app gets a code."""

from collections.abc import Mapping

from aiohttp import web
from yarl import URL

from tests.standins.github.accounts import Accounts, Client
from tests.standins.github.consent import consent_page
from tests.standins.github.redirects import chosen_redirect

_ERRORS_PAGE = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#"
_PARAMETERS = ("client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")


class SignIn:
    """Consents by itself as the signed-in person, or asks on a page.

    Who is signed in: the `login` parameter (GitHub's own, it suggests an account), else `current`, else the only user.
    """

    def __init__(self, accounts: Accounts, *, auto_consent: bool) -> None:
        self._accounts = accounts
        self._auto_consent = auto_consent
        self.current: str | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/login/oauth/authorize", self.ask), web.post("/login/oauth/authorize", self.answer)]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        client, redirect = self._checked(request.query)
        login = self._signed_in(request.query)
        if login is not None and self._auto_consent:
            raise self._let_in(client, redirect, login, request.query)
        parameters = {name: request.query[name] for name in _PARAMETERS if name in request.query}
        logins = [login] if login else [user.login for user in self._accounts.users()]
        return web.Response(text=consent_page(client.id, parameters, logins), content_type="text/html")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        client, redirect = self._checked(form)
        login = self._signed_in(form)
        if login is None:
            raise web.HTTPUnprocessableEntity(text="Sign in first: the form names no known user.")
        if form.get("authorize") != "1":
            raise _refused(redirect, form, error="access_denied", words="The user has denied your application access.")
        raise self._let_in(client, redirect, login, form)

    def _checked(self, parameters: Mapping[str, str]) -> tuple[Client, str]:
        """The client and where to send the person back. Raises the web answer to a request that cannot go on."""
        client = self._accounts.client(parameters.get("client_id", ""))
        if client is None:
            raise web.HTTPNotFound(text="Not Found: no application has this client_id.")
        redirect = chosen_redirect(client, parameters.get("redirect_uri", ""))
        if redirect is None:
            raise _refused(
                client.redirect_uris[0],
                parameters,
                error="redirect_uri_mismatch",
                words="The redirect_uri MUST match the registered callback URL for this application.",
            )
        if "code_challenge" in parameters and parameters.get("code_challenge_method") != "S256":
            raise _refused(redirect, parameters, error="invalid_request", words="code_challenge_method must be S256.")
        return client, redirect

    def _signed_in(self, parameters: Mapping[str, str]) -> str | None:
        users = self._accounts.users()
        only = users[0].login if len(users) == 1 else ""
        user = self._accounts.user(parameters.get("login") or self.current or only)
        return user.login if user else None

    def _let_in(self, client: Client, redirect: str, login: str, parameters: Mapping[str, str]) -> web.HTTPFound:
        code = self._accounts.open_grant(
            client,
            login=login,
            scopes=parameters.get("scope", "").replace(",", " ").split(),
            redirect_uri=redirect,
            challenge=parameters.get("code_challenge"),
        )
        return _sent_back(redirect, parameters, {"code": code})


def _refused(redirect: str, parameters: Mapping[str, str], *, error: str, words: str) -> web.HTTPFound:
    page = _ERRORS_PAGE + error.replace("_", "-")
    return _sent_back(redirect, parameters, {"error": error, "error_description": words, "error_uri": page})


def _sent_back(redirect: str, parameters: Mapping[str, str], answer: Mapping[str, str]) -> web.HTTPFound:
    state = {"state": parameters["state"]} if "state" in parameters else {}
    return web.HTTPFound(URL(redirect).update_query({**answer, **state}))
