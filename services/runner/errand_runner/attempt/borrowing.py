"""What is lent to an attempt is asked for before its work starts."""

from errand_common.errors import ErrandError, Unimplemented
from errand_common.values import FailureReason
from errand_runner.attempt.kit import Kit
from errand_runner.ending import AttemptFailed
from errand_runner.lent_secrets import LentSecrets, lent
from errand_runner.outage import HostAway


async def borrow_credential(kit: Kit) -> None:
    """Ask once: a missing right is told at once, and the value is masked from then on. Raises AttemptFailed."""
    try:
        await kit.patiently(kit.remotes[0].lent.get)
    except (ErrandError, HostAway) as exc:
        message = f"no credential for {kit.project.repository}: {exc}"
        raise AttemptFailed(FailureReason.REPOSITORY, message) from exc


async def borrow_secrets(kit: Kit) -> LentSecrets:
    """The project's secrets, in memory for as long as the attempt lives; masked from then on. Raises AttemptFailed."""
    try:
        secrets = lent(await kit.means.dispatch.lend_secrets(kit.assignment.attempt))
    except Unimplemented:
        # A scheduler of an older release has none.
        return LentSecrets()
    except ErrandError as exc:
        message = f"the secrets of {kit.project.repository} cannot be had: {exc}"
        raise AttemptFailed(FailureReason.REPOSITORY, message) from exc
    lent_before, task_id = kit.means.lent_before, kit.task.task_id
    lent_before.note(task_id, secrets.setup.values())
    # Those of earlier attempts too: what they left in files is there still.
    for value in lent_before.of(task_id):
        kit.redactor.add(value)
    return secrets
