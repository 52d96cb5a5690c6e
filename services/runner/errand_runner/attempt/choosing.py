"""Which model an attempt is for: the task's own choice, then the project's, then the host's."""

from dataclasses import replace

from errand.v1 import task_pb2
from errand_common import wire
from errand_runner.agent.choice import Choice

_ANEW = "start a new task with one of them"


def choice_of(task: task_pb2.Task, project: task_pb2.Project, *, host_model: str) -> Choice:
    """Each part by itself: a task that asks for more effort is still for its project's model."""
    own, theirs = task.model_choice, project.model_choice
    choice = Choice(
        own.model or theirs.model or host_model,
        wire.word(task_pb2.Effort, own.effort or theirs.effort),
        wire.word(task_pb2.ThinkingDisplay, own.thinking_display or theirs.thinking_display),
        own.fallback_model or theirs.fallback_model,
    )
    # What a task was given it keeps.
    return replace(choice, cure=_ANEW) if own.model or own.fallback_model else choice
