"""A watched task on a terminal: lines that stay, and under them what is going on right now."""

from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from errand_cli import lines, words
from errand_cli.output import Output, clean
from errand_cli.watching import Told
from errand_common.wire import Json

_TAIL = 200
_LABEL = 12


class Screen:
    """Shows a story while its context lasts. What is no terminal gets the lines alone."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._began_s = monotonic()
        self._status = ""
        self._now: dict[str, str] = {}
        self._spinner = Spinner("dots")
        # Drawn anew by itself: time goes on where nothing is told.
        live = Live(console=output.console, transient=True, refresh_per_second=8, get_renderable=self._footer)
        self._live = live if output.is_live else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, told: Told) -> None:
        """One thing of the lines."""
        match told:
            case Told("event", {"event": event}):
                assert isinstance(event, Mapping)
                self._event(event)
            case Told("delta" | "snapshot" as kind, {**body}):
                piece = body[kind]
                assert isinstance(piece, Mapping)
                self._piece(piece, anew=kind == "snapshot")
            case Told("error", {"detail": detail}):
                self._line(lines.Line("line", f"{detail}; trying again", "yellow"))
            case Told("reset"):
                self._line(
                    lines.Line("line", "the scheduler was restored from a backup: this is its history", "yellow")
                )

    def _event(self, event: Mapping[str, Json]) -> None:
        detail = event["detail"]
        assert isinstance(detail, Mapping)
        if event["kind"] == "task_status_changed":
            self._status = str(detail["status"])
        for name in ("message_id", "tool_call_id", "step_id"):
            # What was on its way is told whole now, or does not count.
            if event["kind"] != "tool_call_started":
                self._now.pop(str(detail.get(name)), None)
        if (line := lines.line_of(event)) is not None:
            self._line(line)

    def _piece(self, piece: Mapping[str, Json], *, anew: bool) -> None:
        subject, text = str(piece["subject_id"]), str(piece["text"])
        before = "" if anew else self._now.pop(subject, "")
        self._now[subject] = (before + text)[-_TAIL:]

    def _line(self, line: lines.Line) -> None:
        first, *more = clean(line.text).splitlines() or [""]
        self._output.console.print(Text.assemble((f"{line.label:>{_LABEL}}  ", line.style or "bold"), first))
        for each in more:
            self._output.console.print(Text(f"{'':{_LABEL}}  {each}"))

    def _footer(self) -> Spinner:
        newest = next(reversed(list(self._now.values())), "")
        tail = clean(newest).split("\n")[-1].strip() or clean(newest).replace("\n", " ").strip()
        elapsed = words.span(monotonic() - self._began_s)
        width = max(self._output.console.width - 4, 20)
        told = f"{self._status or 'waiting'} · {elapsed}{f' · {tail}' if tail else ''}"
        self._spinner.update(text=Text(told[:width], style="dim", no_wrap=True, overflow="crop"))
        return self._spinner
