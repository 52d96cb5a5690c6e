"""The clone inside a sandbox: made, taken up again, committed and pushed, always by git in the sandbox."""

import re
import time
from dataclasses import dataclass
from pathlib import PurePosixPath

from errand_runner.live import LiveLines, Say, followed
from errand_runner.outage import GitHost, HostAway
from errand_runner.sandbox.supervisor import FileError, Finished, Supervisor

REPOSITORY = "/workspace/repo"
"""Where the clone stands in every sandbox."""

CLONE_S = 600.0
PUSH_S = 300.0
GIT_S = 60.0

GUIDES = ("AGENTS.md", "CLAUDE.md")
"""Files in which a repository speaks to agents."""

AUTHOR = {"user.name": "Errand", "user.email": "errand@localhost"}
"""Who commits, unless the model says otherwise; the address belongs to nobody."""

GUIDE_BYTES = 64 * 1024


def mark_of(folder: str) -> str:
    """Where it is written down that a clone is set up: beside it, and not in it."""
    return f"{folder}.setup"


class GitFailed(Exception):
    """A git command in the sandbox failed; the message holds what it said."""


class NothingToStartFrom(Exception):
    """The repository has no commit, or not the branch that work starts from; the message says what to do."""


@dataclass(frozen=True)
class Changes:
    """What the task's branch holds against the default branch."""

    commit: str
    commits: int
    files: int
    insertions: int
    deletions: int


class Workspace:
    """One task's clone, seen through the supervisor of the sandbox that it is mounted in.

    `host` is what the broker knows of the git host: it tells an outage, which passes, from a refusal.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        remote_url: str,
        branch: str,
        default_branch: str,
        host: GitHost,
        folder: str = REPOSITORY,
    ) -> None:
        self._supervisor, self._folder, self._host = supervisor, folder, host
        self._remote_url, self._branch, self._default_branch = remote_url, branch, default_branch

    async def prepare(self, say: Say = lambda text: None) -> None:
        """Clone, or take up the clone of an earlier attempt, and check out the task's branch.

        `say` takes git's progress.
        Raises GitFailed, HostAway (then it may be called again) and NothingToStartFrom.
        """
        if await self._exists(f"{self._folder}/.git/HEAD"):
            await self._unlock()
            await self._git("remote", "set-url", "origin", self._remote_url)
            await self._reach("fetch", "--progress", "--prune", "origin", timeout_s=CLONE_S, say=say)
            if not await self._knows(f"refs/remotes/origin/{self._default_branch}"):
                await self._check_start()
            await self._check_out(self._folder)
        else:
            await self._clone(say)

    async def take_up(self) -> bool:
        """Go on in the clone just as a process that is gone left it; False where there is none."""
        found = await self._exists(f"{self._folder}/.git/HEAD")
        if found:
            await self._unlock()
        return found

    async def guides(self) -> dict[str, str]:
        """The texts in which the repository speaks to agents, by file name."""
        found: dict[str, str] = {}
        for name in GUIDES:
            try:
                text = await self._supervisor.read(f"{self._folder}/{name}", limit_bytes=GUIDE_BYTES)
            except FileError:
                continue
            found[name] = text.decode(errors="replace")
        return found

    async def commit_rest(self, message: str) -> None:
        """Commit what the model left uncommitted, untracked files too: nothing of a turn is lost. Raises GitFailed."""
        await self._unlock()
        if (await self._git("status", "--porcelain")).stdout:
            await self._git("add", "--all")
            await self._git("commit", "--quiet", "--no-verify", "--message", message)

    async def changes(self) -> Changes:
        """Measure the branch. Raises GitFailed."""
        base = f"origin/{self._default_branch}"
        commit = _commit(await self._git("rev-parse", "HEAD"))
        count = (await self._git("rev-list", "--count", f"{base}..HEAD")).stdout.decode(errors="replace")
        shortstat = (await self._git("diff", "--shortstat", f"{base}...HEAD")).stdout.decode(errors="replace")
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
        found = await self._run("rev-parse", "--verify", "--quiet", ref)
        return _commit(found) if found.exit.code == 0 else ""

    async def push(self) -> None:
        """Push the branch, never over commits of others. Raises GitFailed with what the git host said, and HostAway."""
        await self._reach("push", "--quiet", "origin", f"HEAD:refs/heads/{self._branch}", timeout_s=PUSH_S)

    async def _unlock(self) -> None:
        """Nothing runs in the sandbox now: a lock is what a git that was killed left behind."""
        locks = ["find", f"{self._folder}/.git", "-name", "*.lock", "-type", "f", "-delete"]
        await self._supervisor.capture(locks, cwd=self._folder, timeout_s=GIT_S)

    async def _clone(self, say: Say) -> None:
        """Beside its place, then moved there: what stands there is whole, however an earlier attempt ended.

        A person waits for it, and each command costs a process or three: as few as there can be.
        """
        part, parent = f"{self._folder}.part", str(PurePosixPath(self._folder).parent)
        # What was set up in a clone goes with it.
        gone = [path for path in (part, self._folder, mark_of(self._folder)) if await self._exists(path)]
        if gone:
            await self._supervisor.capture(["rm", "-rf", *gone], cwd=parent, timeout_s=GIT_S)
        author = [f"--config={key}={value}" for key, value in AUTHOR.items()]
        what = ("--no-tags", "--no-checkout", "--branch", self._default_branch, self._remote_url, part)
        try:
            await self._reach("clone", "--progress", *author, *what, cwd=parent, timeout_s=CLONE_S, say=say)
        except GitFailed:
            await self._check_start()
            raise
        await self._check_out(part)
        moved = await self._supervisor.capture(["mv", part, self._folder], cwd=parent, timeout_s=GIT_S)
        if moved.exit.code != 0:
            raise GitFailed(f"mv: {moved.stderr.decode(errors='replace').strip()[-2000:]}")

    async def _check_out(self, folder: str) -> None:
        ours, theirs = f"refs/heads/{self._branch}", f"refs/remotes/origin/{self._branch}"
        known = (await self._git("for-each-ref", "--format=%(refname)", ours, theirs, cwd=folder)).stdout.split()
        if ours.encode() in known:
            start: tuple[str, ...] = (self._branch,)
        elif theirs.encode() in known:
            start = ("-b", self._branch, "--track", f"origin/{self._branch}")
        else:
            start = ("-b", self._branch, "--no-track", f"origin/{self._default_branch}")
        await self._git("checkout", "--quiet", *start, cwd=folder, timeout_s=CLONE_S)

    async def _check_start(self) -> None:
        """Raises NothingToStartFrom if the branch from which work starts is not at the git host."""
        parent = str(PurePosixPath(self._folder).parent)
        try:
            listed = (await self._reach("ls-remote", "--symref", self._remote_url, cwd=parent)).stdout
        except GitFailed:
            return
        refs = [line.split("\t") for line in listed.decode(errors="replace").splitlines()]
        heads = {ref[-1] for ref in refs if ref[-1].startswith("refs/heads/")}
        if not heads:
            raise NothingToStartFrom(
                "it has no commit yet, so there is nothing to start from; push a first commit, then send the task on"
            )
        if f"refs/heads/{self._default_branch}" not in heads:
            now = next((ref[0].removeprefix("ref: refs/heads/") for ref in refs if ref[0].startswith("ref: ")), "")
            raise NothingToStartFrom(
                f"its branch {self._default_branch}, from which work starts, is gone"
                f"{f', and its default branch is now {now}' if now else ''};"
                " add the repository again, so that its default branch is taken up, then send the task on"
            )

    async def _knows(self, ref: str) -> bool:
        return (await self._run("rev-parse", "--verify", "--quiet", ref)).exit.code == 0

    async def _exists(self, path: str) -> bool:
        try:
            await self._supervisor.stat(path)
        except FileError:
            return False
        return True

    async def _reach(
        self, *arguments: str, cwd: str = "", timeout_s: float = GIT_S, say: Say | None = None
    ) -> Finished:
        """A git command that talks to the git host. Raises HostAway where that, and not the command, is the matter."""
        self._host.trouble = ""
        try:
            return await self._git(*arguments, cwd=cwd, timeout_s=timeout_s, say=say)
        except GitFailed as exc:
            if self._host.trouble:
                raise HostAway(self._host.trouble) from exc
            raise

    async def _git(self, *arguments: str, cwd: str = "", timeout_s: float = GIT_S, say: Say | None = None) -> Finished:
        finished = await self._run(*arguments, cwd=cwd, timeout_s=timeout_s, say=say)
        if finished.exit.timed_out:
            raise GitFailed(f"git {arguments[0]} did not end within {timeout_s:.0f} s")
        if finished.exit.code != 0:
            raise GitFailed(f"git {arguments[0]}: {_last_words(finished)}")
        return finished

    async def _run(self, *arguments: str, cwd: str = "", timeout_s: float = GIT_S, say: Say | None = None) -> Finished:
        argv, cwd = ["git", *arguments], cwd or self._folder
        if say is None:
            return await self._supervisor.capture(argv, cwd=cwd, timeout_s=timeout_s)
        running = self._supervisor.run(argv, cwd=cwd, timeout_s=timeout_s)
        return await followed(running, LiveLines(say, now_s=time.monotonic))


def _last_words(finished: Finished) -> str:
    """What it said, without what a terminal would show no more."""
    said = (finished.stderr or finished.stdout).decode(errors="replace").strip()
    return "\n".join(line.rpartition("\r")[2] for line in said.split("\n"))[-2000:]


def _commit(finished: Finished) -> str:
    text = finished.stdout.decode(errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40,64}", text):
        raise GitFailed(f"git rev-parse said {text[:80]!r}, which is no commit")
    return text


def _count(text: str, pattern: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1]) if found else 0
