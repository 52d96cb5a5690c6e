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
    """Its project's. What is lent is masked from then on."""
    project, task = assignment.project, assignment.task
    push_refs = frozenset({f"refs/heads/{task.branch}", f"refs/errand/{task.task_id}"})
    lent = Lent(_asking(assignment, dispatch, redactor), now_s=now_s)
    return (Remote(project.repository, project.repo_url, lent, push_refs),)


def _asking(assignment: Assignment, dispatch: Dispatch, redactor: Redactor) -> Ask:
    async def ask(*, refused_lent_id: str) -> Credential:
        lent = await dispatch.lend_credential(assignment.attempt, refused_lent_id=refused_lent_id)
        redactor.add(lent.password)
        good_s = wire.seconds(lent.expire_duration) if lent.HasField("expire_duration") else math.inf
        return Credential(lent.username, lent.password, lent.lent_id, good_s)

    return ask
