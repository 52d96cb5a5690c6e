"""docs/operations.md tells of every metric, of no other, and alarms on words that there are."""

import re
from http import HTTPStatus
from pathlib import Path

import pytest

from errand.v1.error_pb2 import ErrorReason
from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.placing import outlook
from errand_scheduler.placing.conditions import CONDITIONS, name_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
MADE = re.compile(r"\b(Counter|Histogram|Gauge|_one|_by)\(\s*\"(errand_[a-z_]+)\"")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "`errand_" in line]
REASONS = {each.name.removeprefix("ERROR_REASON_") for each in ErrorReason.DESCRIPTOR.values}
WORDS = {
    ("errand_runners", "condition"): set(map(name_of, CONDITIONS)),
    ("errand_pending_tasks", "reason"): set(re.findall(r'return "([a-z]+)"', Path(outlook.__file__).read_text()))
    | {"limit", "runners"},
    ("errand_attempts_total", "phase"): {phase.value for phase in AttemptPhase},
    ("errand_phase_seconds", "phase"): {phase.value for phase in AttemptPhase},
    ("errand_failures_total", "reason"): {reason.value for reason in FailureReason},
    ("errand_refused_calls_total", "reason"): REASONS,
    ("errand_gateway_scheduler_errors_total", "reason"): REASONS,
    ("errand_gateway_refused_sign_ins_total", "reason"): REASONS,
    ("errand_gateway_request_seconds", "status"): {str(each.value) for each in HTTPStatus},
}


def made() -> set[str]:
    """As Prometheus is told them: what counts ends with _total."""
    found = [
        match
        for file in (ROOT / "services").glob("*/errand_*/metrics/*.py")
        for match in MADE.findall(file.read_text())
    ]
    assert len(found) > 30
    return {f"{name}_total" if kind == "Counter" else name for kind, name in found}


def test_each_metric_is_on_the_page_and_no_other() -> None:
    assert set(re.findall(r"\berrand_[a-z_]+\b", " ".join(ROWS))) == made()


@pytest.mark.parametrize(
    ("name", "label", "words"), re.findall(r'(errand_[a-z_]+)\{([a-z]+)=~?"([^"]+)"', PAGE.replace("\\|", "|"))
)
def test_an_alarm_is_on_words_that_there_are(name: str, label: str, words: str) -> None:
    assert set(words.split("|")) <= WORDS[name, label]
