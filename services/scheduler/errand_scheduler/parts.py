"""The parts of a scheduler put together: what judges, then the edges."""

from collections.abc import Callable, Sequence

import grpc

from errand_common import contract, rpc
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.ids import Ids
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.app_tokens import AppTokens, app_key
from errand_scheduler.access.auth import Authority, CallGuard
from errand_scheduler.access.lending import Lending
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.people import People
from errand_scheduler.access.project_secrets import ProjectSecrets
from errand_scheduler.access.rates import Rates
from errand_scheduler.access.revoking import Revoking
from errand_scheduler.access.rights import PushRights
from errand_scheduler.access.sign_in_links import new_links
from errand_scheduler.access.single_user import Owner
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.access.vault import open_vault
from errand_scheduler.announcer import Announcer
from errand_scheduler.board import Board
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.durations import Durations
from errand_scheduler.edges.access import AccessEdge
from errand_scheduler.edges.account import AccountEdge
from errand_scheduler.edges.arrivals import Arrivals
from errand_scheduler.edges.blobs import Blobs
from errand_scheduler.edges.directives import Directing
from errand_scheduler.edges.dispatch import DispatchEdge
from errand_scheduler.edges.drawing import Drawing
from errand_scheduler.edges.events import EventsIn
from errand_scheduler.edges.explain import Explanations
from errand_scheduler.edges.fleet import FleetEdge
from errand_scheduler.edges.health import HealthEdge
from errand_scheduler.edges.join_tokens import JoinTokensEdge
from errand_scheduler.edges.leaving import Leaving
from errand_scheduler.edges.pull_request import PullRequests
from errand_scheduler.edges.runners import RunnersEdge
from errand_scheduler.edges.secrets_of_projects import SecretsEdge
from errand_scheduler.edges.sign_in import SignIns
from errand_scheduler.edges.task import TaskEdge
from errand_scheduler.folder import DataFolder
from errand_scheduler.git_hosts import GitHosts
from errand_scheduler.github import GitHub, Wire
from errand_scheduler.github.as_app import GitHubApp
from errand_scheduler.github.renewal import Renewal
from errand_scheduler.keeping.backups import Backups
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.keeping.blob_sweep import BlobSweep
from errand_scheduler.keeping.retention import Retention
from errand_scheduler.metrics.phases import Phases
from errand_scheduler.metrics.state import State
from errand_scheduler.placing.placer import Placer
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Writer
from errand_scheduler.sweeper import Sweeper
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.hub import Hub
from errand_scheduler.watching.recent_room import RecentRoom

NewServer = Callable[[Sequence[grpc.aio.ServerInterceptor]], grpc.aio.Server]
"""Makes the server that the handlers are added to."""


class Parts:
    """Everything between the store and the port, made once; each edge when it is asked for."""

    def __init__(
        self,
        settings: SchedulerSettings,
        clock: Clock,
        *,
        reader: Reader,
        writer: Writer,
        github: GitHub,
        github_api: Wire,
        git_hosts: GitHosts,
        announcer: Announcer,
        history: Meta,
        room: Room,
        blob_files: BlobFiles,
        ids: Ids,
        new_server: NewServer = rpc.server,
    ) -> None:
        self._room = room
        self._settings, self._clock, self._ids, self._new_server = settings, clock, ids, new_server
        self._reader, self._writer, self._github, self._history = reader, writer, github, history
        self._durations = Durations(settings.beat_seconds)
        self._vault = open_vault(settings.keys_file)
        self._hub = Hub(Cursors(history.epoch))
        self._board = Board(clock, self._durations)
        self._sessions = RunnerSessions(clock, self._ids, self._durations)
        self._directives = Directing(self._board, writer)
        self._blobs = Blobs(reader=reader, writer=writer, board=self._board, sessions=self._sessions, files=blob_files)
        self._backups = Backups(DataFolder(settings.data), blob_files, clock)
        self._retention = self._make_retention()
        self._github_api = github_api
        self._people = People(self._vault, self._ids)
        self._owner = self._make_owner()
        self._admission = self._owner or Listed(settings.admitted)
        self._authority = Authority(reader, clock, self._admission)
        self._others = OtherHosts(git_hosts, reader, self._vault)
        self._tokens = self._make_tokens()
        self._app = self._make_app()
        self._revoking = Revoking(
            api=github_api,
            reader=reader,
            writer=writer,
            vault=self._vault,
            retry_s=self._durations.github_retry_s,
        )
        self._rights = self._make_rights()
        self._secrets = ProjectSecrets(reader=reader, vault=self._vault, admission=self._admission)
        self._drawing = Drawing(reader, writer, clock, limit=settings.day_nanodollars, durations=self._durations)
        self._placer = self._make_placer()
        self._sweeper = Sweeper(writer, self._board, self._sessions.modes, clock, self._durations)
        rates = Rates(clock, per_second=settings.calls_per_second)
        self._guard = CallGuard(self._authority, rates, contract.scopes(), contract.streams(), self._ids)
        self.state = State(
            board=self._board,
            placer=self._placer,
            sessions=self._sessions,
            hub=self._hub,
            writer=writer,
            room=room,
        )
        self._health = HealthEdge()
        announcer.connect(
            hub=self._hub,
            board=self._board,
            sessions=self._sessions,
            placer=self._placer,
            authority=self._authority,
            rights=self._rights,
            phases=Phases(clock),
            on_end=self._attempt_over,
        )

    def _attempt_over(self, attempt_id: str) -> None:
        if self._app is not None:
            self._app.over(attempt_id)
        self._revoking.wake()

    def _make_tokens(self) -> UserTokens:
        settings = self._settings
        renewal = None
        if settings.github_client_id is not None and settings.github_client_secret is not None:
            renewal = Renewal(
                self._github_api,
                url=settings.github_url,
                client_id=settings.github_client_id,
                client_secret=settings.github_client_secret,
            )
        return UserTokens(
            reader=self._reader,
            writer=self._writer,
            vault=self._vault,
            admission=self._admission,
            clock=self._clock,
            renewal=renewal,
            refused=self._github_api.refused,
        )

    def _make_app(self) -> AppTokens | None:
        settings = self._settings
        if settings.github_app_id is None or settings.github_app_key_file is None:
            return None
        return AppTokens(
            GitHubApp(self._github_api, app_id=settings.github_app_id, key=app_key(settings.github_app_key_file)),
            writer=self._writer,
            vault=self._vault,
            clock=self._clock,
            retry_s=self._durations.github_retry_s,
        )

    def _make_owner(self) -> Owner | None:
        if self._settings.github_token is None:
            return None
        return Owner(
            self._settings.github_token,
            reader=self._reader,
            writer=self._writer,
            vault=self._vault,
            people=self._people,
            github=self._github,
            retry_s=self._durations.github_retry_s,
        )

    def _make_retention(self) -> Retention:
        return Retention(
            self._reader,
            self._writer,
            self._clock,
            self._durations,
            days=self._settings.retention_days,
            files=BlobSweep(DataFolder(self._settings.data).blobs),
            backups=self._backups,
        )

    def _make_rights(self) -> PushRights:
        return PushRights(
            reader=self._reader,
            tokens=self._tokens,
            github=self._github,
            app=self._app,
            others=self._others,
            clock=self._clock,
            durations=self._durations,
        )

    def _make_placer(self) -> Placer:
        return Placer(
            reader=self._reader,
            writer=self._writer,
            ids=self._ids,
            clock=self._clock,
            durations=self._durations,
            board=self._board,
            sessions=self._sessions,
            rights=self._rights,
            most_live=self._settings.max_running_per_user,
        )

    def _make_task_edge(self) -> TaskEdge:
        return TaskEdge(
            reader=self._reader,
            writer=self._writer,
            ids=self._ids,
            board=self._board,
            hub=self._hub,
            cursors=Cursors(self._history.epoch),
            durations=self._durations,
            room=RecentRoom(self._room, self._clock),
            blobs=self._blobs,
            most_pending=self._settings.max_pending_per_user,
            default_allowance=self._settings.task_allowance,
            explanations=Explanations(reader=self._reader, clock=self._clock, board=self._board, placer=self._placer),
        )

    def _make_account_edge(self) -> AccountEdge:
        return AccountEdge(
            reader=self._reader,
            writer=self._writer,
            ids=self._ids,
            sign_ins=self._make_sign_ins(),
            github=self._github,
            tokens=self._tokens,
            others=self._others,
            rights=self._rights,
            secrets=SecretsEdge(reader=self._reader, writer=self._writer, ids=self._ids, secrets=self._secrets),
            github_url=self._settings.github_url,
            drawing=self._drawing,
        )

    def _make_access_edge(self) -> AccessEdge:
        return AccessEdge(
            reader=self._reader, writer=self._writer, ids=self._ids, clock=self._clock, admission=self._admission
        )

    def _make_sign_ins(self) -> SignIns:
        return SignIns(
            reader=self._reader,
            writer=self._writer,
            people=self._people,
            github=self._github,
            links=new_links(self._clock),
            admission=self._admission,
        )

    def _make_dispatch_edge(self) -> DispatchEdge:
        lending = Lending(
            tokens=self._tokens,
            app=self._app,
            others=self._others,
            github=self._github,
            clock=self._clock,
            people_sign_in=self._owner is None,
        )
        return DispatchEdge(
            reader=self._reader,
            writer=self._writer,
            clock=self._clock,
            durations=self._durations,
            board=self._board,
            sessions=self._sessions,
            placer=self._placer,
            arrivals=Arrivals(
                reader=self._reader,
                writer=self._writer,
                durations=self._durations,
                board=self._board,
                sessions=self._sessions,
            ),
            directives=self._directives,
            events=self._make_events_in(),
            blobs=self._blobs,
            rights=self._rights,
            lending=lending,
            secrets=self._secrets,
            pull_requests=PullRequests(
                reader=self._reader,
                writer=self._writer,
                clock=self._clock,
                lending=lending,
                public_url=self._settings.public_url,
            ),
            drawing=self._drawing,
            leaving=Leaving(self._writer, of_settings=self._settings.runners),
        )

    def _make_events_in(self) -> EventsIn:
        return EventsIn(
            reader=self._reader,
            writer=self._writer,
            board=self._board,
            sessions=self._sessions,
            durations=self._durations,
            hub=self._hub,
            directives=self._directives,
        )

    def _make_fleet_edge(self) -> FleetEdge:
        return FleetEdge(
            self._writer,
            self._backups,
            self.state,
            RunnersEdge(
                reader=self._reader,
                writer=self._writer,
                durations=self._durations,
                board=self._board,
                sessions=self._sessions,
                of_settings=self._settings.runners,
            ),
            JoinTokensEdge(
                reader=self._reader,
                writer=self._writer,
                ids=self._ids,
                clock=self._clock,
                ca=self._settings.tls_ca_file or DataFolder(self._settings.data).ca,
            ),
        )
