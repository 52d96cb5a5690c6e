"""A task's checkpoint at the git host: the whole working tree as one commit, made, found there, and laid out again."""

import re
from dataclasses import dataclass

from errand_runner.git import Git, GitFailed, commit_in
from errand_runner.sandbox.answers import Taken
from errand_runner.sandbox.supervisor import FileError, Supervisor

AT_HOST = "refs/errand/at-host"
"""In a clone: the checkpoint that the git host was last seen to have."""
KEPT = "refs/errand/kept"
"""In a clone: the checkpoint that it pushed last, or was laid out from."""

FILE_BYTES = 50 * 1024 * 1024
"""Above that a file is left out. GitHub takes none over 100 MiB."""
TOTAL_BYTES = 150 * 1024 * 1024
"""So much of what is not committed, smallest files first: with what it refers to within what one push may hold."""

TAKE_S = 120.0
PUSH_S = 300.0
LAY_OUT_S = 600.0


def ref_of(task_id: str) -> str:
    """Where a task's checkpoint lies at the git host."""
    return f"refs/errand/{task_id}"


@dataclass(frozen=True)
class Found:
    """One at the git host: what was checked out, where the task's branch was, and which workspace it is of."""

    commit: str
    head: str
    branch_head: str
    on_branch: bool
    merging: tuple[str, ...]
    workspace_id: str


class Checkpoints:
    """Those of one task, in the clone that `git` works in. `workspace_id` says whose a checkpoint is."""

    def __init__(
        self,
        supervisor: Supervisor,
        git: Git,
        *,
        folder: str,
        task_id: str,
        branch: str,
        default_branch: str,
        workspace_id: str,
    ) -> None:
        self._supervisor, self._git, self._folder = supervisor, git, folder
        self._task_id, self._branch, self._default_branch = task_id, branch, default_branch
        self._workspace_id = workspace_id

    @property
    def fetched(self) -> str:
        """What a fetch takes along to have it here; nothing, where there is none."""
        # With a star: a name that is not there is an error, a pattern without a match is none.
        return f"+{ref_of(self._task_id)}*:{AT_HOST}*"

    def pushed(self, taken: Taken) -> str:
        """What a push takes along to have it there."""
        # The ref is this task's alone, and only who holds its lease gets here.
        return f"+{taken.commit}:{ref_of(self._task_id)}"

    async def take(self) -> Taken | None:
        """The working tree as a commit, which nothing refers to yet; None where the git host has all of it.

        Neither index nor branches are touched, so that git may be at work here. Raises GitFailed.
        """
        at_host = [KEPT, *(f"refs/remotes/origin/{name}" for name in (self._default_branch, self._branch))]
        message = (
            f"Errand's checkpoint of {self._task_id}\n\nThe working tree as it was, on top of what was committed."
            f"\n\nErrand-Workspace: {self._workspace_id}"
        )
        try:
            taken = await self._supervisor.look.checkpoint(
                self._folder,
                branch=self._branch,
                at_host=at_host,
                message=message,
                file_bytes=FILE_BYTES,
                total_bytes=TOTAL_BYTES,
                timeout_s=TAKE_S,
            )
        except FileError as exc:
            raise GitFailed(f"no checkpoint could be made: {exc}") from exc
        return taken if taken.commit else None

    async def push(self, taken: Taken) -> None:
        """Put it in the place of the one before. Raises GitFailed and HostAway."""
        await self._git.reach("push", "--quiet", "--no-verify", "origin", self.pushed(taken), timeout_s=PUSH_S)
        await self.note(taken.commit)

    async def note(self, commit: str) -> None:
        """The git host has it, and this clone what is in it."""
        await self._git.run("update-ref", "--no-deref", KEPT, commit, cwd=self._folder)

    async def found(self, folder: str) -> Found | None:
        """The one that the last fetch into the clone in `folder` brought. Raises GitFailed for one that is none."""
        shown = await self._git.attempt("log", "-1", "--format=%H%n%P%n%B", AT_HOST, "--", cwd=folder)
        return None if shown.exit.code != 0 else found_in(shown.stdout)

    async def is_of_this_clone(self, found: Found) -> bool:
        """Whether this clone has all that the checkpoint has, since it made it or went on from it."""
        kept = await self._git.attempt("rev-parse", "--verify", "--quiet", KEPT)
        return found.workspace_id == self._workspace_id or kept.stdout.decode(errors="replace").strip() == found.commit

    async def lay_out(self, found: Found, folder: str) -> None:
        """In a clone without a working tree: the branch where it was, the files as they were, none of it staged.

        Raises GitFailed.
        """
        if found.on_branch:
            where = ["-B", self._branch]
        else:
            await self._git.run("branch", "--force", self._branch, found.branch_head, cwd=folder)
            where = ["--detach"]
        await self._git.run("checkout", "--quiet", *where, found.commit, cwd=folder, timeout_s=LAY_OUT_S)
        await self._git.run("reset", "--quiet", found.head, cwd=folder, timeout_s=LAY_OUT_S)
        if found.merging:
            await self._git.run("update-ref", "--no-deref", "MERGE_HEAD", found.merging[0], cwd=folder)
        await self._git.run("update-ref", "--no-deref", KEPT, found.commit, cwd=folder)


def found_in(said: bytes) -> Found:
    """What `git log` says of a checkpoint. Whoever may push to the repository may have made it: GitFailed for one that
    cannot be laid out."""
    lines = said.decode(errors="replace").splitlines()
    told = dict(re.findall(r"^Errand-([A-Za-z-]+): (\S*)$", "\n".join(lines), re.MULTILINE))
    names = [commit_in(name.encode()) for name in [*lines[:1], *(lines[1].split() if len(lines) > 1 else [])]]
    if len(names) < 2 or "On-Branch" not in told:
        raise GitFailed("what lies at the git host in the place of a checkpoint is none")
    commit, head, *others = names
    merging = tuple(name for name in others if name == told.get("Merging"))
    branch_head = told.get("Branch-Head", head)
    return Found(
        commit=commit,
        head=head,
        branch_head=branch_head if branch_head in names else head,
        on_branch=told["On-Branch"] == "yes",
        merging=merging,
        workspace_id=told.get("Workspace", ""),
    )
