"""What `make escape` prints."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.escape.trial import Tried


@dataclass
class Tally:
    """What came of all attempts so far."""

    tried: list[Tried] = field(default_factory=list)

    def add(self, tried: Tried) -> None:
        self.tried.append(tried)

    @property
    def unproven(self) -> list[str]:
        """Attempts whose control cannot be made on this host."""
        return _names(each for each in self.tried if each.control is None)

    @property
    def through(self) -> list[str]:
        return _names(each for each in self.tried if each.inside.through)

    @property
    def powerless(self) -> list[str]:
        """Attempts that do not succeed without the wall either: they test nothing."""
        return _names(each for each in self.tried if each.control is not None and not each.control.through)

    @property
    def good(self) -> bool:
        return not self.through and not self.powerless


def line_of(tried: Tried) -> str:
    """One attempt: its name, how it was refused or got through, what its control did."""
    inside = (
        f"GOT THROUGH: {tried.inside.through}" if tried.inside.through else f"refused: {_short(tried.inside.words)}"
    )
    if tried.control is None:
        control = f"not possible on this host: {tried.why_no_control}"
    elif tried.control.through:
        control = f"succeeds {tried.attempt.control.words}"
    else:
        control = f"DOES NOT SUCCEED {tried.attempt.control.words}: {tried.control.words}"
    return f"{tried.attempt.name:<28}  {inside:<72}  {control}"


def summary_of(tally: Tally) -> str:
    """The last lines."""
    counted = [each for each in tally.tried if each.control is not None]
    lines = [
        f"got through: {', '.join(tally.through)}" if tally.through else "",
        f"controls that do not succeed: {', '.join(tally.powerless)}" if tally.powerless else "",
        f"no control on this host, not counted: {', '.join(tally.unproven)}" if tally.unproven else "",
        f"{sum(each.proven for each in counted)} of {len(counted)} refused",
    ]
    return "\n".join(line for line in lines if line)


def _names(tried: Iterable[Tried]) -> list[str]:
    return [each.attempt.name for each in tried]


def _short(words: str) -> str:
    words = words.removeprefix("refused: ")
    return words if len(words) <= 62 else f"{words[:59]}..."
