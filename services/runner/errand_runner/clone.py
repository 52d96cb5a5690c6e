"""A clone in a sandbox is made: beside its place, then moved there; or the branch of one that is there checked out."""

from pathlib import PurePosixPath

from errand_runner.checkpoint import Checkpoints, Found
from errand_runner.git import GIT_S, Git, GitFailed, check_not_killed, last_words
from errand_runner.live import Say
from errand_runner.sandbox.supervisor import FileError, Supervisor

CLONE_S = 600.0

AUTHOR = {"user.name": "Errand", "user.email": "errand@localhost"}
"""Who commits, unless the model says otherwise; the address belongs to nobody."""

# One command in place of three: beside the clone itself, this is what a person waits for.
_BEGIN = """
cd "$1" || exit
if [ "$5" = bare ]; then
    if git rev-parse --verify --quiet "refs/remotes/origin/$3" > /dev/null; then
        git checkout --quiet -b "$3" --track "origin/$3"
    else
        git checkout --quiet -b "$3" --no-track "origin/$4"
    fi || exit
fi
mv "$1" "$2"
"""


def mark_of(folder: str) -> str:
    """Where it is written down that a clone is set up: beside it, and not in it."""
    return f"{folder}.setup"


class NothingToStartFrom(Exception):
    """The repository has no commit, or not the branch that work starts from; the message says what to do."""


class Clone:
    """The clone of one task in `folder`, by the `git` that works there; the task's branch is never moved."""

    def __init__(
        self,
        supervisor: Supervisor,
        git: Git,
        checkpoints: Checkpoints,
        *,
        folder: str,
        remote_url: str,
        branch: str,
        default_branch: str,
    ) -> None:
        self._supervisor, self._git, self._checkpoints, self._folder = supervisor, git, checkpoints, folder
        self._parent = str(PurePosixPath(folder).parent)
        self._remote_url, self._branch, self._default_branch = remote_url, branch, default_branch

    async def is_there(self) -> bool:
        """Whether an earlier attempt left one."""
        return await self._exists(f"{self._folder}/.git/HEAD")

    async def renew(self, say: Say) -> None:
        """Fetch what is at the git host now, the checkpoint too. Raises GitFailed, HostAway and NothingToStartFrom."""
        await self._git.run("remote", "set-url", "origin", self._remote_url)
        refs = ("+refs/heads/*:refs/remotes/origin/*", self._checkpoints.fetched)
        await self._git.reach("fetch", "--progress", "--prune", "origin", *refs, timeout_s=CLONE_S, say=say)
        start = f"refs/remotes/origin/{self._default_branch}"
        if (await self._git.attempt("rev-parse", "--verify", "--quiet", start)).exit.code != 0:
            await self._check_start()

    async def check_out(self) -> None:
        """The task's branch: its own, else that of the git host, else a new one. Raises GitFailed."""
        ours, theirs = f"refs/heads/{self._branch}", f"refs/remotes/origin/{self._branch}"
        known = (await self._git.run("for-each-ref", "--format=%(refname)", ours, theirs)).stdout.split()
        if ours.encode() in known:
            start: tuple[str, ...] = (self._branch,)
        elif theirs.encode() in known:
            start = ("-b", self._branch, "--track", f"origin/{self._branch}")
        else:
            start = ("-b", self._branch, "--no-track", f"origin/{self._default_branch}")
        await self._git.run("checkout", "--quiet", *start, timeout_s=CLONE_S)

    async def make(self, say: Say, *, restore: bool) -> Found | None:
        """Beside its place, then moved there: what stands there is whole, however an earlier attempt ended. To
        `restore` is to lay out the task's checkpoint in it: that which was found.

        A person waits for it, and each command costs a process or three: as few as there can be. Raises GitFailed,
        HostAway and NothingToStartFrom.
        """
        part = f"{self._folder}.part"
        # What was set up in a clone goes with it.
        gone = [path for path in (part, self._folder, mark_of(self._folder)) if await self._exists(path)]
        if gone:
            await self._supervisor.capture(["rm", "-rf", *gone], cwd=self._parent, timeout_s=GIT_S)
        author = [f"--config={key}={value}" for key, value in AUTHOR.items()]
        what = ("--no-tags", "--no-checkout", "--branch", self._default_branch, self._remote_url, part)
        try:
            await self._git.reach("clone", "--progress", *author, *what, cwd=self._parent, timeout_s=CLONE_S, say=say)
        except GitFailed:
            await self._check_start()
            raise
        found = await self._fetched_checkpoint(part) if restore else None
        if found is not None:
            await self._checkpoints.lay_out(found, part)
        told = [part, self._folder, self._branch, self._default_branch, "laid out" if found else "bare"]
        begun = await self._supervisor.capture(["sh", "-c", _BEGIN, "sh", *told], cwd=self._parent, timeout_s=CLONE_S)
        if not begun.exit.timed_out:
            check_not_killed("the checkout of the clone", begun)
        if begun.exit.code != 0 or begun.exit.timed_out:
            raise GitFailed(f"the clone could not be checked out: {last_words(begun)}")
        return found

    async def _fetched_checkpoint(self, folder: str) -> Found | None:
        await self._git.reach("fetch", "--quiet", "origin", self._checkpoints.fetched, cwd=folder, timeout_s=CLONE_S)
        return await self._checkpoints.found(folder)

    async def _check_start(self) -> None:
        """Raises NothingToStartFrom if the branch from which work starts is not at the git host."""
        try:
            listed = (await self._git.reach("ls-remote", "--symref", self._remote_url, cwd=self._parent)).stdout
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

    async def _exists(self, path: str) -> bool:
        try:
            await self._supervisor.stat(path)
        except FileError:
            return False
        return True
