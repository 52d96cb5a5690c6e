"""The gateway's application, put together."""

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.middleware import Middleware

from errand_common.clock import Clock
from errand_gateway import problems
from errand_gateway.address import PublicAddress
from errand_gateway.config import GatewaySettings
from errand_gateway.cookies import Cookies
from errand_gateway.edge.body_limit import BodyLimit
from errand_gateway.edge.headers import SecurityHeaders
from errand_gateway.edge.requests import Requests
from errand_gateway.health import HealthRoutes
from errand_gateway.live.limits import Census, LiveLimits
from errand_gateway.live.socket import LiveRoute
from errand_gateway.page.routes import PageRoutes
from errand_gateway.rest.account_routes import AccountRoutes
from errand_gateway.rest.blob_routes import BlobRoutes
from errand_gateway.rest.git_credential_routes import GitCredentialRoutes
from errand_gateway.rest.history_routes import HistoryRoutes
from errand_gateway.rest.input_routes import InputRoutes
from errand_gateway.rest.secret_routes import SecretRoutes
from errand_gateway.rest.task_routes import TaskRoutes
from errand_gateway.scheduler.accounts import Accounts
from errand_gateway.scheduler.connection import Connection
from errand_gateway.scheduler.inputs import Inputs
from errand_gateway.scheduler.project_secrets import ProjectSecrets
from errand_gateway.scheduler.tasks import Tasks
from errand_gateway.sessions import Sessions
from errand_gateway.signin.callback import Callback
from errand_gateway.signin.departures import Departures
from errand_gateway.signin.flow import new_flows, new_grants
from errand_gateway.signin.github import GitHubSignIn
from errand_gateway.signin.links import Links
from errand_gateway.signin.routes import SignInRoutes
from errand_gateway.signin.start import Start
from errand_gateway.signin.tokens import Tokens

_DESCRIPTION = """Errand's REST surface. Sign in at `/auth/start`, or by link (`/auth/methods` tells);
send the access token as a bearer token.

`/v1/live` is a WebSocket: `subscribe` to a task, or to all of them, from a cursor; it replays
what is after it, then follows."""


@dataclass(frozen=True)
class Parts:
    """What the application is made of."""

    settings: GatewaySettings
    connection: Connection
    public: PublicAddress
    clock: Clock
    limits: LiveLimits


def make_app(parts: Parts) -> FastAPI:
    """The ASGI application."""
    cookies = Cookies(secure=parts.public.secure)
    sessions = Sessions(cookies, origin=parts.public.origin)
    accounts, tasks = Accounts(parts.connection), Tasks(parts.connection)
    app = FastAPI(
        title="Errand",
        version="1",
        description=_DESCRIPTION,
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[
            Middleware(SecurityHeaders, secure=parts.public.secure),
            Middleware(Requests),
            Middleware(BodyLimit),
        ],
    )
    app.state.sessions = sessions
    problems.install(app)
    for routes in (
        _sign_in(parts, accounts=accounts, cookies=cookies, sessions=sessions),
        AccountRoutes(accounts),
        GitCredentialRoutes(accounts),
        SecretRoutes(ProjectSecrets(parts.connection)),
        TaskRoutes(tasks),
        InputRoutes(Inputs(parts.connection)),
        HistoryRoutes(tasks),
        BlobRoutes(tasks),
        HealthRoutes(parts.connection),
        PageRoutes(),
    ):
        app.include_router(routes.router())
    live = LiveRoute(
        sessions=sessions, accounts=accounts, tasks=tasks, census=Census(parts.limits), limits=parts.limits
    )
    app.add_api_websocket_route("/v1/live", live.serve)
    return app


def _sign_in(parts: Parts, *, accounts: Accounts, cookies: Cookies, sessions: Sessions) -> SignInRoutes:
    settings = parts.settings
    flows, grants = new_flows(parts.clock), new_grants(parts.clock)
    github = _github(settings, parts.public)
    departures = Departures(flows, github) if github else None
    return SignInRoutes(
        start=Start(departures, cookies=cookies, allowed_redirects=settings.app_redirects),
        callback=Callback(flows, grants, github=github, accounts=accounts, cookies=cookies),
        links=Links(departures, accounts=accounts, cookies=cookies, sessions=sessions),
        tokens=Tokens(grants, accounts=accounts, cookies=cookies, sessions=sessions),
        accounts=accounts,
        cookies=cookies,
    )


def _github(settings: GatewaySettings, public: PublicAddress) -> GitHubSignIn | None:
    """None where people sign in by link alone."""
    if settings.github_client_id is None or settings.github_client_secret is None:
        return None
    return GitHubSignIn(
        url=settings.github_url,
        client_id=settings.github_client_id,
        client_secret=settings.github_client_secret,
        callback_url=f"{public.url}/auth/callback",
    )
