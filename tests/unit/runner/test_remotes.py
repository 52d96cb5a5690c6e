"""Which repositories an attempt may reach, and with what."""

from typing import Any

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.runner_pb2 import Assignment
from errand_common.wire import duration
from errand_runner.agent.redact import Redactor
from errand_runner.broker.remote import Remote
from errand_runner.remotes import remotes_of


class Scheduler:
    """Lends a password for each repository."""

    def __init__(self) -> None:
        self.asked = list[tuple[str, str]]()

    async def lend_credential(self, attempt, *, repository, refused_lent_id):
        self.asked.append((repository, refused_lent_id))
        return pb.LendCredentialResponse(
            username="x", password=f"password-for-{repository or 'own'}", lent_id="id", expire_duration=duration(5.0)
        )


def assignment():
    found = Assignment()
    found.task.task_id, found.task.branch = "tsk_1", "errand/tsk_1"
    found.project.repository, found.project.repo_url = "octo/demo", "https://git.example.org/at/octo/demo.git"
    found.project.read_repositories.append("other/lib")
    return found


def remotes(
    scheduler: Any = None, redactor: Redactor | None = None, *, given: Assignment | None = None
) -> tuple[Remote, ...]:
    return remotes_of(given or assignment(), dispatch=scheduler, redactor=redactor or Redactor([]), now_s=lambda: 0.0)


def test_the_own_one_takes_the_branch_and_the_checkpoint_and_the_others_nothing():
    own, other = remotes()

    assert own.push_refs == {"refs/heads/errand/tsk_1", "refs/errand/tsk_1"}
    assert (other.url, other.push_refs) == ("https://git.example.org/at/other/lib.git", frozenset())


def test_on_another_host_they_lie_below_its_name():
    given = assignment()
    given.project.git_host, given.project.repository = "git.example.org", "git.example.org/octo/demo"
    _, other = remotes(given=given)

    assert (other.repository, other.url) == ("git.example.org/other/lib", "https://git.example.org/at/other/lib.git")


async def test_each_has_a_credential_of_its_own_which_is_masked():
    scheduler, redactor = Scheduler(), Redactor([])
    own, other = remotes(scheduler, redactor)

    credential = await own.lent.get()
    await other.lent.get()
    await own.lent.instead_of(credential)

    assert scheduler.asked == [("", ""), ("other/lib", ""), ("", "id")]
    assert credential.good_s == 5.0
    assert "password" not in redactor.text("password-for-own and password-for-other/lib")
