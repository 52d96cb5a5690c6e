"""A task is for the model that it was given, else its project's, else the host's; each part of the choice by itself."""

import pytest

from errand.v1 import task_pb2
from errand_runner.agent.choice import Choice
from errand_runner.attempt.choosing import choice_of

NOTHING = task_pb2.ModelChoice()
OPUS = task_pb2.ModelChoice(model="opus", effort=task_pb2.EFFORT_HIGH)
HAIKU = task_pb2.ModelChoice(model="haiku", thinking_display=task_pb2.THINKING_DISPLAY_OMITTED)
MORE = task_pb2.ModelChoice(effort=task_pb2.EFFORT_MAX)


@pytest.mark.parametrize(
    ("own", "projects", "expected"),
    [
        (NOTHING, NOTHING, ("host", "", "")),
        (NOTHING, OPUS, ("opus", "high", "")),
        (HAIKU, OPUS, ("haiku", "high", "omitted")),
        (MORE, OPUS, ("opus", "max", "")),
        (MORE, NOTHING, ("host", "max", "")),
    ],
)
def test_each_part_is_the_tasks_own_then_the_projects_then_the_hosts(own, projects, expected):
    task, project = task_pb2.Task(model_choice=own), task_pb2.Project(model_choice=projects)

    chosen = choice_of(task, project, host_model="host")

    assert (chosen.model, chosen.effort, chosen.thinking_display) == expected


def test_the_other_model_is_the_tasks_own_then_the_projects_and_else_there_is_none():
    own, theirs = task_pb2.ModelChoice(fallback_model="haiku"), task_pb2.ModelChoice(fallback_model="opus")
    found = [
        choice_of(task_pb2.Task(model_choice=each), task_pb2.Project(model_choice=theirs), host_model="host").fallback
        for each in (own, NOTHING)
    ]

    assert found == ["haiku", "opus"]
    assert choice_of(task_pb2.Task(), task_pb2.Project(), host_model="host").fallback == ""


def test_what_a_task_was_given_is_not_mended_in_the_projects_settings():
    own = choice_of(task_pb2.Task(model_choice=HAIKU), task_pb2.Project(), host_model="host")
    theirs = choice_of(task_pb2.Task(model_choice=MORE), task_pb2.Project(model_choice=OPUS), host_model="host")

    assert own.cure == "start a new task with one of them"
    assert theirs.cure == Choice("opus").cure
