"""The repositories: bare git directories under one root, and who may do what with each."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.standins.github.clock import Clock
from tests.standins.github.content import Content, fill
from tests.standins.github.found_files import found_files
from tests.standins.github.git import GitError, git
from tests.standins.github.rights import Right

_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/(?!\.\.?$)[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Repository:
    id: int
    owner: str
    name: str
    private: bool
    default_branch: str
    directory: Path
    created: datetime
    archived: bool = False
    drafts: bool = True
    blocked: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def pushed(self) -> datetime:
        """When a branch or tag was last moved."""
        moved = [datetime.fromtimestamp(each.st_mtime, UTC) for each in found_files(self.directory / "refs")]
        return max(moved, default=self.created)

    async def branch_commit(self, branch: str) -> str | None:
        """The commit that a branch points at; None when there is no such branch."""
        try:
            return await git(
                "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}", directory=self.directory
            )
        except GitError:
            return None


class Repositories:
    """Owns the repositories and the rights on them. Names are compared without case, as GitHub does."""

    def __init__(self, root: Path, now: Clock) -> None:
        self._root = root
        self._now = now
        self._by_name: dict[str, Repository] = {}
        self._rights: dict[tuple[str, str], Right] = {}
        self._earlier: dict[str, int] = {}
        self._next_id = 5001

    async def add(self, full_name: str, content: Content, *, default_branch: str, private: bool) -> Repository:
        """Makes the bare directory and fills it; see `content`. Raises ValueError for a bad or taken name, GitError."""
        if not _FULL_NAME.fullmatch(full_name) or full_name.endswith(".git"):
            raise ValueError(f"repository name {full_name!r} is not of the form owner/name, without .git")
        if full_name.lower() in self._by_name:
            raise ValueError(f"repository {full_name} is already there")
        directory = self._root / f"{full_name}.git"
        directory.parent.mkdir(parents=True, exist_ok=True)
        owner, name = full_name.split("/")
        repository = Repository(
            id=self._next_id,
            owner=owner,
            name=name,
            private=private,
            default_branch=await fill(directory, content, default_branch=default_branch),
            directory=directory,
            created=self._now(),
        )
        self._by_name[full_name.lower()] = repository
        self._next_id += 1
        return repository

    def rename_default_branch(self, full_name: str, branch: str) -> None:
        """Raises KeyError for an unknown one."""
        self._by_name[full_name.lower()] = replace(self._by_name[full_name.lower()], default_branch=branch)

    def forget(self, full_name: str) -> None:
        """Raises KeyError for an unknown one."""
        del self._by_name[full_name.lower()]

    def rename(self, full_name: str, new: str) -> None:
        """Another name, or another owner: the old one leads there until somebody takes it. Raises KeyError for an
        unknown one."""
        repository = self._by_name.pop(full_name.lower())
        owner, name = new.split("/")
        self._by_name[new.lower()] = replace(repository, owner=owner, name=name)
        self._earlier[full_name.lower()] = repository.id
        for login, at in [key for key in self._rights if key[1] == full_name.lower()]:
            self._rights[login, new.lower()] = self._rights.pop((login, at))

    def block(self, full_name: str) -> None:
        """For legal reasons nobody sees it any more. Raises KeyError for an unknown one."""
        self._by_name[full_name.lower()] = replace(self._by_name[full_name.lower()], blocked=True)

    def archive(self, full_name: str) -> None:
        """Nobody may push to it any more. Raises KeyError for an unknown one."""
        self._by_name[full_name.lower()] = replace(self._by_name[full_name.lower()], archived=True)

    def forbid_drafts(self, full_name: str) -> None:
        """Its owner does not pay for them. Raises KeyError for an unknown one."""
        self._by_name[full_name.lower()] = replace(self._by_name[full_name.lower()], drafts=False)

    def find(self, full_name: str) -> Repository | None:
        return self._by_name.get(full_name.lower())

    def by_id(self, repository_id: int) -> Repository | None:
        return next((each for each in self._by_name.values() if each.id == repository_id), None)

    def moved(self, full_name: str) -> Repository | None:
        """The one that had this name before, where nobody has it now."""
        if self.find(full_name) is not None or full_name.lower() not in self._earlier:
            return None
        return self.by_id(self._earlier[full_name.lower()])

    def grant(self, login: str, full_name: str, right: Right) -> None:
        """Sets a person's right, in place of an earlier one."""
        if self.find(full_name) is None:
            raise ValueError(f"no repository {full_name}; call add_repository first")
        self._rights[login.lower(), full_name.lower()] = right

    def granted(self, login: str, repository: Repository) -> Right:
        """The right that was given to this person by name."""
        return self._rights.get((login.lower(), repository.full_name.lower()), Right.NONE)

    def granted_to(self, login: str) -> list[Repository]:
        """Those on which this person has a right by name, by full name."""
        found = [repository for repository in self._by_name.values() if self.granted(login, repository)]
        return sorted(found, key=lambda repository: repository.full_name.lower())
