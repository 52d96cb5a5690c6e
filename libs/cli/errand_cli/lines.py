"""What happened to a task, each fact in a line: what `errand task watch` prints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from errand_cli import words
from errand_common.wire import Json

Detail = Mapping[str, Json]


@dataclass(frozen=True)
class Line:
    """`label` says what speaks or happened, in a word or two."""

    label: str
    text: str
    style: str = ""


def line_of(event: Mapping[str, Json]) -> Line | None:
    """The line of an event, as `event_json` gives it; None for what people need not read. A kind that is not known is
    named, with whatever it says in words."""
    kind, detail = str(event["kind"]), event["detail"]
    assert isinstance(detail, Mapping)
    if kind in _SILENT:
        return None
    if kind in _TOLD:
        return _TOLD[kind](detail)
    said = next((str(detail[name]) for name in ("summary", "reason") if detail.get(name)), "")
    return Line(kind.replace("_", " "), said, "dim")


def _status(detail: Detail) -> Line:
    reason = words.text(detail["status_reason"])
    return Line("task", f"{detail['status']}{reason and f': {reason}'}", "bold cyan")


def _phase(detail: Detail) -> Line:
    reason = words.text(detail["reason"])
    return Line("attempt", f"{detail['phase']}{reason and f': {reason}'}", "cyan")


def _step(detail: Detail) -> Line:
    took = detail.get("duration")
    return Line("step", f"{str(detail['step']).replace('_', ' ')} {words.span(float(str(took or 0)))}", "dim")


def _message(detail: Detail) -> Line | None:
    if detail["role"] != "assistant" or not detail["summary"]:
        return None
    return Line("claude", words.text(detail["summary"]), "magenta")


def _began(detail: Detail) -> Line:
    return Line(words.text(detail["tool_name"]) or "tool", words.text(detail["summary"]), "bold yellow")


def _ended(detail: Detail) -> Line | None:
    """What went well shows in what Claude does next."""
    if not detail["is_error"]:
        return None
    return Line(f"{detail['tool_name']} failed", words.text(detail["summary"]), "red")


def _delayed(detail: Detail) -> Line:
    wait_s = float(str(detail.get("delay") or 0))
    return Line("waiting", f"{detail['reason']}; again in {words.span(wait_s)}", "yellow")


def _pushed(detail: Detail) -> Line:
    stat = detail.get("diff_stat")
    changed = (
        f", {stat['files']} files, +{stat['insertions']} -{stat['deletions']}" if isinstance(stat, Mapping) else ""
    )
    return Line("pushed", f"{detail['branch']} at {str(detail['commit'])[:10]}{changed}", "green")


def _todo(detail: Detail) -> Line:
    items = detail["items"]
    assert isinstance(items, list)
    known = [item for item in items if isinstance(item, Mapping)]
    done = sum(item["state"] == "done" for item in known)
    now = next((f": {item['text']}" for item in known if item["state"] == "in_progress"), "")
    return Line("to do", f"{done} of {len(known)} done{now}")


def _check(detail: Detail) -> Line:
    result = detail.get("result")
    if not isinstance(result, Mapping):
        return Line("check", "")
    reason = words.text(result["reason"])
    return Line("check", f"{str(result['outcome']).replace('_', ' ')}{reason and f': {reason}'}")


def _renamed(detail: Detail) -> Line:
    return Line("repository", f"{detail['old_repository']} is now {detail['repository']}", "yellow")


def _said(label: str, name: str, style: str = "") -> Callable[[Detail], Line]:
    return lambda detail: Line(label, words.text(detail[name]), style)


_TOLD: Mapping[str, Callable[[Detail], Line | None]] = {
    "task_status_changed": _status,
    "attempt_phase_changed": _phase,
    "step_finished": _step,
    "message_appended": _message,
    "tool_call_started": _began,
    "tool_call_finished": _ended,
    "model_delayed": _delayed,
    "git_delayed": _delayed,
    "branch_pushed": _pushed,
    "todo_changed": _todo,
    "check_finished": _check,
    "repository_renamed": _renamed,
    "pull_request_opened": _said("pull request", "url", "green"),
    "input_added": _said("you", "summary", "bold"),
    "wait_started": _said("waits", "summary", "yellow"),
}
# What another line says already, or what is of use to programs alone.
_SILENT = frozenset(
    {
        "sandbox_opened",
        "step_started",
        "prefix_frozen",
        "context_measured",
        "egress_used",
        "wait_ended",
        "checkpoint_saved",
        "work_finished",
    }
)
