"""What answers calls: the edges of a scheduler's parts, put on a server."""

from functools import cached_property

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from errand.v1.access_service_pb2_grpc import add_AccessServiceServicer_to_server
from errand.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from errand.v1.dispatch_service_pb2_grpc import add_DispatchServiceServicer_to_server
from errand.v1.enrolment_service_pb2_grpc import add_EnrolmentServiceServicer_to_server
from errand.v1.fleet_service_pb2_grpc import add_FleetServiceServicer_to_server
from errand.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server
from errand_common import contract
from errand_scheduler.access.lending import Lending
from errand_scheduler.access.sign_in_links import new_links
from errand_scheduler.edges.access import AccessEdge
from errand_scheduler.edges.account import AccountEdge
from errand_scheduler.edges.arrivals import Arrivals
from errand_scheduler.edges.blobs import Blobs
from errand_scheduler.edges.directives import Directing
from errand_scheduler.edges.dispatch import DispatchEdge
from errand_scheduler.edges.drawing import Drawing
from errand_scheduler.edges.enrolment import EnrolmentEdge
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
from errand_scheduler.parts import Parts
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.recent_room import RecentRoom

_SERVICES = [service.full_name for service in contract.services()]
_ONLY_READ = ("errand.v1.FleetService",)


class Handlers(Parts):
    """Parts with the edges in front of them, each made when it is asked for."""

    async def tell_writable(self, writable: bool) -> None:
        """Have gRPC's health say whether what is asked of a service will be done."""
        status = health_pb2.HealthCheckResponse
        for name in _SERVICES:
            self._health.tell(name, status.SERVING if writable or name in _ONLY_READ else status.NOT_SERVING)

    def _add_handlers(self, server: grpc.aio.Server) -> None:
        add_TaskServiceServicer_to_server(self._make_task_edge(), server)
        add_AccountServiceServicer_to_server(self._make_account_edge(), server)
        add_AccessServiceServicer_to_server(self._make_access_edge(), server)
        add_DispatchServiceServicer_to_server(self._make_dispatch_edge(), server)
        add_EnrolmentServiceServicer_to_server(
            EnrolmentEdge(reader=self._reader, writer=self._writer, ids=self._ids, clock=self._clock), server
        )
        add_FleetServiceServicer_to_server(self._make_fleet_edge(), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*_SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME], server)

    @cached_property
    def _health(self) -> HealthEdge:
        return HealthEdge()

    @cached_property
    def _directives(self) -> Directing:
        return Directing(self._board, self._writer)

    @cached_property
    def _blobs(self) -> Blobs:
        return Blobs(
            reader=self._reader,
            writer=self._writer,
            board=self._board,
            sessions=self._sessions,
            files=self._blob_files,
        )

    @cached_property
    def _drawing(self) -> Drawing:
        limit = self._settings.day_nanodollars
        return Drawing(self._reader, self._writer, self._clock, limit=limit, durations=self._durations)

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
