"""Whether a user may push to a project's repository: asked of GitHub, remembered for five minutes."""

from dataclasses import dataclass
from enum import Enum, auto

from errand_common.clock import Clock
from errand_common.errors import ErrandError, NotFound, Unavailable
from errand_scheduler.access.admission import Admission
from errand_scheduler.access.vault import Vault, VaultError
from errand_scheduler.durations import Durations
from errand_scheduler.github import GitHub
from errand_scheduler.store import projects, users
from errand_scheduler.store.reader import Reader

_REMEMBERED_S = 300.0
GITHUB_TOKEN = "github_token"  # noqa: S105  the kind of secret, not one
"""The vault's word for a user's GitHub token."""


class Right(Enum):
    """What is known."""

    PUSH = auto()
    NONE = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Answer:
    """A right, and in words what stands in its way; the repository's default branch where it became another."""

    right: Right
    words: str = ""
    new_default_branch: str = ""


class PushRights:
    """Asks as the user. A refusal is not remembered: it fails the tasks that asked."""

    def __init__(
        self,
        *,
        reader: Reader,
        vault: Vault,
        admission: Admission,
        github: GitHub,
        clock: Clock,
        durations: Durations,
    ) -> None:
        self._reader = reader
        self._vault = vault
        self._admission = admission
        self._github = github
        self._clock = clock
        self._durations = durations
        self._answers: dict[tuple[str, str], tuple[Answer, float]] = {}

    def known(self, user_id: str, project_id: str) -> Answer | None:
        """What is remembered of a user and a project; none if it is time to ask."""
        answer, until_s = self._answers.get((user_id, project_id), (None, 0.0))
        return answer if self._clock.boot_s() < until_s else None

    def remember(self, user_id: str, project_id: str, answer: Answer) -> None:
        """Keep an answer that was got for another reason."""
        kept_s = _REMEMBERED_S if answer.right is Right.PUSH else self._durations.github_retry_s
        self._answers[user_id, project_id] = (answer, self._clock.boot_s() + kept_s)

    def forget(self, user_id: str) -> None:
        """Ask anew for all of a user's projects."""
        self._answers = {key: value for key, value in self._answers.items() if key[0] != user_id}

    async def ask(self, user_id: str, project_id: str) -> Answer:
        """Ask GitHub. Whatever stands in the way is part of the answer."""
        answer = await self._answer(user_id, project_id)
        if answer.right is not Right.NONE:
            self.remember(user_id, project_id, answer)
        return answer

    async def github_token(self, user_id: str) -> str:
        """The user's GitHub token. Raises Denied for a user who is admitted no more, Unavailable where the vault
        cannot open it."""
        user = await self._reader.one(users.by_id(user_id))
        sealed = await self._reader.one(users.sealed_github_token(user_id))
        if user is None or sealed is None:
            raise NotFound(f"there is no user {user_id}")
        self._admission.check(user)
        try:
            return self._vault.open(sealed, user_id=user_id, kind=GITHUB_TOKEN)
        except VaultError as exc:
            raise Unavailable(str(exc)) from exc

    async def _answer(self, user_id: str, project_id: str) -> Answer:
        project = await self._reader.one(projects.by_id(project_id))
        if project is None:
            return Answer(Right.NONE, f"the project {project_id} is gone")
        try:
            token = await self.github_token(user_id)
            repository = await self._github.repository(token, project.repository)
        except NotFound as exc:
            return Answer(Right.NONE, exc.message)
        except ErrandError as exc:
            return Answer(Right.UNKNOWN, exc.message)
        if repository.push_refusal:
            return Answer(Right.NONE, repository.push_refusal)
        moved = repository.default_branch != project.default_branch
        return Answer(Right.PUSH, new_default_branch=repository.default_branch if moved else "")
