"""What a person says to Claude: blocks, with the inputs that they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_runner.agent.transcript import Block


@dataclass(frozen=True)
class Said:
    """Nothing, unless told otherwise. The inputs count as taken once a message carries the blocks."""

    blocks: Sequence[Block] = ()
    input_ids: Sequence[str] = ()
