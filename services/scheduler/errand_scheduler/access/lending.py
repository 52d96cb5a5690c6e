"""What is lent to an attempt: the credential with which its repository is reached."""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from errand_common.clock import Clock
from errand_common.errors import Conflict, Denied, NotFound, Unavailable
from errand_scheduler.access.app_tokens import AppTokens
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.github import GitHub, Proposal, PullRequest, TokenRefused
from errand_scheduler.github.as_app import NotInstalled
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.projects import Project

_GIT_USERNAME = "x-access-token"  # what GitHub expects beside a token in basic authentication
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Lent:
    """What git's basic authentication wants; `lent_id` names it and tells nothing of it. `expire_s`: for how long it is
    good from now, unset where it is not known."""

    username: str
    password: str = field(repr=False)
    lent_id: str
    expire_s: float | None = None


@dataclass(frozen=True)
class _Wanted:
    """What is to be lent for; `reading`: one of those that the project may only read."""

    repository: str
    reading: bool


class Lending:
    """Picks what is lent: the app's token where there is an app, else the person's. What the git host refused is never
    lent again."""

    def __init__(
        self,
        *,
        tokens: UserTokens,
        app: AppTokens | None,
        others: OtherHosts,
        github: GitHub,
        clock: Clock,
        people_sign_in: bool,
    ) -> None:
        self._tokens = tokens
        self._app = app
        self._others = others
        self._github = github
        self._clock = clock
        self._people_sign_in = people_sign_in
        # An id must not let anybody try passwords against it.
        self._naming_key = secrets.token_bytes(32)

    async def lend(
        self,
        attempt: Attempt,
        project: Project,
        *,
        refused_lent_id: str = "",
        refused_last: bool = False,
        repository: str = "",
    ) -> Lent:
        """The credential for the project's repository, or for another that it may read. `refused_lent_id` names the one
        that the git host refused; `refused_last`: it was the one that would be lent now.

        Raises Denied NO_PUSH_RIGHT where somebody must see to it, Denied for a repository that is not the project's,
        Unavailable where none can be had now.
        """
        wanted = _wanted(project, repository)

        def refused(secret: str) -> bool:
            return refused_last or hmac.compare_digest(self._name(secret), refused_lent_id)

        if project.git_host:
            return await self._of_another_host(attempt, project, refused)
        if self._app is not None:
            return await self._told(self._of_app(self._app, attempt, wanted, refused))
        return await self._told(self._of_person(attempt, wanted, refused))

    async def settle_pull_request(self, attempt: Attempt, project: Project, proposal: Proposal) -> PullRequest:
        """See to it as whoever the attempt pushes as. Raises as `lend`, Invalid, and Conflict on a host
        that is not GitHub."""
        if project.git_host:
            raise Conflict(f"Errand opens no pull requests on {project.git_host}; the branch is there")
        if self._app is None:
            settling = self._tokens.using(
                attempt.user_id, lambda token: self._github.settle_pull_request(token, proposal)
            )
        else:
            settling = self._settle_as_app(self._app, attempt, project, proposal)
        return await self._told(settling)

    async def _settle_as_app(
        self, app: AppTokens, attempt: Attempt, project: Project, proposal: Proposal
    ) -> PullRequest:
        token = await app.token(attempt, project.repository, reading=False, refused=lambda _: False)
        try:
            return await self._github.settle_pull_request(token.value, proposal)
        except TokenRefused:
            newer = await app.token(attempt, project.repository, reading=False, refused=token.value.__eq__)
            return await self._github.settle_pull_request(newer.value, proposal)

    async def _of_app(self, app: AppTokens, attempt: Attempt, wanted: _Wanted, refused: Callable[[str], bool]) -> Lent:
        if wanted.reading:
            # The app may see more than the person does.
            await self._tokens.using(attempt.user_id, lambda token: self._github.repository(token, wanted.repository))
        token = await app.token(attempt, wanted.repository, reading=wanted.reading, refused=refused)
        return self._lent(token.value, token.until_s - self._clock.boot_s())

    async def _of_another_host(self, attempt: Attempt, project: Project, refused: Callable[[str], bool]) -> Lent:
        credential = await self._others.credential(attempt.user_id, project.git_host)
        if refused(credential.password):
            raise Denied(
                f"{project.git_host} refuses the user name and password that are kept for it; replace them",
                reason="NO_PUSH_RIGHT",
            )
        return Lent(credential.username, credential.password, self._name(credential.password))

    async def _of_person(self, attempt: Attempt, wanted: _Wanted, refused: Callable[[str], bool]) -> Lent:
        token = await self._tokens.current(attempt.user_id)
        if not refused(token):
            return self._lent(token)
        try:
            return self._lent(await self._tokens.next_after(attempt.user_id, token))
        except TokenRefused:
            await self._github.account(token)
        raise Denied(
            f"GitHub's API takes your token, but its git server refuses it for {wanted.repository}; look whether its "
            "organisation asks for single sign-on",
            reason="NO_PUSH_RIGHT",
        )

    async def _told(self, answer: Awaitable[Answer]) -> Answer:
        """Renamed for a runner, whose own credential is good: where the person can mend it by signing in, the task
        waits for that."""
        try:
            return await answer
        except TokenRefused as exc:
            if self._people_sign_in:
                raise Unavailable(exc.message) from exc
            raise Denied(exc.message, reason="NO_PUSH_RIGHT") from exc
        except NotInstalled as exc:
            raise Denied(exc.message, reason="NO_PUSH_RIGHT") from exc
        except NotFound as exc:
            raise Denied(exc.message) from exc

    def _lent(self, secret: str, expire_s: float | None = None) -> Lent:
        return Lent(username=_GIT_USERNAME, password=secret, lent_id=self._name(secret), expire_s=expire_s)

    def _name(self, secret: str) -> str:
        return hmac.digest(self._naming_key, secret.encode(), "sha256").hex()[:32]


def _wanted(project: Project, repository: str) -> _Wanted:
    """Its own where none is named. Raises Denied."""
    if repository.lower() in ("", project.repository.lower()):
        return _Wanted(project.repository, reading=False)
    if repository.lower() not in {name.lower() for name in project.read_repositories}:
        raise Denied(
            f"the project {project.repository} may not read {repository[:160]}; add it to what else its tasks may read"
        )
    return _Wanted(repository, reading=True)
