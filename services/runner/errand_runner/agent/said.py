"""What a person says to Claude: blocks, with the inputs that they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_runner.agent.blocks import Block


@dataclass(frozen=True)
class Answer:
    """What a person answered to a question of Claude's, and the input that it comes from."""

    text: str
    input_id: str


@dataclass(frozen=True)
class Said:
    """Nothing, unless told otherwise. The inputs count as taken once a message carries the blocks; `answer` is for the
    question that an earlier attempt left open."""

    blocks: Sequence[Block] = ()
    input_ids: Sequence[str] = ()
    answer: Answer | None = None
