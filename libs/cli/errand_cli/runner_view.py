"""Runners as tables and fields."""

from collections.abc import Iterable

from errand.v1.runner_pb2 import Runner, RunnerAttempt
from errand_cli import words
from errand_cli.hosts import free_disk, host_fields
from errand_cli.labels import pairs_of
from errand_cli.output import Output
from errand_common.wire import to_json


def table(output: Output, runners: Iterable[Runner]) -> None:
    """One a row."""
    rows = [
        (
            each.name,
            words.phrase(to_json(each)["condition"]),
            f"{each.used_slots}/{each.slots}",
            words.age(to_json(each).get("heard_time")) or "never",
            free_disk(each),
            each.version,
            pairs_of(dict(each.labels)),
        )
        for each in runners
    ]
    output.table(("RUNNER", "CONDITION", "SLOTS", "HEARD", "FREE DISK", "VERSION", "LABELS"), rows)


def fields(output: Output, runner: Runner) -> None:
    """One in full, with what it has."""
    told = to_json(runner)
    output.fields(
        (
            ("runner", f"{runner.name} ({runner.runner_id})"),
            ("condition", words.phrase(told["condition"])),
            ("offered tasks", f"no, it {runner.condition_words}" if runner.condition_words else "yes"),
            ("mode", str(told["mode"])),
            ("stops what it has", words.ahead(told.get("drain_time"))),
            ("slots", f"{runner.used_slots} of {runner.slots} used"),
            ("heard", words.age(told.get("heard_time")) or "never"),
            ("version", runner.version),
            ("labels", pairs_of(dict(runner.labels))),
            *host_fields(runner),
        )
    )
    if runner.attempts:
        output.table(("TASK", "ATTEMPT", "PHASE", "SINCE"), [_row(each) for each in runner.attempts])


def _row(attempt: RunnerAttempt) -> tuple[str, str, str, str]:
    told = to_json(attempt)
    phase = f"{words.phrase(told['phase'])}{', not heard of' if attempt.disconnected else ''}"
    return attempt.task_id, attempt.attempt_id, phase, words.age(told.get("created_time"))
