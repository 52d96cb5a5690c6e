"""GitHub's side of the sign-in: the page to send people to, and the exchange of its code."""

import asyncio
import ssl

import httpx2
import structlog
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from pydantic import SecretStr

from errand_common.errors import ErrandError, Invalid, Unavailable
from errand_gateway.scheduler.accounts import GitHubTokens

# What an OAuth app needs to clone, push and open pull requests; a GitHub App has its rights and ignores it.
_SCOPE = "repo read:org"
_EXCHANGE_S = 10.0
_OWNERS_FAULTS = ("incorrect_client_credentials", "redirect_uri_mismatch", "application_suspended")

log = structlog.get_logger()


class GitHubSignIn:
    """The only part of the gateway that talks to GitHub."""

    def __init__(self, *, url: str, client_id: str, client_secret: SecretStr, callback_url: str) -> None:
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret
        self._callback_url = callback_url
        # Loading the machine's certificates takes long enough to be done once.
        self._tls: ssl.SSLContext = httpx2.create_ssl_context()

    async def authorize_url(self, *, state: str, verifier: str) -> str:
        """The page on which the person consents."""
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                f"{self._url}/login/oauth/authorize", state=state, code_verifier=verifier
            )
        return str(url)

    async def exchange(self, *, code: str, verifier: str) -> GitHubTokens:
        """The tokens that the code stands for. Raises Invalid for a bad code, Unavailable when GitHub is away."""
        try:
            async with asyncio.timeout(_EXCHANGE_S), self._client() as client:
                token = await client.fetch_token(
                    f"{self._url}/login/oauth/access_token", code=code, code_verifier=verifier
                )
        except OAuthError as exc:
            raise _refusal(str(exc.error)) from exc
        except (httpx2.HTTPError, TimeoutError, ValueError) as exc:
            log.warning("github_exchange_failed", error=type(exc).__name__)
            words = "GitHub does not answer at the moment; nothing was changed, try again"
            raise Unavailable(words, reason="GITHUB_UNAVAILABLE") from exc
        return _tokens(token)

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret.get_secret_value(),
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
            scope=_SCOPE,
            redirect_uri=self._callback_url,
            code_challenge_method="S256",
            verify=self._tls,
            timeout=_EXCHANGE_S,
        )


def _refusal(error: str) -> ErrandError:
    log.warning("github_refused_code", error=error)
    if error in _OWNERS_FAULTS:
        return Unavailable(f"GitHub refused this Errand's own app ({error}); its owner must put its settings right")
    return Invalid(f"GitHub did not accept the sign-in ({error}); start it again")


def _tokens(token: dict[str, object]) -> GitHubTokens:
    access_token, expires_in = token.get("access_token"), token.get("expires_in")
    if not isinstance(access_token, str) or not access_token:
        raise Unavailable("GitHub answered without a token; try again", reason="GITHUB_UNAVAILABLE")
    return GitHubTokens(
        access_token=access_token,
        refresh_token=str(token.get("refresh_token") or ""),
        access_s=float(str(expires_in)) if expires_in else None,
    )
