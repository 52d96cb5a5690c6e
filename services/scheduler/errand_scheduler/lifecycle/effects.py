"""What an event of a runner does beside being told."""

from dataclasses import dataclass

from errand_common.values import AttemptPhase
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store.messages import Message
from errand_scheduler.store.tasks import DiffStat
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.usage import Usage


@dataclass(frozen=True)
class PhaseReported:
    """The attempt came further."""

    phase: AttemptPhase


@dataclass(frozen=True)
class MessageAdded:
    """The transcript grew; the message carries these inputs to the model."""

    message: Message
    input_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class UsageAdded:
    """The model was paid for what no message holds."""

    usage: Usage


@dataclass(frozen=True)
class ToolCallBegan:
    """A tool runs."""

    call: ToolCall


@dataclass(frozen=True)
class ToolCallEnded:
    """A tool ended."""

    call: ToolCall


@dataclass(frozen=True)
class PrefixSettled:
    """The conversation's beginning is fixed."""

    prefix: bytes


@dataclass(frozen=True)
class PrefixReplaced:
    """The conversation goes on with another model, and so with another beginning."""

    prefix: bytes


@dataclass(frozen=True)
class SandboxOpened:
    """A container is up."""

    container_id: str


@dataclass(frozen=True)
class BranchPushed:
    """The branch is at the git host, at this commit."""

    commit: str
    diff_stat: DiffStat | None


@dataclass(frozen=True)
class CheckpointSaved:
    """The working tree is at the git host, as this commit."""

    commit: str


@dataclass(frozen=True)
class CheckFinished:
    """The project's check was run, or could not be; a message of the contract."""

    result: bytes


@dataclass(frozen=True)
class HostsBlocked:
    """The project does not allow these."""

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class WaitBegan:
    """The attempt waits for a person or a quota."""

    wait: Wait


@dataclass(frozen=True)
class WaitOver:
    """It goes on."""


Effect = (
    PhaseReported
    | MessageAdded
    | UsageAdded
    | ToolCallBegan
    | ToolCallEnded
    | PrefixSettled
    | PrefixReplaced
    | SandboxOpened
    | BranchPushed
    | CheckpointSaved
    | CheckFinished
    | HostsBlocked
    | WaitBegan
    | WaitOver
    | None
)
