"""What `make chaos` prints."""

from dataclasses import dataclass

from tests.chaos.fault import Fault
from tests.chaos.trial import Trial
from tests.demo.stack import SERVICES

HEAD = (
    f"{'fault':<6}{'runs':>6}{'worst recovery':>16}"
    + "".join(f"{name + ', MiB':>20}" for name in SERVICES)
    + "  what happens"
)


@dataclass(frozen=True)
class Outcome:
    """A fault with what came of it; `breach` is empty where all held."""

    fault: Fault
    trial: Trial
    breach: str
    took_s: float


def lines_of(outcome: Outcome) -> str:
    """One fault: figures, what happened to the system, and below it what was checked or broke."""
    trial = outcome.trial
    worst = f"{max(trial.recoveries_s):.1f} s" if trial.recoveries_s else "-"
    memory = "".join(f"{_memory(trial, name):>20}" for name in SERVICES)
    figures = f"{outcome.fault.name:<6}{trial.runs:>6}{worst:>16}{memory}  {outcome.fault.words}"
    below = f"BREACH: {outcome.breach}" if outcome.breach else f"checked: {', '.join(trial.said)}"
    return f"{figures}\n{'':6}{below} ({outcome.took_s:.0f} s)"


def last_line(outcomes: list[Outcome], *, seed: int) -> str:
    """How many held."""
    broken = [each.fault.name for each in outcomes if each.breach]
    runs = sum(each.trial.runs for each in outcomes)
    worst = max((took for each in outcomes for took in each.trial.recoveries_s), default=0.0)
    words = f"{len(outcomes) - len(broken)} of {len(outcomes)} faults survived, {runs} times in all"
    told = f", worst recovery {worst:.1f} s, {sum(each.took_s for each in outcomes):.0f} s, SEED={seed}"
    return words + told + (f"; broken by {', '.join(broken)}" if broken else "")


def _memory(trial: Trial, name: str) -> str:
    if name not in trial.before:
        return "-"
    after = f"{trial.after[name]:.0f}" if name in trial.after else "?"
    return f"{trial.before[name]:.0f} -> {after}"
