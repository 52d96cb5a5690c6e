"""What the phone shows, in a terminal: states, Claude's words as they arrive, every command with its output."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = dict[str, Any]

OUTPUT_LINES = 12

_STEPS = {
    "queue": "queue",
    "pull": "image",
    "container": "container",
    "clone": "clone",
    "setup": "setup",
    "check_container": "clean sandbox",
    "check_clone": "clean clone",
    "check_setup": "clean setup",
    "check": "check",
    "first_word": "first word",
    "push": "push",
    "pull_request": "pull request",
}


@dataclass
class Screen:
    """Prints messages of the live socket, each once; knows how to sum up a task's events."""

    console: Console
    _writing: tuple[str, str] | None = field(default=None, init=False)
    _spoken: set[str] = field(default_factory=set, init=False)
    _unfinished: str = field(default="", init=False)

    def show(self, message: Json) -> None:
        """One message of the live socket; kinds that it does not know are passed over."""
        if message["type"] == "delta":
            self._delta(message["delta"])
        elif message["type"] == "event":
            self._event(message["event"])

    def note(self, text: str, style: str = "bold") -> None:
        """A line of the demo's own."""
        self._end_words()
        self.console.print(Text(text, style=style))

    def _delta(self, delta: Json) -> None:
        if delta["kind"] == "step":
            self._step_said(delta["text"])
        if delta["kind"] in ("output", "step"):
            return
        if self._writing != (delta["subject_id"], delta["kind"]):
            self._end_words()
            self._writing = (delta["subject_id"], delta["kind"])
            self.console.print(Text("  claude  ", style="bold magenta"), end="")
        self._spoken.add(delta["subject_id"])
        self._unfinished = delta["subject_id"]
        style = "dim italic" if delta["kind"] == "thinking" else ""
        self.console.print(Text(delta["text"], style=style), end="", soft_wrap=True)

    def _step_said(self, text: str) -> None:
        self._end_words()
        for line in text.splitlines():
            self.console.print(Text(f"          │ {line}", style="dim"))

    def _end_words(self) -> None:
        if self._writing:
            self.console.print()
            self._writing = None

    def _event(self, event: Json) -> None:
        detail = event["detail"]
        self._end_words()
        void = self._unfinished if event["kind"] == "reply_dropped" else ""
        if detail.get("message_id") == self._unfinished:
            self._unfinished = ""
        match event["kind"]:
            case "reply_dropped" if void:
                self._line("void", f"the words above do not count: {detail['reason']}", "yellow")
            case "conversation_shortened":
                self._line("context", detail["summary"], "yellow")
            case "task_status_changed":
                reason = f"  ({detail['status_reason']})" if detail["status_reason"] else ""
                self._line("task", f"{detail['status']}{reason}", "bold cyan")
            case "attempt_phase_changed":
                self._line("attempt", detail["phase"], "cyan")
            case "step_started":
                self._line("step", f"{_STEPS.get(detail['step'], detail['step'])} …", "dim")
            case "step_finished":
                self._line("step", f"{_STEPS.get(detail['step'], detail['step'])} {detail['duration']:.2f} s", "dim")
            case "message_appended" if detail["role"] == "assistant" and detail["message_id"] not in self._spoken:
                self._line("claude", detail["summary"], "magenta")
            case "todo_changed":
                self._todo(detail["items"])
            case "tool_call_started" | "tool_call_finished" if detail["tool_name"] == "todo":
                pass
            case "tool_call_started":
                sign = "$ " if detail["tool_name"] == "bash" else ""
                self._line(detail["tool_name"], f"{sign}{detail['summary']}", "bold yellow")
            case "tool_call_finished":
                self._finished(detail)
            case "model_delayed":
                if self._unfinished:
                    self._line("void", "the words above were cut off; Claude is asked again", "yellow")
                self._line("waiting", f"{detail['reason']}; again in {detail['delay']:.0f} s", "yellow")
            case "sandbox_limit_hit" | "push_limited":
                self._line("limit", detail["summary"], "yellow")
            case "repository_renamed":
                self._line("renamed", f"{detail['old_repository']} is now {detail['repository']}", "yellow")
            case "unknown":
                self._line("unsupported", "an event that only a newer version knows", "yellow")
            case "pull_request_left":
                self._line("pull request", detail["reason"], "yellow")
            case "git_delayed":
                self._line("waiting", f"{detail['reason']}; again in {detail['delay']:.0f} s", "yellow")
            case "engine_away":
                self._line("waiting", f"{detail['reason']}; at most {detail['patience_duration']:.0f} s", "yellow")
            case "sandbox_replaced":
                self._line("sandbox", f"another one goes on with the same files: {detail['reason']}", "yellow")
            case "checkpoint_saved" if detail["left_out"]:
                self._line("kept", f"all but {detail['left_out']}", "yellow")
            case "checkpoint_failed":
                self._line("not kept", detail["reason"], "yellow")
            case "workspace_restored":
                origin = "the last checkpoint" if detail["commit"] else "the branch, as the checkpoint is gone"
                self._line("workspace", f"made anew from {origin}", "yellow")
            case "branch_moved":
                where = f"{detail['behind_count']} commits behind the git host" if detail["commit"] else "gone there"
                self._line("branch", f"{detail['branch']} is {where}", "yellow")
            case "input_added" if detail["kind"] == "steer":
                self._line("steer", f"“{detail['summary']}”", "bold blue")
            case "branch_pushed":
                self._line("pushed", f"{detail['branch']} at {detail['commit'][:10]}", "bold green")
            case "pull_request_opened":
                self._line("pull request", detail["url"], "bold green")

    def _todo(self, items: list[Json]) -> None:
        marks = {"done": "x", "in_progress": ">"}
        for item in items:
            self._line("todo", f"[{marks.get(item['state'], ' ')}] {item['text']}", "bold blue")

    def _finished(self, detail: Json) -> None:
        lines = detail["summary"].strip("\n").splitlines()
        for line in lines[-OUTPUT_LINES:]:
            self.console.print(Text(f"          │ {line}", style="dim"))
        word, style = ("failed", "red") if detail["is_error"] else ("done", "green")
        self.console.print(Text(f"          └ {word} in {detail['duration']:.2f} s", style=style))

    def _line(self, label: str, text: str, style: str) -> None:
        self.console.print(Text(f"  {label:>6}  ", style="dim") + Text(text, style=style))


def summary(console: Console, task: Json, events: Iterable[Json], *, wall_s: float) -> None:
    """The finish card: what changed, where it is, what it cost, where the time went."""
    known = list(events)
    usage, diff = task["usage"], task.get("diff_stat", {})
    cost = usage.get("cost_nanodollars")
    facts = Table.grid(padding=(0, 2))
    facts.add_row("result", task["status"])
    facts.add_row("branch", task["branch"])
    facts.add_row("changes", f"{diff.get('files', 0)} files, +{diff.get('insertions', 0)} -{diff.get('deletions', 0)}")
    facts.add_row("pull request", task["pull_request_url"])
    read, written = usage["cache_read_tokens"], usage["cache_write_tokens"]
    given = usage["input_tokens"] + read + written
    facts.add_row("tokens", f"{given:,} in ({read:,} from the cache), {usage['output_tokens']:,} out")
    facts.add_row("cost", "unknown" if cost is None else f"${cost / 1e9:.4f}")
    console.print(facts)
    console.print(_time_table(known, wall_s))


def _time_table(events: list[Json], wall_s: float) -> Table:
    table = Table(title="where the time went, in seconds", title_justify="left", box=None, padding=(0, 2))
    turns = _turns(events)
    table.add_column("")
    for number in range(len(turns)):
        table.add_column(f"turn {number + 1}", justify="right")
    for step, label in _STEPS.items():
        table.add_row(label, *(f"{turn.get(step, 0.0):.2f}" for turn in turns))
        if step == "first_word":
            table.add_row("tools", *(f"{turn.get('tools', 0.0):.2f}" for turn in turns))
    table.add_row("all turns, wall", f"{wall_s:.2f}")
    return table


def _turns(events: list[Json]) -> list[dict[str, float]]:
    """Seconds by step, for each attempt in order."""
    turns: dict[str, dict[str, float]] = {}
    for event in events:
        detail, attempt_id = event["detail"], event.get("attempt_id", "")
        if event["kind"] == "step_finished":
            turns.setdefault(attempt_id, {})[detail["step"]] = detail["duration"]
        elif event["kind"] == "tool_call_finished":
            turn = turns.setdefault(attempt_id, {})
            turn["tools"] = turn.get("tools", 0.0) + detail["duration"]
    return list(turns.values())
