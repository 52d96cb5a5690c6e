"""A scheduler on a real port, a GitHub beside it, a signed-in person, and a runner that does what it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from errand.v1 import account_service_pb2, task_pb2
from errand.v1.access_service_pb2_grpc import AccessServiceStub
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from errand_common.clock import Clock
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.server import scheduler
from tests.integration.person import REPOSITORY, Person
from tests.integration.runner_double import (
    IDS,
    ScriptedRunner,
    inputs_event,
    message_event,
    phase_event,
    tool_events,
)
from tests.integration.watching import DEADLINE_S, Seen, Watch
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.access_service_pb2_grpc import AccessServiceAsyncStub

GIT_HOST = "git.example.org"
"""A git host beside GitHub, at which nothing is."""
USUAL_BEAT_S = 5.0
"""As people run it: nobody is taken for silent on a busy host. A test that waits for beats has a pace of its own."""

__all__ = [
    "DEADLINE_S",
    "GIT_HOST",
    "IDS",
    "REPOSITORY",
    "USUAL_BEAT_S",
    "Person",
    "ScriptedRunner",
    "Seen",
    "Stack",
    "Watch",
    "github_with_repository",
    "inputs_event",
    "message_event",
    "new_task",
    "phase_event",
    "settings",
    "single_user_settings",
    "stack",
    "tool_events",
]


def settings(data: Path, github: GitHubStandin, *, beat_s: float = USUAL_BEAT_S, **others: str) -> SchedulerSettings:
    return SchedulerSettings.model_validate(
        {
            "ERRAND_GITHUB_CLIENT_ID": "Iv23test",
            "ERRAND_DATA": data,
            "ERRAND_LISTEN": "127.0.0.1:0",
            "ERRAND_GITHUB_URL": github.url,
            "ERRAND_GITHUB_API_URL": github.api_url,
            "ERRAND_ALLOWED_USERS": "Octocat, hubot",
            "ERRAND_GIT_HOSTS": f"https://{GIT_HOST}",
            "ERRAND_BEAT_SECONDS": beat_s,
            **others,
        }
    )


def single_user_settings(
    data: Path, github: GitHubStandin, token: str, *, beat_s: float = USUAL_BEAT_S, **others: str
) -> SchedulerSettings:
    """The mode in which the owner of a token is the only user."""
    others = {"ERRAND_GITHUB_CLIENT_ID": None, "ERRAND_GITHUB_TOKEN": token, **others}  # type: ignore[dict-item]
    return settings(data, github, beat_s=beat_s, **others)


@dataclass(frozen=True)
class Stack:
    """A running scheduler and the ways into it."""

    data: Path
    address: str
    channel: grpc.aio.Channel
    github: GitHubStandin
    stop: Callable[[], Awaitable[None]]
    """Stops the scheduler, as a signal would, while the channel stays."""

    @property
    def gateway_token(self) -> str:
        return self.token_of("gateway")

    @property
    def operator_token(self) -> str:
        return self.token_of("operator")

    @property
    def runner_token(self) -> str:
        return self.token_of("runners/local")

    def token_of(self, name: str) -> str:
        return (self.data / "credentials" / name / "token").read_text().strip()

    @property
    def access(self) -> "AccessServiceAsyncStub":
        return AccessServiceStub(self.channel)

    async def sign_in(
        self, login: str = "octocat", *, scopes: Sequence[str] = ("repo",), link_secret: str = ""
    ) -> Person:
        self.github.add_user(login)
        accounts = AccountServiceStub(self.channel)
        request = account_service_pb2.CompleteSignInRequest(
            github_access_token=self.github.issue_token(login, scopes), client="test", link_secret=link_secret
        )
        answer = await accounts.CompleteSignIn(request, metadata=rpc.bearer(self.gateway_token), timeout=DEADLINE_S)
        return self.person(answer)

    async def make_link(self) -> str:
        """The secret of a new sign-in link."""
        request = account_service_pb2.CreateSignInLinkRequest()
        operator = rpc.bearer(self.operator_token)
        made = await AccountServiceStub(self.channel).CreateSignInLink(request, metadata=operator, timeout=DEADLINE_S)
        return made.secret

    async def redeem(self, secret: str) -> Person:
        """The owner's session for a link's secret."""
        request = account_service_pb2.RedeemSignInLinkRequest(secret=secret, client="test")
        gateway = rpc.bearer(self.gateway_token)
        return self.person(
            await AccountServiceStub(self.channel).RedeemSignInLink(request, metadata=gateway, timeout=DEADLINE_S)
        )

    def person(
        self, answer: account_service_pb2.CompleteSignInResponse | account_service_pb2.RedeemSignInLinkResponse
    ) -> Person:
        return Person(
            access_token=answer.tokens.access_token,
            refresh_token=answer.tokens.refresh_token,
            user=answer.user,
            tasks=TaskServiceStub(self.channel),
            accounts=AccountServiceStub(self.channel),
        )

    def again(self, person: Person) -> Person:
        """The same person's session, through this stack."""
        return Person(
            access_token=person.access_token,
            refresh_token=person.refresh_token,
            user=person.user,
            tasks=TaskServiceStub(self.channel),
            accounts=AccountServiceStub(self.channel),
        )

    async def push(self, branch: str) -> None:
        """The branch as a push would leave it at GitHub, one commit on."""
        bare = self.data.parent / "github" / f"{REPOSITORY}.git"
        tree = await git("rev-parse", "main^{tree}", directory=bare)
        commit = await git("commit-tree", "-p", "main", "-m", "green", tree, directory=bare)
        await git("update-ref", f"refs/heads/{branch}", commit, directory=bare)

    def runner(self, nonce: str = "process-1", slots: int = 2) -> ScriptedRunner:
        return self.runner_of("local", nonce, slots)

    def runner_of(self, name: str, nonce: str = "process-1", slots: int = 2, **labels: str) -> ScriptedRunner:
        """A process of the runner of that name, with these labels beside the one that each has."""
        token = self.token_of(f"runners/{name}")
        stub = DispatchServiceStub(self.channel)
        return ScriptedRunner(stub, token, nonce=nonce, slots=slots, labels={"model-key": "yes", **labels})


@asynccontextmanager
async def stack(
    data: Path,
    github: GitHubStandin,
    *,
    beat_s: float = USUAL_BEAT_S,
    wanted: SchedulerSettings | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Stack]:
    """A scheduler over TLS for as long as the context lasts."""
    wanted = wanted or settings(data, github, beat_s=beat_s)
    async with AsyncExitStack() as channels, AsyncExitStack() as server:
        address = await server.enter_async_context(scheduler(wanted, clock or Clock()))
        ca = (data / "credentials" / "gateway" / "ca.pem").read_bytes()
        channel = await channels.enter_async_context(rpc.channel(address, ca=ca))
        yield Stack(data=data, address=address, channel=channel, github=github, stop=server.aclose)


@asynccontextmanager
async def github_with_repository(root: Path) -> AsyncIterator[GitHubStandin]:
    async with GitHubStandin(root) as github:
        await github.add_repository(REPOSITORY, {"README.md": b"hello\n"})
        github.grant("octocat", REPOSITORY, "push")
        yield github


async def new_task(running: Stack) -> tuple[Person, task_pb2.Task]:
    """A person who has signed in, and a pending task of theirs."""
    person = await running.sign_in()
    return person, await person.create((await person.add_project()).project_id)
