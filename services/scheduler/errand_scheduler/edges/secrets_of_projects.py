"""What people set as a project's secrets. No answer holds a value."""

from errand.v1 import account_service_pb2 as pb
from errand_common.errors import NotFound
from errand_common.ids import Ids
from errand_common.wire import timestamp
from errand_scheduler.access.callers import Note, caller, person
from errand_scheduler.access.project_secrets import ProjectSecrets
from errand_scheduler.access.secret_rules import check_name, check_value
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.edges.own_project import find_project, owned
from errand_scheduler.edges.requests import check_id
from errand_scheduler.store import project_secrets, projects
from errand_scheduler.store.project_secrets import ProjectSecret
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer


class SecretsEdge:
    """The calls of AccountService about secrets."""

    def __init__(self, *, reader: Reader, writer: Writer, ids: Ids, secrets: ProjectSecrets) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._secrets = secrets

    async def set(self, request: pb.SetProjectSecretRequest) -> pb.SetProjectSecretResponse:
        """Set or replace one. Raises Invalid, and NotFound unless the project is the caller's."""
        user_id, secret_id, note = person().user_id, self._ids.new("sec"), caller().note
        check_id(request.project_id, "prj", field="project_id")
        check_name(request.name)
        check_value(request.value)
        # A hash of a request with the value in it would let anybody who reads the database try values against it.
        told = pb.SetProjectSecretRequest()
        told.CopyFrom(request)
        told.ClearField("value")
        asked = sent(told, user_id=user_id, method="SetProjectSecret", request_id=request.request_id)
        secret = await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: self._put(tx, user_id, secret_id, request, note),
                again=lambda _: _known(tx, user_id, request),
                id_of=lambda made: made.secret_id,
            ),
            size_bytes=len(request.value),
        )
        return pb.SetProjectSecretResponse(secret=_shown(secret))

    async def remove(self, request: pb.RemoveProjectSecretRequest) -> pb.RemoveProjectSecretResponse:
        """Remove one, where it is there. Raises Invalid, and NotFound unless the project is the caller's."""
        user_id, note = person().user_id, caller().note
        check_id(request.project_id, "prj", field="project_id")
        asked = sent(request, user_id=user_id, method="RemoveProjectSecret", request_id=request.request_id)

        def remove(tx: Tx) -> Project:
            project = find_project(tx, user_id, request.project_id)
            self._secrets.remove(tx, project, request.name, note)
            return project

        await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: remove(tx),
                again=lambda known_id: find_project(tx, user_id, known_id),
                id_of=lambda project: project.project_id,
            )
        )
        return pb.RemoveProjectSecretResponse()

    async def list(self, request: pb.ListProjectSecretsRequest) -> pb.ListProjectSecretsResponse:
        """What is set, without the values. Raises Invalid, and NotFound unless the project is the caller's."""
        check_id(request.project_id, "prj", field="project_id")
        found = await self._reader.one(projects.by_id(request.project_id))
        project = owned(found, person().user_id, request.project_id)
        secrets = await self._reader.all(project_secrets.of_project(project.project_id))
        return pb.ListProjectSecretsResponse(secrets=[_shown(each) for each in secrets])

    def _put(
        self, tx: Tx, user_id: str, secret_id: str, request: pb.SetProjectSecretRequest, note: Note
    ) -> ProjectSecret:
        return self._secrets.put(
            tx,
            find_project(tx, user_id, request.project_id),
            note,
            name=request.name,
            value=request.value,
            agent_may_read=request.agent_may_read,
            secret_id=secret_id,
        )


def _known(tx: Tx, user_id: str, request: pb.SetProjectSecretRequest) -> ProjectSecret:
    """As it is now, which may be another value than this request set. Raises NotFound where it is gone."""
    project = find_project(tx, user_id, request.project_id)
    secret = tx.one(project_secrets.by_name(project.project_id, request.name))
    if secret is None:
        raise NotFound(f"{project.repository} has no secret {request.name} any more; set it anew")
    return secret


def _shown(secret: ProjectSecret) -> pb.ProjectSecret:
    return pb.ProjectSecret(name=secret.name, agent_may_read=secret.agent_may_read, set_time=timestamp(secret.set_time))
