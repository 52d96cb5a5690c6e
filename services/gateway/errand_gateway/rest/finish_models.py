"""What REST answers of what the work of a task used, changed and came to."""

from typing import Annotated

from pydantic import BaseModel, Field

Seconds = Annotated[float, Field(description="Seconds")]


class Check(BaseModel):
    """A project's declared check, run on what a task pushed, in a sandbox that is cloned and set up anew."""

    script: str = Field(description="Run by bash in the clone; exit code 0 passes; empty for none")
    limit_duration: Seconds | None = None


class Usage(BaseModel):
    """What was used of the model."""

    input_tokens: int
    cache_write_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_nanodollars: int | None = None


class DiffStat(BaseModel):
    """What a task's branch changes."""

    files: int
    insertions: int
    deletions: int


class CheckResult(BaseModel):
    """What the project's check said of a commit."""

    outcome: str = Field(
        description="none_declared, passed, failed, or not_run: it could not be run to its end, which says nothing"
    )
    commit: str
    exit_code: int | None = None
    duration: Seconds | None = None
    tail: str = Field(description="The end of what it printed, at most 1 KiB")
    reason: str = Field(description="In words, how it failed or why it could not be run")
    key: str = Field(description="Equal for the same check of the same commit, which is not run again")


class FinishCard(BaseModel):
    """What the work came to when an attempt succeeded, as the runner and the scheduler found it."""

    result: str = Field(description="The beginning of the model's last words, at most 1 KiB")
    message_id: str = Field(description="The message that holds them")
    branch: str
    commit: str = Field(description="Where the branch is at the git host; empty where the task changed nothing")
    diff_stat: DiffStat | None = None
    pull_request_url: str
    check: CheckResult | None = None
    usage: Usage | None = Field(default=None, description="Of the task until then; no cost where a price is unknown")
    wall_duration: Seconds | None = None
    work_duration: Seconds | None = None
    blocked_hosts: list[str]
