"""The repositories that an attempt may reach, each with the credential that the scheduler lends for it."""

import math
from collections.abc import Callable

from errand.v1.runner_pb2 import Assignment
from errand_common import wire
from errand_runner.agent.redact import Redactor
from errand_runner.broker.lent import Ask, Credential, Lent
from errand_runner.broker.remote import Remote
from errand_runner.dispatch import Dispatch


def remotes_of(
    assignment: Assignment, *, dispatch: Dispatch, redactor: Redactor, now_s: Callable[[], float]
) -> tuple[Remote, ...]:
    """Its project's own, then those that it may only read. What is lent is masked from then on."""

    def lent(repository: str) -> Lent:
        return Lent(_asking(assignment, dispatch, redactor, repository), now_s=now_s)

    project, task = assignment.project, assignment.task
    push_refs = frozenset({f"refs/heads/{task.branch}", f"refs/errand/{task.task_id}"})
    own = Remote(project.repository, project.repo_url, lent(""), push_refs)
    # On a host that is not GitHub the name of a project begins with the host's.
    host = f"{project.git_host}/" if project.git_host else ""
    base = project.repo_url.removesuffix(".git").removesuffix(project.repository.removeprefix(host))
    return (own, *(Remote(f"{host}{name}", f"{base}{name}.git", lent(name)) for name in project.read_repositories))


def _asking(assignment: Assignment, dispatch: Dispatch, redactor: Redactor, repository: str) -> Ask:
    async def ask(*, refused_lent_id: str) -> Credential:
        lent = await dispatch.lend_credential(
            assignment.attempt, repository=repository, refused_lent_id=refused_lent_id
        )
        redactor.add(lent.password)
        good_s = wire.seconds(lent.expire_duration) if lent.HasField("expire_duration") else math.inf
        return Credential(lent.username, lent.password, lent.lent_id, good_s)

    return ask
