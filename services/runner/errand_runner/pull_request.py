"""What a pull request says: the model's own words, and a footer of facts."""

from errand.v1.task_pb2 import Task
from errand_common.values import summarise
from errand_runner.workspace import Changes

TITLE_CHARACTERS = 72

WORDS_BYTES = 30 * 1024
PROMPT_BYTES = 20 * 1024
"""Together with the footer within the contract's 60 KiB (OpenPullRequestRequest.body)."""


def title_of(prompt: str) -> str:
    """The prompt's first line, shortened."""
    line = next(line.strip() for line in prompt.splitlines() if line.strip())
    if len(line) <= TITLE_CHARACTERS:
        return line
    head = line[: TITLE_CHARACTERS - 1]
    return (head.rpartition(" ")[0] or head).rstrip() + "…"


def body_of(task: Task, changes: Changes, words: str) -> str:
    """The body, in Markdown: good enough to review from alone."""
    prompt = summarise("\n".join(f"> {line}" for line in task.prompt.splitlines()), limit_bytes=PROMPT_BYTES)
    facts = f"{changes.commits} commits, {changes.files} files, +{changes.insertions} -{changes.deletions}"
    return f"{summarise(words, limit_bytes=WORDS_BYTES)}\n\n---\n{prompt}\n\nErrand task `{task.task_id}`: {facts}.\n"
