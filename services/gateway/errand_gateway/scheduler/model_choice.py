"""Which model people choose, as plain values."""

from dataclasses import dataclass
from enum import StrEnum

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.values import Effort, ThinkingDisplay
from errand_common.wire import number


@dataclass(frozen=True)
class ModelChoice:
    """Which model is to work, and how it is asked; what is empty is as the runner is set up, or the model's own."""

    model: str = ""
    effort: str = ""
    thinking_display: str = ""
    fallback_model: str = ""

    def to_wire(self) -> task_pb2.ModelChoice:
        """Raises Invalid for a word that there is not."""
        return task_pb2.ModelChoice(
            model=self.model,
            fallback_model=self.fallback_model,
            effort=number(task_pb2.Effort, _known(self.effort, Effort, field="effort")),
            thinking_display=number(
                task_pb2.ThinkingDisplay, _known(self.thinking_display, ThinkingDisplay, field="thinking_display")
            ),
        )


def _known(word: str, words: type[StrEnum], *, field: str) -> str | None:
    if word and word not in list(words):
        raise Invalid(f'{field} "{word[:40]}" is unknown; use one of {", ".join(words)}, or leave it empty')
    return word or None
