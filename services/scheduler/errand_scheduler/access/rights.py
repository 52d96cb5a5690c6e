"""Whether a user may push to a project's repository: asked of GitHub, remembered for five minutes."""

from dataclasses import dataclass
from enum import Enum, auto

from errand_common.clock import Clock
from errand_common.errors import Denied, ErrandError, Invalid, NotFound
from errand_scheduler.access.app_tokens import AppTokens
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.durations import Durations
from errand_scheduler.github import GitHub, Repository
from errand_scheduler.github.as_app import NotInstalled
from errand_scheduler.store import projects
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader

_REMEMBERED_S = 300.0
_NO_WORKFLOWS = (
    "what is lent to this task may not change .github/workflows: GitHub refuses a push that does; "
    "commit such a change yourself"
)


class Right(Enum):
    """What is known."""

    PUSH = auto()
    NONE = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Answer:
    """A right, and in words what stands in its way; the repository's name and default branch where they became others.
    `limits`: in words, what may not be pushed all the same. `again_s`: in how many seconds it can be asked again, where
    GitHub says that; else 0."""

    right: Right
    words: str = ""
    new_name: str = ""
    new_default_branch: str = ""
    limits: str = ""
    again_s: float = 0.0


class PushRights:
    """Asks as the user. A refusal is not remembered: it fails the tasks that asked."""

    def __init__(
        self,
        *,
        reader: Reader,
        tokens: UserTokens,
        github: GitHub,
        app: AppTokens | None,
        others: OtherHosts,
        clock: Clock,
        durations: Durations,
    ) -> None:
        self._reader = reader
        self._tokens = tokens
        self._github = github
        self._app = app
        self._others = others
        self._clock = clock
        self._durations = durations
        self._answers: dict[tuple[str, str], tuple[Answer, float]] = {}

    def known(self, user_id: str, project_id: str) -> Answer | None:
        """What is remembered of a user and a project; none if it is time to ask."""
        answer, until_s = self._answers.get((user_id, project_id), (None, 0.0))
        return answer if self._clock.boot_s() < until_s else None

    def remember(self, user_id: str, project_id: str, answer: Answer) -> None:
        """Keep an answer that was got for another reason."""
        kept_s = _REMEMBERED_S if answer.right is Right.PUSH else max(self._durations.github_retry_s, answer.again_s)
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

    async def repository(self, user_id: str, name: str) -> Repository:
        """The repository "owner/name" as the user sees it. Raises NotFound, and what UserTokens.using does."""
        try:
            return await self._tokens.using(user_id, lambda token: self._github.repository(token, name))
        except NotFound as exc:
            if self._app is None:
                raise
            # In the same words wherever it lies: whether the app is on a repository is nobody's who may not see it.
            words = f"{exc.message}, and whether Errand's GitHub App is installed on it: {await self._app.page()}"
            raise NotFound(words) from exc

    def learn(self, project: Project, repository: Repository) -> None:
        """Keep what GitHub just said of a project's repository, where that is all there is to know."""
        if self._app is None:
            self.remember(project.user_id, project.project_id, self._judge(project, repository, ""))

    def limits(self, user_id: str, project_id: str) -> str:
        """What was last known that the user's tasks may not push, in words; empty where nothing is."""
        answer, _ = self._answers.get((user_id, project_id), (None, 0.0))
        return answer.limits if answer else ""

    async def _answer(self, user_id: str, project_id: str) -> Answer:
        project = await self._reader.one(projects.by_id(project_id))
        if project is None:
            return Answer(Right.NONE, f"the project {project_id} is gone")
        try:
            if project.git_host:
                return await self._on_another_host(project)
            # First: without it GitHub does not show the repository to who signed in to the app.
            obstacle = await self._app.obstacle(project.repository) if self._app else ""
            repository = await self.repository(user_id, project.repository)
            if words := await self._is_another_project(project, repository):
                return Answer(Right.NONE, words)
        except NotInstalled as exc:
            return Answer(Right.UNKNOWN, exc.message)
        except NotFound as exc:
            return Answer(Right.NONE, exc.message)
        except ErrandError as exc:
            again_s = exc.retry_after.total_seconds() if exc.retry_after else 0.0
            return Answer(Right.UNKNOWN, exc.message, again_s=again_s)
        return self._judge(project, repository, obstacle)

    async def _is_another_project(self, project: Project, repository: Repository) -> str:
        """In words, that what was renamed is added under its new name too; empty where it is not."""
        other = await self._reader.one(projects.by_repository(project.user_id, repository.name))
        if other is None or other.project_id == project.project_id:
            return ""
        return (
            f"{project.repository} is now {repository.name} at GitHub, which you have added as a project of its own; "
            "ask there"
        )

    async def _on_another_host(self, project: Project) -> Answer:
        try:
            place = self._others.hosts.place(project.repo_url)
            remote = await self._others.look(project.user_id, place)
        except (Denied, Invalid) as exc:
            # The person can bring another credential, the owner name the host again.
            return Answer(Right.UNKNOWN, exc.message)
        if not remote.may_push:
            return Answer(Right.NONE, f"you may not push to {project.repository}; ask its owner for write access")
        moved = remote.default_branch and remote.default_branch != project.default_branch
        return Answer(
            Right.PUSH,
            new_default_branch=remote.default_branch if moved else "",
            limits=f"Errand opens no pull requests on {project.git_host}: the work is pushed as a branch there",
        )

    def _judge(self, project: Project, repository: Repository, obstacle: str) -> Answer:
        if repository.push_refusal:
            return Answer(Right.NONE, repository.push_refusal)
        if missing := obstacle or (repository.scope_refusal if self._app is None else ""):
            return Answer(Right.UNKNOWN, missing)
        moved = repository.default_branch != project.default_branch
        limited = self._app is not None or not repository.may_push_workflows
        return Answer(
            Right.PUSH,
            new_name=repository.name if repository.name != project.repository else "",
            new_default_branch=repository.default_branch if moved else "",
            limits=_NO_WORKFLOWS if limited else "",
        )
