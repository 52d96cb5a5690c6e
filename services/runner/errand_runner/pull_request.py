"""What a pull request says where Claude did not say it, and how a person opens it by hand."""

from urllib.parse import quote

from errand.v1.task_pb2 import Project, Task
from errand_common.values import CheckOutcome
from errand_runner.finish import CheckResult

TITLE_CHARACTERS = 72
BODY_BYTES = 48 * 1024
"""Of Claude's words: the contract has room for more (OpenPullRequestRequest.body)."""

_CHECKS = {
    CheckOutcome.NONE_DECLARED: "",
    CheckOutcome.PASSED: "passed",
    CheckOutcome.NOT_RUN: "could not be run",
}


def title_of(prompt: str) -> str:
    """The prompt's first line, shortened."""
    line = next(line.strip() for line in prompt.splitlines() if line.strip())
    if len(line) <= TITLE_CHARACTERS:
        return line
    head = line[: TITLE_CHARACTERS - 1]
    return (head.rpartition(" ")[0] or head).rstrip() + "…"


def check_words(check: CheckResult) -> str:
    """What the project's check came to, for people who review; empty where none is declared."""
    code = "" if check.exit_code is None else f" with exit code {check.exit_code}"
    return _CHECKS.get(check.outcome, f"failed{code}")


def by_hand(project: Project, task: Task) -> str:
    """GitHub's page on which a person opens the pull request of a pushed branch."""
    pages = project.repo_url.removesuffix(".git")
    base, head = (quote(branch, safe="/") for branch in (project.default_branch, task.branch))
    return f"{pages}/compare/{base}...{head}?expand=1"
