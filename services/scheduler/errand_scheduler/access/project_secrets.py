"""Project secrets: sealed as they are set, opened only for an attempt that they are lent to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from errand_common.errors import Conflict
from errand_scheduler.access.admission import Admission
from errand_scheduler.access.callers import Note
from errand_scheduler.access.secret_rules import check_room
from errand_scheduler.access.vault import Vault, VaultError
from errand_scheduler.store import project_secrets, users
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.project_secrets import ProjectSecret
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class LentSecret:
    """A secret that is open. `secret_id` tells nothing of the value; another value has another."""

    name: str
    value: str = field(repr=False)
    agent_may_read: bool
    secret_id: str


class ProjectSecrets:
    """The only code that sees their values."""

    def __init__(self, *, reader: Reader, vault: Vault, admission: Admission) -> None:
        self._reader = reader
        self._vault = vault
        self._admission = admission

    def put(
        self, tx: Tx, project: Project, note: Note, *, name: str, value: str, agent_may_read: bool, secret_id: str
    ) -> ProjectSecret:
        """Seal a value in the place of the one of its name. Raises Invalid where the project has no room for it."""
        others = tx.one(project_secrets.count_of_others(project.project_id, name))
        size = tx.one(project_secrets.size_of_others(project.project_id, name))
        check_room(others or 0, size or 0, value)
        kind = _kind(project.project_id, name, agent_may_read=agent_may_read)
        secret = ProjectSecret(
            secret_id=secret_id,
            project_id=project.project_id,
            name=name,
            sealed_value=self._vault.seal(value, user_id=project.user_id, kind=kind),
            size_bytes=len(value.encode()),
            agent_may_read=agent_may_read,
            set_time=tx.now_us,
        )
        project_secrets.put(tx, secret)
        note(tx, "set_project_secret", secret_id)
        return secret

    def remove(self, tx: Tx, project: Project, name: str, note: Note) -> None:
        """It is lent no more; attempts that have it keep it to their end."""
        secret = tx.one(project_secrets.by_name(project.project_id, name))
        if secret is not None:
            project_secrets.remove(tx, project.project_id, name)
            note(tx, "remove_project_secret", secret.secret_id)

    async def lend(self, attempt: Attempt, project: Project) -> Sequence[LentSecret]:
        """All of the project, open. Raises Denied for an owner who is admitted no more, Conflict where one of them
        does not open."""
        user = await self._reader.one(users.by_id(attempt.user_id))
        assert user is not None  # foreign key
        self._admission.check(user)
        found = await self._reader.all(project_secrets.of_project(project.project_id))
        return [self._open(project, each) for each in found]

    def _open(self, project: Project, secret: ProjectSecret) -> LentSecret:
        kind = _kind(secret.project_id, secret.name, agent_may_read=secret.agent_may_read)
        try:
            value = self._vault.open(secret.sealed_value, user_id=project.user_id, kind=kind)
        except VaultError as exc:
            raise Conflict(f"{exc}; set {secret.name} again in the project's settings, or remove it") from exc
        return LentSecret(
            name=secret.name, value=value, agent_may_read=secret.agent_may_read, secret_id=secret.secret_id
        )


def _kind(project_id: str, name: str, *, agent_may_read: bool) -> str:
    """What a value is sealed for: moved to another name or project, or marked otherwise in the database, it does not
    open."""
    readers = "setup and agent" if agent_may_read else "setup alone"
    return f"secret {name} of {project_id} for {readers}"
