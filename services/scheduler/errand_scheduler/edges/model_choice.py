"""Which model people choose, and how it is to be asked."""

import re

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.values import Effort, ThinkingDisplay
from errand_common.wire import word
from errand_scheduler.store.model_choices import ModelChoice

# Printable ASCII: every service's ids are. The scheduler knows no model; the runner asks its service.
_MODEL = re.compile(r"[!-~]{1,128}")


def model_choice_of(sent: task_pb2.ModelChoice) -> ModelChoice:
    """What is asked for. Raises Invalid."""
    _check(sent.model, "model", "the runner's own")
    _check(sent.fallback_model, "fallback_model", "none")
    effort = word(task_pb2.Effort, sent.effort)
    if sent.effort and not effort:
        raise Invalid(f"effort {sent.effort} is unknown; use {', '.join(Effort)}")
    display = word(task_pb2.ThinkingDisplay, sent.thinking_display)
    if sent.thinking_display and not display:
        raise Invalid(f"thinking_display {sent.thinking_display} is unknown; use {' or '.join(ThinkingDisplay)}")
    return ModelChoice(
        sent.model,
        Effort(effort) if effort else None,
        ThinkingDisplay(display) if display else None,
        sent.fallback_model,
    )


def _check(model: str, field: str, without: str) -> None:
    if model and not _MODEL.fullmatch(model):
        raise Invalid(
            f'{field} "{model[:128]}" is not the id of a model, such as claude-sonnet-5-5; at most 128 printable'
            f" characters without spaces, or empty for {without}"
        )
