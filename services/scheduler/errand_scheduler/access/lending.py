"""What is lent to an attempt: the credential with which its repository is reached."""

import hmac
import secrets
from dataclasses import dataclass, field

from errand_common.errors import Denied
from errand_scheduler.access.rights import PushRights
from errand_scheduler.github import GitHub, TokenRefused
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.projects import Project

_GIT_USERNAME = "x-access-token"  # what GitHub expects beside a token in basic authentication


@dataclass(frozen=True)
class Lent:
    """What git's basic authentication wants; `lent_id` names it and tells nothing of it. `expire_s`: for how long it is
    good from now, unset where it is not known."""

    username: str
    password: str = field(repr=False)
    lent_id: str
    expire_s: float | None = None


class Lending:
    """Picks what is lent, and never lends again what the git host refused."""

    def __init__(self, *, rights: PushRights, github: GitHub) -> None:
        self._rights = rights
        self._github = github
        # An id must not let anybody try passwords against it.
        self._naming_key = secrets.token_bytes(32)

    async def lend(
        self, attempt: Attempt, project: Project, *, refused_lent_id: str = "", repository: str = ""
    ) -> Lent:
        """The credential for the project's repository, or for another that it may read. `refused_lent_id` names the one
        that the git host refused.

        Raises Denied NO_PUSH_RIGHT where the person must see to it, Denied for a repository that is not the project's,
        Unavailable where none can be had now.
        """
        if repository and repository.lower() != project.repository.lower():
            raise Denied(
                f"the project {project.repository} names no repository {repository[:160]} to read beside its own"
            )
        token = await self._rights.github_token(attempt.user_id)
        lent_id = self._name(token)
        if hmac.compare_digest(lent_id, refused_lent_id):
            await self.check(token)
            raise Denied(
                f"GitHub's API takes your token, but its git server refuses it for {project.repository}; look whether "
                "its organisation asks for single sign-on",
                reason="NO_PUSH_RIGHT",
            )
        return Lent(username=_GIT_USERNAME, password=token, lent_id=lent_id)

    async def check(self, token: str) -> None:
        """Ask GitHub whether it takes the token. Raises Denied NO_PUSH_RIGHT."""
        try:
            await self._github.account(token)
        except TokenRefused as exc:
            raise refused(exc) from exc

    def _name(self, secret: str) -> str:
        return hmac.digest(self._naming_key, secret.encode(), "sha256").hex()[:32]


def refused(error: TokenRefused) -> Denied:
    """To a runner, a user's refused token is a missing right: its own credential is good."""
    return Denied(error.message, reason="NO_PUSH_RIGHT")
