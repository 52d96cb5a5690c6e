"""Which model people choose, as rows remember it."""

import json
from dataclasses import asdict, dataclass

from errand_common.values import Effort, ThinkingDisplay


@dataclass(frozen=True)
class ModelChoice:
    """Which model works, and how it is asked; what is empty is left to whoever is asked next: a task's project, the
    runner, the model."""

    model: str = ""
    effort: Effort | None = None
    thinking_display: ThinkingDisplay | None = None
    fallback_model: str = ""


NO_CHOICE = ModelChoice()


def to_text(choice: ModelChoice) -> str:
    """As a task's column has it."""
    return "" if choice == NO_CHOICE else json.dumps(asdict(choice))


def from_text(text: str) -> ModelChoice:
    """What `to_text` wrote."""
    if not text:
        return NO_CHOICE
    found = json.loads(text)
    effort, display = found["effort"], found["thinking_display"]
    return ModelChoice(
        found["model"],
        Effort(effort) if effort else None,
        ThinkingDisplay(display) if display else None,
        found.get("fallback_model", ""),
    )
