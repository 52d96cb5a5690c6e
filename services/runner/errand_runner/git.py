"""git in a sandbox: its commands run there, and what one of them says is kept."""

import re
import time
from signal import SIGKILL

from errand_runner.live import LiveLines, Say, followed
from errand_runner.outage import GitHost, HostAway, Killed
from errand_runner.sandbox.supervisor import Finished, Supervisor

GIT_S = 60.0

# What git says where a process that it had started is killed; what the git host says comes behind "remote: ".
_DIED = re.compile(r"^error: .{1,80} died of signal (\d{1,3})$", re.MULTILINE)


class GitFailed(Exception):
    """A git command in the sandbox failed; the message holds what it said."""


class GitKilled(GitFailed, Killed):
    """It was killed, by the kernel for memory or by whoever may: it is no answer, and may be done again."""


class Git:
    """Runs them in `folder`. `host` is what the broker knows of the git host: it tells an outage, which passes, from a
    refusal."""

    def __init__(self, supervisor: Supervisor, folder: str, host: GitHost) -> None:
        self._supervisor, self._folder, self._host = supervisor, folder, host

    async def reach(self, *arguments: str, cwd: str = "", timeout_s: float = GIT_S, say: Say | None = None) -> Finished:
        """A command that talks to the git host. Raises HostAway where that, and not the command, is the matter."""
        self._host.trouble = ""
        try:
            return await self.run(*arguments, cwd=cwd, timeout_s=timeout_s, say=say)
        except GitFailed as exc:
            if self._host.trouble:
                raise HostAway(self._host.trouble) from exc
            raise

    async def run(self, *arguments: str, cwd: str = "", timeout_s: float = GIT_S, say: Say | None = None) -> Finished:
        """A command that is to succeed. Raises GitFailed, GitKilled where it had no answer."""
        finished = await self.attempt(*arguments, cwd=cwd, timeout_s=timeout_s, say=say)
        if finished.exit.timed_out:
            raise GitFailed(f"git {arguments[0]} did not end within {timeout_s:.0f} s")
        check_not_killed(f"git {arguments[0]}", finished)
        if finished.exit.code != 0:
            raise GitFailed(f"git {arguments[0]}: {last_words(finished)}")
        return finished

    async def attempt(
        self, *arguments: str, cwd: str = "", timeout_s: float = GIT_S, say: Say | None = None
    ) -> Finished:
        """A command that may fail. `say` takes what it prints meanwhile."""
        argv, cwd = ["git", *arguments], cwd or self._folder
        if say is None:
            return await self._supervisor.capture(argv, cwd=cwd, timeout_s=timeout_s)
        running = self._supervisor.run(argv, cwd=cwd, timeout_s=timeout_s)
        return await followed(running, LiveLines(say, now_s=time.monotonic))


def check_not_killed(what: str, finished: Finished) -> None:
    """Raises GitKilled where a signal ended the command, or what it had started."""
    signal, code = finished.exit.signal, finished.exit.code
    if code:
        died = _DIED.search(finished.stderr.decode(errors="replace"))
        # As a shell tells it; git itself has no code above 129.
        signal = int(died[1]) if died else code - 128 if 129 < code <= 128 + 64 else None
    if signal is not None:
        why = ", as where memory runs out (ERRAND_SANDBOX_MEMORY_BYTES)" if signal == SIGKILL else ""
        raise GitKilled(f"{what} was killed by signal {signal}{why}")


def commit_in(said: bytes) -> str:
    """The name of a commit, as a sandbox says it. Raises GitFailed for what is none."""
    text = said.decode(errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise GitFailed(f"git said {text[:80]!r}, which is no commit")
    return text


def last_words(finished: Finished) -> str:
    """What it said, without what a terminal would show no more."""
    said = (finished.stderr or finished.stdout).decode(errors="replace").strip()
    return "\n".join(line.rpartition("\r")[2] for line in said.split("\n"))[-2000:]
