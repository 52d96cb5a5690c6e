"""Sign-ins that set off for GitHub: each is remembered until the person comes back."""

import secrets

from errand_common.credentials import hash_token
from errand_gateway.signin.flow import AppReturn, Client, Flow, Flows
from errand_gateway.signin.github import GitHubSignIn

_VERIFIER_BYTES = 48


class Departures:
    """Gives the address of GitHub's page of consent."""

    def __init__(self, flows: Flows, github: GitHubSignIn) -> None:
        self._flows = flows
        self._github = github

    @property
    def lifetime_s(self) -> float:
        """How long a person may take to come back."""
        return self._flows.lifetime_s

    async def of_browser(self, *, link_secret: str = "") -> tuple[str, str]:
        """The address, and what binds the sign-in to this browser. A link's secret never stands in an address."""
        browser = secrets.token_urlsafe(32)
        flow = Flow("web", verifier=_new_verifier(), browser_hash=hash_token(browser), link_secret=link_secret)
        return await self._address(flow), browser

    async def of_app(self, client: Client, app: AppReturn) -> str:
        """The address."""
        return await self._address(Flow(client, verifier=_new_verifier(), app=app))

    async def _address(self, flow: Flow) -> str:
        state = self._flows.put(flow)
        return await self._github.authorize_url(state=state, verifier=flow.verifier)


def _new_verifier() -> str:
    return secrets.token_urlsafe(_VERIFIER_BYTES)
