"""What is delivered holds no secret, whoever wrote it there."""

from errand.v1.dispatch_service_pb2 import OpenPullRequestRequest, OpenPullRequestResponse
from errand.v1.runner_pb2 import Assignment, AttemptRef
from errand.v1.task_pb2 import Task
from errand_common.clock import Clock
from errand_runner.agent.facts import EndReason, TurnEnded
from errand_runner.agent.redact import Redactor
from errand_runner.delivery import Delivery
from errand_runner.workspace import Changes

SECRET = "the-secret-of-the-project-which-is-longer-than-what-a-title-may-have"


class Asked:
    """Stands for the scheduler and for the record."""

    def __init__(self) -> None:
        self.requests: list[OpenPullRequestRequest] = []

    async def open_pull_request(self, attempt, *, title, body):
        self.requests.append(OpenPullRequestRequest(attempt=attempt, title=title, body=body))
        return OpenPullRequestResponse()

    async def step(self, step, duration_s):
        pass


async def at_once(step):
    return await step()


async def test_a_pull_request_shows_no_secret_that_stood_in_the_prompt_or_in_the_last_words():
    asked = Asked()
    prompt = f"Log in with {SECRET}\nand mend it"
    assignment = Assignment(attempt=AttemptRef(attempt_id="att_1"), task=Task(task_id="tsk_1", prompt=prompt))
    delivery = Delivery(assignment, asked, asked, Clock(), at_once, Redactor([SECRET]))  # type: ignore[arg-type]
    changes = Changes("c0ffee", commits=1, files=1, insertions=1, deletions=0)

    await delivery.open_pull_request(changes, TurnEnded(EndReason.COMPLETED, f"It works with {SECRET}."))

    (request,) = asked.requests
    assert request.title == "Log in with [redacted]"
    assert "> Log in with [redacted]\n> and mend it" in request.body
    assert "It works with [redacted]." in request.body
    assert SECRET[:12] not in request.body + request.title
