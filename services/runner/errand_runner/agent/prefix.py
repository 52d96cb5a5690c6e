"""What every request of a task begins with: settled once, then sent unchanged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from errand_runner.agent.blocks import Block, TranscriptError, encode


@dataclass(frozen=True)
class Prefix:
    """The request without its messages: settled once per task, then sent unchanged, by newer releases too.

    Claude's signed thoughts and its cache are bound to exactly what stands before them.
    """

    document: bytes

    @classmethod
    def freeze(
        cls,
        *,
        model: str,
        max_tokens: int,
        system: str,
        tools: Sequence[Block],
        thinking: Block | None = None,
        effort: str = "",
    ) -> "Prefix":
        """Settles a prefix; `thinking` and `effort` left out mean the model's own default."""
        # Marked, so that the service keeps what all tasks begin with.
        prompt = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
        params: dict[str, object] = {"model": model, "max_tokens": max_tokens, "system": prompt, "tools": list(tools)}
        if thinking is not None:
            params["thinking"] = thinking
        if effort:
            params["output_config"] = {"effort": effort}
        return cls(encode(params))

    def for_model(self, model: str, *, max_tokens: int, thinking: Block | None, effort: str) -> "Prefix":
        """The same for another model: what depends on that is settled anew, all else stays."""
        settled = {"model": model, "max_tokens": max_tokens}
        params = {
            **self.params,
            **settled,
            "thinking": thinking,
            "output_config": {"effort": effort} if effort else None,
        }
        return Prefix(encode({name: value for name, value in params.items() if value is not None}))

    @classmethod
    def from_bytes(cls, document: bytes) -> "Prefix":
        """Takes up a stored prefix; raises TranscriptError when it is none."""
        prefix = cls(document)
        if not isinstance(prefix.params.get("model"), str) or not isinstance(prefix.params.get("max_tokens"), int):
            raise TranscriptError("the stored prefix names no model or no max_tokens; the record is damaged")
        return prefix

    def to_bytes(self) -> bytes:
        """Gives what `from_bytes` takes, byte for byte."""
        return self.document

    @cached_property
    def params(self) -> Mapping[str, object]:
        """The request's parameters."""
        params = json.loads(self.document)
        if not isinstance(params, dict):
            raise TranscriptError("the stored prefix is no JSON object; the record is damaged")
        return params

    @property
    def model(self) -> str:
        """The model's id."""
        return cast(str, self.params["model"])

    @property
    def effort(self) -> str:
        """What effort the model is asked for; empty for its own."""
        return _setting(self.params, "output_config", "effort")

    @property
    def thinking_display(self) -> str:
        """How it is asked to show its thoughts; empty for its own way."""
        return _setting(self.params, "thinking", "display")

    @property
    def max_tokens(self) -> int:
        """The most tokens of a reply."""
        return cast(int, self.params["max_tokens"])


def _setting(params: Mapping[str, object], group: str, name: str) -> str:
    found = params.get(group)
    return str(found.get(name, "")) if isinstance(found, Mapping) else ""
