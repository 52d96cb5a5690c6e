"""What a watcher of the demo sees of a person's steering and of words that do not count."""

import io

from rich.console import Console

from tests.demo.screen import Screen


def shown(*messages: dict[str, object]) -> str:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=120))
    for message in messages:
        screen.show(message)
    return out.getvalue()


def event(kind: str, /, **detail: object) -> dict[str, object]:
    return {"type": "event", "event": {"kind": kind, "detail": detail}}


def words(subject_id: str, text: str) -> dict[str, object]:
    return {"type": "delta", "delta": {"subject_id": subject_id, "kind": "text", "text": text}}


DELAYED = event("model_delayed", reason="the model's service fell silent", delay=2.0)


def test_a_steer_is_shown_and_a_follow_up_is_left_to_who_wrote_it() -> None:
    output = shown(
        event("input_added", input_id="inp_1", summary="Use tabs.", kind="steer"),
        event("input_added", input_id="inp_2", summary="Then the docs.", kind="queue"),
    )
    assert "“Use tabs.”" in output
    assert "docs" not in output


def test_a_step_shows_what_it_prints_and_how_long_it_took() -> None:
    output = shown(
        event("step_started", step_id="stp_1", step="setup"),
        {"type": "delta", "delta": {"subject_id": "stp_1", "kind": "step", "text": "one\ntwo\n"}},
        event("step_finished", step_id="stp_1", step="setup", duration=1.5),
    )
    assert output.index("setup …") < output.index("│ one") < output.index("│ two") < output.index("setup 1.50 s")
    assert "claude" not in output


def test_words_that_were_cut_off_are_called_void() -> None:
    output = shown(words("msg_1", "I will"), DELAYED)
    assert output.index("I will") < output.index("the words above were cut off") < output.index("fell silent")


def test_a_delay_after_a_whole_message_voids_nothing() -> None:
    appended = event("message_appended", message_id="msg_1", role="assistant", summary="I will.")
    assert "cut off" not in shown(words("msg_1", "I will."), appended, DELAYED)


def test_what_became_of_the_work_at_the_git_host_is_told() -> None:
    output = shown(
        event("checkpoint_saved", left_out=""),
        event("checkpoint_saved", left_out="film.mp4 (70 MiB)"),
        event("workspace_restored", commit="c0ffee"),
        event("branch_moved", branch="errand/tsk_1", commit="c0ffee", behind_count=2),
    )
    assert "all but film.mp4" in output
    assert output.count("kept") == 1
    assert output.index("the last checkpoint") < output.index("2 commits behind")


def test_a_limit_of_the_sandbox_is_told_in_its_words() -> None:
    assert "the command was killed" in shown(
        event("sandbox_limit_hit", limit="memory", summary="the command was killed")
    )


def test_claudes_list_is_shown_instead_of_its_call() -> None:
    items = [{"text": "Look", "state": "done"}, {"text": "Mend", "state": "in_progress"}]
    output = shown(
        event("tool_call_started", tool_name="todo", summary="{}"),
        event("todo_changed", items=items),
        event("tool_call_finished", tool_name="todo", summary="Written down", is_error=False, duration=0.0),
    )
    assert output.splitlines() == ["    todo  [x] Look", "    todo  [>] Mend"]
