"""A task's story on a terminal and without one: what is said, what is left out, and nothing that moves a cursor."""

import io

import pytest
from rich.console import Console

from errand.v1 import event_pb2, task_pb2
from errand_cli import lines
from errand_cli.output import Output, clean, first_line
from errand_cli.screen import Screen
from errand_cli.watching import Told
from errand_common.wire import duration, event_json


def told(**body: object) -> Told:
    event = event_pb2.Event(cursor="1.1", task_id="tsk_1")
    for name, fact in body.items():
        getattr(event.body, name).CopyFrom(fact)
    return Told("event", {"event": event_json(event)})


def shown(*things: Told, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, highlight=False, markup=False, soft_wrap=True)
    with Screen(Output(as_json=False, console=console)) as screen:
        for each in things:
            screen.show(each)
    return file.getvalue()


def test_the_story_is_told_in_lines() -> None:
    text = shown(
        told(
            task_status_changed=event_pb2.TaskStatusChanged(status=task_pb2.TASK_STATUS_PENDING, status_reason="busy")
        ),
        told(step_finished=event_pb2.StepFinished(step=event_pb2.STEP_CLONE, duration=duration(1.25))),
        told(message_appended=event_pb2.MessageAppended(role=task_pb2.ROLE_ASSISTANT, summary="I look.\nThen I do.")),
        told(tool_call_started=event_pb2.ToolCallStarted(tool_name="bash", summary="make test")),
        told(tool_call_finished=event_pb2.ToolCallFinished(tool_name="bash", summary="fine")),
        told(git_delayed=event_pb2.GitDelayed(reason="502", delay=duration(30))),
        told(
            branch_pushed=event_pb2.BranchPushed(
                branch="errand/1", commit="a" * 40, diff_stat=task_pb2.DiffStat(files=2)
            )
        ),
        told(repository_renamed=event_pb2.RepositoryRenamed(old_repository="a/b", repository="c/d")),
    )

    assert text.splitlines() == [
        "        task  pending: busy",
        "        step  clone 1.2 s",
        "      claude  I look.",
        "              Then I do.",
        "        bash  make test",
        "     waiting  502; again in 30 s",
        "      pushed  errand/1 at aaaaaaaaaa, 2 files, +0 -0",
        "  repository  a/b is now c/d",
    ]


def test_a_terminal_shows_what_is_on_its_way_until_it_is_told_whole() -> None:
    piece = Told("delta", {"delta": {"subject_id": "msg_1", "kind": "text", "text": "half a sen"}})
    whole = event_pb2.MessageAppended(message_id="msg_1", role=task_pb2.ROLE_ASSISTANT, summary="half a sentence")

    text = shown(piece, told(message_appended=whole), terminal=True)

    assert "half a sen" in text
    assert "claude" in text
    assert "half a sen" not in shown(piece), "what is no terminal gets whole lines alone"


@pytest.mark.parametrize("kind", sorted(each.name for each in event_pb2.EventBody.DESCRIPTOR.fields))
def test_each_kind_of_event_can_be_told_also_an_empty_one(kind: str) -> None:
    event = event_pb2.Event()
    getattr(event.body, kind).SetInParent()

    line = lines.line_of(event_json(event))

    assert line is None or line.label


def test_a_kind_of_a_newer_release_is_named() -> None:
    assert lines.line_of({"kind": "moon_landed", "detail": {"summary": "it did"}}) == lines.Line(
        "moon landed", "it did", "dim"
    )


@pytest.mark.parametrize("text", ["\x1b[2J\x1b[31mred\x1b[0m", "\x9b31mred", "re\x07d", "\x1b]0;title\x07red"])
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    assert not set(clean(text)) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160)]}


def test_what_looks_like_a_token_is_masked() -> None:
    assert clean(f"use ghp_{'a' * 36}") == "use [masked]"


def test_a_prompt_is_shortened_to_a_line() -> None:
    assert first_line("\n\n  one two three\nmore", most=8) == "one two…"
