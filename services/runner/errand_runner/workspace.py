"""The clone inside a sandbox: made, taken up again, committed and pushed, always by git in the sandbox."""

import asyncio
import re
from dataclasses import dataclass

from errand_runner.checkpoint import Checkpoints, Found
from errand_runner.clone import Clone
from errand_runner.git import GIT_S, Git, commit_in
from errand_runner.live import Say
from errand_runner.outage import GitHost
from errand_runner.sandbox.answers import Taken
from errand_runner.sandbox.supervisor import FileError, Supervisor

REPOSITORY = "/workspace/repo"
"""Where the clone stands in every sandbox."""

PUSH_S = 300.0

GUIDES = ("AGENTS.md", "CLAUDE.md")
"""Files in which a repository speaks to agents."""

GUIDE_BYTES = 128 * 1024
"""More than Claude is given of one, whatever its letters: what is left out is told."""

ATTRIBUTES = ".gitattributes"
_LFS = re.compile(r"^[^#\n]*\sfilter=lfs(\s|$)", re.MULTILINE)


def config_of(folder: str) -> str:
    """The file of settings that git reads in the sandbox of this clone (sandbox/profile.py)."""
    return f"{folder}.gitconfig"


@dataclass(frozen=True)
class Changes:
    """What the task's branch holds against the default branch."""

    commit: str
    commits: int
    files: int
    insertions: int
    deletions: int


@dataclass(frozen=True)
class Moved:
    """The task's branch at the git host: where it is, empty where it is gone; it has so many commits that are not
    here."""

    commit: str
    behind: int


@dataclass(frozen=True)
class Footing:
    """What an attempt begins on: a clone that is `fresh`, from a checkpoint where it was `restored`; `lost` where there
    was one that the git host has no more."""

    fresh: bool
    restored: Found | None = None
    lost: bool = False
    moved: Moved | None = None


class Workspace:
    """One task's clone, seen through the supervisor of the sandbox that it is mounted in.

    `host` is what the broker knows of the git host: it tells an outage, which passes, from a refusal. Of earlier
    attempts, if there were any: the task's branch was pushed to `head`, and `checkpoint_commit` was the last one.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        remote_url: str,
        branch: str,
        default_branch: str,
        host: GitHost,
        task_id: str,
        workspace_id: str,
        head: str = "",
        checkpoint_commit: str = "",
        earlier: bool = False,
        git_config: str = "",
        folder: str = REPOSITORY,
    ) -> None:
        """`git_config` is what git is told beside what the sandbox tells it."""
        self._supervisor, self._folder, self._git_config = supervisor, folder, git_config
        self._git = Git(supervisor, folder, host)
        self._branch, self._default_branch = branch, default_branch
        self._head, self._checkpoint_commit, self._earlier = head, checkpoint_commit, earlier
        self.checkpoints = Checkpoints(
            supervisor,
            self._git,
            folder=folder,
            task_id=task_id,
            branch=branch,
            default_branch=default_branch,
            workspace_id=workspace_id,
        )
        self._clone = Clone(
            supervisor,
            self._git,
            self.checkpoints,
            folder=folder,
            remote_url=remote_url,
            branch=branch,
            default_branch=default_branch,
        )

    async def prepare(self, say: Say = lambda text: None) -> Footing:
        """Take up the clone of an earlier attempt, where it is not older than the task's checkpoint; else clone, and
        lay the checkpoint out. The task's branch is checked out, and never moved.

        `say` takes git's progress.
        Raises GitFailed, HostAway (then it may be called again) and NothingToStartFrom.
        """
        await self._supervisor.write(config_of(self._folder), self._git_config.encode())
        if await self._clone.is_there():
            await self._unlock()
            await self._clone.renew(say)
            found = await self.checkpoints.found(self._folder)
            if found is None or await self.checkpoints.is_of_this_clone(found):
                await self._clone.check_out()
                return Footing(fresh=False, moved=await self._moved())
        restored = await self._clone.make(say, restore=self._earlier)
        lost = restored is None and bool(self._checkpoint_commit)
        # What nobody worked on before is checked out where its branch is, if anywhere.
        moved = await self._moved() if self._earlier else None
        return Footing(fresh=True, restored=restored, lost=lost, moved=moved)

    async def take_up(self) -> bool:
        """Go on in the clone just as a process that is gone left it; False where there is none."""
        found = await self._clone.is_there()
        if found:
            await self._unlock()
        return found

    async def guides(self) -> dict[str, str]:
        """The texts in which the repository speaks to agents, by file name."""
        texts = await asyncio.gather(*(self._text(name) for name in GUIDES))
        return {name: text for name, text in zip(GUIDES, texts, strict=True) if text is not None}

    async def uses_lfs(self) -> bool:
        """Whether the repository says, in the attributes at its top, that files of it are kept by Git LFS."""
        return bool(_LFS.search(await self._text(ATTRIBUTES) or ""))

    async def commit_rest(self, message: str) -> None:
        """Commit what the model left uncommitted, untracked files too: nothing of a turn is lost. Raises GitFailed."""
        await self._unlock()
        said = (await self._git.run("status", "--porcelain", "-z", "--untracked-files=all")).stdout
        left = [entry for entry in said.split(b"\0") if entry]
        # A repository of its own: committed it would be a link that leads nowhere. The checkpoint has its files.
        within = [entry[3:-1].decode(errors="replace") for entry in left if entry[:2] == b"??" and entry[-1:] == b"/"]
        if len(within) < len(left):
            await self._git.run("add", "--all", "--", ":/", *(f":(top,exclude,literal){name}" for name in within))
            await self._git.run("commit", "--quiet", "--no-verify", "--message", message)

    async def changes(self) -> Changes:
        """Measure the branch. Raises GitFailed."""
        base = f"origin/{self._default_branch}"
        commit = commit_in((await self._git.run("rev-parse", "HEAD")).stdout)
        count = (await self._git.run("rev-list", "--count", f"{base}..HEAD")).stdout
        shortstat = (await self._git.run("diff", "--shortstat", f"{base}...HEAD")).stdout
        return Changes(
            commit,
            commits=_count(count, r"^(\d{1,9})$"),
            files=_count(shortstat, r"(\d{1,9}) files? changed"),
            insertions=_count(shortstat, r"(\d{1,9}) insertion"),
            deletions=_count(shortstat, r"(\d{1,9}) deletion"),
        )

    async def pushed_commit(self) -> str:
        """Where the branch stood on the git host when it was last fetched or pushed; empty if it was not there."""
        ref = f"refs/remotes/origin/{self._branch}"
        found = await self._git.attempt("rev-parse", "--verify", "--quiet", ref)
        return commit_in(found.stdout) if found.exit.code == 0 else ""

    async def push(self, taken: Taken | None = None) -> None:
        """Push the branch, rebased or not, never over commits of others; and in the same go a checkpoint.

        Raises GitFailed with what the git host said of either, and HostAway.
        """
        refs = [f"HEAD:refs/heads/{self._branch}", *([self.checkpoints.pushed(taken)] if taken else [])]
        await self._git.reach("push", "--quiet", *await self._lease(), "origin", *refs, timeout_s=PUSH_S)
        if taken is not None:
            await self.checkpoints.note(taken.commit)

    async def _lease(self) -> list[str]:
        """What lets a rebased branch take the place of what the task itself had pushed, and of nothing else."""
        theirs = await self.pushed_commit()
        if not theirs or theirs != self._head:
            return []
        grown = await self._git.attempt("merge-base", "--is-ancestor", theirs, "HEAD")
        return [] if grown.exit.code == 0 else [f"--force-with-lease=refs/heads/{self._branch}:{theirs}"]

    async def _unlock(self) -> None:
        """Nothing runs in the sandbox now: a lock is what a git that was killed left behind."""
        locks = ["find", f"{self._folder}/.git", "-name", "*.lock", "-type", "f", "-delete"]
        await self._supervisor.capture(locks, cwd=self._folder, timeout_s=GIT_S)

    async def _moved(self) -> Moved | None:
        """Where the branch at the git host is not as the task left it; None where all that is there is here."""
        theirs = await self.pushed_commit()
        if theirs in ("", self._head):
            return Moved("", 0) if self._head and not theirs else None
        behind = _count((await self._git.run("rev-list", "--count", f"HEAD..{theirs}")).stdout, r"^(\d{1,9})$")
        return Moved(theirs, behind) if behind else None

    async def _text(self, name: str) -> str | None:
        try:
            text = await self._supervisor.read(f"{self._folder}/{name}", limit_bytes=GUIDE_BYTES)
        except FileError:
            return None
        return text.decode(errors="replace")


def _count(said: bytes, pattern: str) -> int:
    found = re.search(pattern, said.decode(errors="replace"), re.MULTILINE)
    return int(found[1]) if found else 0
