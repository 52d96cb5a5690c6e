"""The parts of a scheduler put together: all that judges and keeps, behind what answers calls."""

from collections.abc import Callable, Sequence

import grpc

from errand_common import contract, rpc
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.ids import Ids
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.app_tokens import AppTokens, app_key
from errand_scheduler.access.auth import Authority, CallGuard
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.people import People
from errand_scheduler.access.project_secrets import ProjectSecrets
from errand_scheduler.access.rates import Rates
from errand_scheduler.access.revoking import Revoking
from errand_scheduler.access.rights import PushRights
from errand_scheduler.access.single_user import Owner
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.access.vault import open_vault
from errand_scheduler.announcer import Announcer
from errand_scheduler.board import Board
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.durations import Durations
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

NewServer = Callable[[Sequence[grpc.aio.ServerInterceptor]], grpc.aio.Server]
"""Makes the server that the handlers are added to."""


class Parts:
    """Everything between the store and the edges, made once."""

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
        self._room, self._blob_files = room, blob_files
        self._settings, self._clock, self._ids, self._new_server = settings, clock, ids, new_server
        self._reader, self._writer, self._github, self._history = reader, writer, github, history
        self._durations = Durations(settings.beat_seconds)
        self._vault = open_vault(settings.keys_file)
        self._hub = Hub(Cursors(history.epoch))
        self._board = Board(clock, self._durations)
        self._sessions = RunnerSessions(clock, self._ids, self._durations)
        folder = DataFolder(settings.data)
        self._backups = Backups(folder, blob_files, clock)
        self._retention = self._make_retention()
        self._github_api = github_api
        self._people = People(self._vault, self._ids)
        self._owner = self._make_owner()
        self._admission = self._owner or Listed(settings.admitted)
        self._authority = Authority(reader, clock, self._admission)
        self._others = OtherHosts(git_hosts, reader, self._vault)
        self._tokens = self._make_tokens()
        self._app = self._make_app()
        self._revoking = self._make_revoking()
        self._rights = self._make_rights()
        self._secrets = ProjectSecrets(reader=reader, vault=self._vault, admission=self._admission)
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
            database=folder.database,
            room=room,
        )
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

    def _make_revoking(self) -> Revoking:
        return Revoking(
            api=self._github_api,
            reader=self._reader,
            writer=self._writer,
            vault=self._vault,
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
