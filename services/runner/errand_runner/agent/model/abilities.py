"""What a model can, as its service tells of it."""

from dataclasses import dataclass

from anthropic.types import ModelInfo

from errand_runner.agent.blocks import Block

# Room for a long file in one reply, and far below what current models allow.
_MAX_TOKENS = 32_000


@dataclass(frozen=True)
class Abilities:
    """What a model can, as far as its service tells; `known` says whether it told anything.

    `max_tokens` is what a new task's requests begin with; `longest_reply` and `context` are the model's own limits in
    tokens, None where the service does not say; `thinking` asks for summaries of its thoughts where it gives any;
    `efforts` are those that it can be asked for.
    """

    max_tokens: int
    thinking: Block | None
    efforts: frozenset[str] = frozenset()
    known: bool = True
    longest_reply: int | None = None
    context: int | None = None


UNKNOWN = Abilities(_MAX_TOKENS, None, known=False)
"""Of a model that its service tells nothing of: it gets the plainest request."""


def abilities_of(info: ModelInfo) -> Abilities:
    """Reads what a service told. Raises AttributeError where a part is missing, or it is something else."""
    summarises = info.capabilities is not None and info.capabilities.thinking.types.adaptive.supported
    return Abilities(
        max_tokens=min(_MAX_TOKENS, info.max_tokens or _MAX_TOKENS),
        # Newer models put what they say between tools into thoughts, and hide those unless asked for a summary.
        thinking={"type": "adaptive", "display": "summarized"} if summarises else None,
        efforts=_efforts(info),
        longest_reply=info.max_tokens or None,
        context=info.max_input_tokens or None,
    )


def is_active(info: object) -> bool:
    """Whether the model can be asked for still."""
    return isinstance(info, ModelInfo) and info.lifecycle != "retired"


def _efforts(info: ModelInfo) -> frozenset[str]:
    if info.capabilities is None:
        return frozenset()
    # By name, since a level that is new to the SDK is passed on by it all the same.
    told = info.capabilities.effort.to_dict()
    return frozenset(level for level, able in told.items() if isinstance(able, dict) and able.get("supported") is True)
