"""The pull requests."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from tests.standins.github.accounts import User
from tests.standins.github.clock import Clock
from tests.standins.github.repositories import Repository

State = Literal["open", "closed"]


@dataclass(frozen=True)
class PullRequest:
    """`head_commit` is the last one seen: it stays when the branch goes."""

    id: int
    number: int
    author: User
    title: str
    body: str | None
    head: str
    head_commit: str
    base: str
    draft: bool
    created: datetime
    updated: datetime
    closed: datetime | None = None

    @property
    def state(self) -> State:
        return "closed" if self.closed else "open"


class AlreadyOpen(Exception):
    """Another pull request from the same branch into the same branch is open."""


class PullRequests:
    """Owns the pull requests, numbered from 1 in each repository."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._by_repository: dict[int, dict[int, PullRequest]] = {}

    def open(
        self,
        repository: Repository,
        *,
        author: User,
        title: str,
        body: str | None,
        head: str,
        head_commit: str,
        base: str,
        draft: bool,
    ) -> PullRequest:
        """Raises AlreadyOpen."""
        pulls = self._by_repository.setdefault(repository.id, {})
        self._refuse_twin(repository, head=head, base=base, number=None)
        now = self._now()
        pull = PullRequest(
            id=repository.id * 1000 + len(pulls),
            number=len(pulls) + 1,
            author=author,
            title=title,
            body=body,
            head=head,
            head_commit=head_commit,
            base=base,
            draft=draft,
            created=now,
            updated=now,
        )
        pulls[pull.number] = pull
        return pull

    def all(self, repository: Repository) -> list[PullRequest]:
        """Newest first."""
        return list(reversed(self._by_repository.get(repository.id, {}).values()))

    def find(self, repository: Repository, number: int) -> PullRequest | None:
        return self._by_repository.get(repository.id, {}).get(number)

    def edit(
        self, repository: Repository, pull: PullRequest, *, title: str, body: str | None, base: str, state: State
    ) -> PullRequest:
        """Sets what a person may change. Raises AlreadyOpen."""
        if state == "open":
            self._refuse_twin(repository, head=pull.head, base=base, number=pull.number)
        now = self._now()
        closed = (pull.closed or now) if state == "closed" else None
        edited = replace(pull, title=title, body=body, base=base, closed=closed, updated=now)
        self._by_repository[repository.id][pull.number] = edited
        return edited

    def see_head(self, repository: Repository, pull: PullRequest, commit: str) -> PullRequest:
        """Notes where an open pull request's branch points now."""
        seen = replace(pull, head_commit=commit, updated=self._now())
        self._by_repository[repository.id][pull.number] = seen
        return seen

    def _refuse_twin(self, repository: Repository, *, head: str, base: str, number: int | None) -> None:
        for other in self.all(repository):
            if other.state == "open" and other.number != number and (other.head, other.base) == (head, base):
                raise AlreadyOpen(f"{repository.full_name}#{other.number} is open from {head} into {base}")
