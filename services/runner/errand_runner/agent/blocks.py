"""Content blocks as Claude's API has them, and how they are written down."""

import json
from collections.abc import Mapping

Block = Mapping[str, object]


class TranscriptError(ValueError):
    """A message that Claude's API would refuse at this point of the transcript, or a record that is not one of ours."""


def encode(value: object) -> bytes:
    """Gives compact JSON in UTF-8; what UTF-8 cannot hold (a lone surrogate) becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
