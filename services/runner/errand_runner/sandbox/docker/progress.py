"""What an engine tells while it pulls an image, as a line for people."""

from collections.abc import Mapping
from typing import Any

_MOST_LAYERS = 1000
_DONE = ("Pull complete", "Already exists")
_MB = 1_000_000


class Progress:
    """Folds the engine's messages; `take` in any order, `line` at any time."""

    def __init__(self) -> None:
        self._done: dict[str, bool] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def take(self, told: Mapping[str, Any]) -> None:
        """One message; what is of no layer says nothing here."""
        layer, status = told.get("id"), told.get("status")
        if not isinstance(layer, str) or not isinstance(status, str) or status.startswith("Pulling from"):
            return
        if layer not in self._done and len(self._done) >= _MOST_LAYERS:
            return
        self._done[layer] = status in _DONE
        detail = told.get("progressDetail") or {}
        if status == "Downloading" and isinstance(detail.get("total"), int):
            self._bytes[layer] = (int(detail.get("current", 0)), detail["total"])
        elif status in ("Download complete", *_DONE) and layer in self._bytes:
            total = self._bytes[layer][1]
            self._bytes[layer] = (total, total)

    def line(self) -> str:
        """How far it is; of layers that have not begun the size is not known."""
        if not self._done:
            return "asking the registry"
        layers = f"{sum(self._done.values())} of {len(self._done)} layers"
        current, total = (sum(column) for column in zip(*self._bytes.values(), strict=True)) if self._bytes else (0, 0)
        return f"{layers}, {current / _MB:.1f} of {total / _MB:.1f} MB" if total else layers
