"""The stand-in as a whole: one port for web, REST and git."""

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.standins.github.access import Access
from tests.standins.github.accounts import Accounts, Client
from tests.standins.github.apps import Apps, Permissions
from tests.standins.github.apps_api import AppsApi
from tests.standins.github.by_id import with_ids
from tests.standins.github.clock import Clock, utc_now
from tests.standins.github.content import Content
from tests.standins.github.control import Control
from tests.standins.github.faults import Death, Faults
from tests.standins.github.organisations_api import OrganisationsApi
from tests.standins.github.pulls import PullRequest, PullRequests
from tests.standins.github.pulls_api import PullsApi
from tests.standins.github.rate import RateLimit
from tests.standins.github.repositories import Repositories, Repository
from tests.standins.github.repositories_api import RepositoriesApi
from tests.standins.github.rest import RestFrame
from tests.standins.github.rights import Right, RightName
from tests.standins.github.sign_in import SignIn
from tests.standins.github.smart_http import SmartHttp
from tests.standins.github.token_exchange import TokenExchange

LOOPBACK = "127.0.0.1"

APP_PERMISSIONS = {"contents": "write", "pull_requests": "write", "metadata": "read"}
"""What Errand asks of its app's owner."""

# GitHub's limit for a signed-in person, calls an hour.
_RATE_LIMIT = 5000
# Exchanges still open when the stand-in ends get this long.
_SHUTDOWN_S = 1.0


class GitHubStandin:
    """`async with GitHubStandin(root) as github`; repositories lie in `root`, everything else is in memory.

    Containers reach it where `host` is an address of this machine on their network. `port` 0 takes a free one.
    With `auto_consent` off, signing in shows a page with a form.
    """

    def __init__(
        self, root: Path, *, host: str = LOOPBACK, port: int = 0, auto_consent: bool = True, now: Clock = utc_now
    ) -> None:
        self.control_key = secrets.token_urlsafe(24)
        self._host = host
        self._port = port
        self._accounts = Accounts(now)
        self._repositories = Repositories(root.absolute(), now)
        self._pulls = PullRequests(now)
        self._faults = Faults()
        self._rate_limit = RateLimit(_RATE_LIMIT, now)
        self._apps = Apps(self._accounts)
        self._now = now
        self._sign_in = SignIn(self._accounts, auto_consent=auto_consent)
        self._runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S
        )

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The web address, without a final slash. The stand-in must be running."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    @property
    def api_url(self) -> str:
        """The REST address, without a final slash."""
        return f"{self.url}/api/v3"

    def clone_url(self, full_name: str) -> str:
        return f"{self.url}/{full_name}.git"

    def add_user(self, login: str) -> None:
        """Idempotent."""
        self._accounts.add_user(login)

    def add_member(self, organisation: str, login: str) -> None:
        """Has a known person be in an organisation."""
        self._accounts.add_member(organisation, login)

    def remove_member(self, organisation: str, login: str) -> None:
        """Has a person leave an organisation."""
        self._accounts.remove_member(organisation, login)

    def sign_in_as(self, login: str) -> None:
        """From now on this person is the one in the browser."""
        self._accounts.add_user(login)
        self._sign_in.current = login

    def add_client(self, client_id: str, secret: str, redirect_uris: Iterable[str], *, expiring: bool = False) -> None:
        """Registers an OAuth app, or replaces one; `expiring`: the sign-in of a GitHub App."""
        client = Client(id=client_id, secret=secret, redirect_uris=tuple(redirect_uris), expiring=expiring)
        self._accounts.add_client(client)

    def add_app(self, slug: str, *, client_id: str = "", permissions: Permissions = APP_PERMISSIONS) -> tuple[str, str]:
        """Registers a GitHub App; its id and its private key."""
        app, key = self._apps.add(slug, client_id=client_id, permissions=permissions)
        return str(app.id), key

    def install(self, slug: str, full_name: str) -> None:
        """The app may work on this repository too, with the permissions that it asks for."""
        self._apps.install(slug, full_name)

    def uninstall(self, slug: str, full_name: str) -> None:
        self._apps.uninstall(slug, full_name)

    def grant_app(self, slug: str, full_name: str, permissions: Permissions) -> None:
        """What the owner of the repository lets the app do, in place of what it asked for."""
        self._apps.grant(slug, full_name, permissions)

    def issue_pair(self, login: str, client_id: str) -> tuple[str, str]:
        """A token that expires and what renews it, without the sign-in."""
        pair = self._accounts.issue_pair(login, client_id)
        return pair.token.value, pair.refresh

    def live_app_tokens(self) -> list[str]:
        """Tokens of installations that are good now, oldest first."""
        return [each.value for each in self._accounts.live_tokens() if each.reach is not None]

    async def add_repository(
        self, full_name: str, content: Content, *, default_branch: str = "main", private: bool = True
    ) -> Repository:
        """Makes `owner/name`; see `content` for what can fill it. A copy keeps its source's default branch."""
        return await self._repositories.add(full_name, content, default_branch=default_branch, private=private)

    def grant(self, login: str, full_name: str, right: RightName) -> None:
        """Gives a person a right on a repository, in place of an earlier one."""
        self._accounts.add_user(login)
        self._repositories.grant(login, full_name, Right[right.upper()])

    def rename_default_branch(self, full_name: str, branch: str) -> None:
        """The default branch is this one from now on; the branches themselves are git's."""
        self._repositories.rename_default_branch(full_name, branch)

    def forget(self, full_name: str) -> None:
        """The repository is deleted; its git directory stays on disk, unreachable."""
        self._repositories.forget(full_name)

    def archive(self, full_name: str) -> None:
        """From now on nobody may push there."""
        self._repositories.archive(full_name)

    def rename_repository(self, full_name: str, new: str) -> None:
        """Its pages, its interface and its git answer under the old name with the way to the new one."""
        self._repositories.rename(full_name, new)
        self._apps.rename(full_name, new)

    def block(self, full_name: str) -> None:
        """GitHub takes it down for legal reasons."""
        self._repositories.block(full_name)

    def forbid_drafts(self, full_name: str) -> None:
        """A private repository whose owner does not pay for drafts."""
        self._repositories.forbid_drafts(full_name)

    def issue_token(self, login: str, scopes: Iterable[str] = ("repo",)) -> str:
        """A token without the sign-in, as a person makes one in their settings."""
        return self._accounts.issue_token(login, scopes).value

    def revoke_token(self, token: str) -> None:
        """At once and for good; idempotent."""
        self._accounts.revoke_token(token)

    def tokens_issued(self) -> list[str]:
        """Every token ever handed out, revoked ones too, oldest first."""
        return self._accounts.tokens_issued()

    def pull_requests(self, full_name: str) -> list[PullRequest]:
        """Newest first. Raises ValueError for an unknown repository."""
        repository = self._repositories.find(full_name)
        if repository is None:
            raise ValueError(f"no repository {full_name}; call add_repository first")
        return self._pulls.all(repository)

    def directory(self, full_name: str) -> Path:
        """Where its git lies. Raises ValueError for an unknown repository."""
        repository = self._repositories.find(full_name)
        if repository is None:
            raise ValueError(f"no repository {full_name}; call add_repository first")
        return repository.directory

    def outage(self, on: bool, *, only: str = "") -> None:
        """While on, everything answers 502; or only what has this in its address, such as git-receive-pack."""
        self._faults.outage = only if on else None

    def kill_at(self, pid: int, *, only: str, after: bool) -> None:
        """Kills a process at its next call, or whosoever's, with this in its address; `after` it had its effect."""
        self._faults.death = Death(pid, only, after)

    def deny_next(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """Refuses one REST call to come; each call of this adds one more."""
        self._faults.deny_next(status, message, headers or {})

    def limit_rate(self, calls_per_hour: int) -> None:
        """Calls already made in this hour count."""
        self._rate_limit.limit = calls_per_hour

    def _application(self) -> web.Application:
        access = Access(self._accounts, self._repositories, self._apps)
        frame = RestFrame(self._accounts, self._rate_limit, self._faults)
        rest = web.Application(middlewares=[frame.middleware])
        rest.add_routes(with_ids(RepositoriesApi(self._repositories, access).routes()))
        rest.add_routes(with_ids(AppsApi(self._apps, self._accounts, self._repositories, access, self._now).routes()))
        rest.add_routes(with_ids(PullsApi(self._pulls, access).routes()))
        rest.add_routes(OrganisationsApi(self._accounts, access).routes())
        application = web.Application(middlewares=[self._faults.middleware])
        application.add_routes(self._sign_in.routes())
        application.add_routes(TokenExchange(self._accounts, self._now).routes())
        application.add_routes(Control(self, self.control_key).routes())
        application.add_subapp("/api/v3", rest)
        application.add_routes(SmartHttp(self._accounts, self._repositories, access).routes())
        return application
