"""The facts under a description say what Errand knows, and nobody is mentioned by them."""

from dataclasses import replace

from errand_scheduler.edges.pull_request_facts import ASKED_BYTES, Facts, footer

FACTS = Facts(
    task_id="tsk_1",
    page="https://errand.example/#/tasks/tsk_1",
    asked_by="octocat",
    asked="Mend it\nplease",
    models=("claude-opus-5-5",),
    cost_nanodollars=1_234_000_000,
    worked_s=754.0,
    commits=2,
    files=1,
    insertions=10,
    deletions=4,
    blocked_hosts=("registry.example",),
    check="passed",
)


def test_all_that_is_known_is_told() -> None:
    text = footer(FACTS)
    for row in (
        "| Task | [tsk_1](https://errand.example/#/tasks/tsk_1) |",
        "| Asked by | octocat |",
        "| Model | claude-opus-5-5 |",
        "| Changes | 2 commits, 1 file, +10 −4 |",
        "| Check | passed |",
        "| Cost | 1.23 US dollars |",
        "| Time at work | 13 min |",
        "| Hosts that were blocked | `registry.example` |",
    ):
        assert f"\n{row}\n" in text + "\n"
    assert "```text\nMend it\nplease\n```" in text


def test_what_is_not_known_is_unknown_or_left_out() -> None:
    text = footer(replace(FACTS, cost_nanodollars=None, models=(), check="", blocked_hosts=(), asked=""))
    assert "| Cost | unknown |" in text
    assert "| Model | unknown |" in text
    assert not [word for word in ("Check", "blocked", "asked for", "details") if word in text]


def test_a_small_cost_and_a_long_time_are_told_in_fitting_units() -> None:
    text = footer(replace(FACTS, cost_nanodollars=1_000, worked_s=2 * 3600 + 300))
    assert "less than 0.01 US dollars" in text
    assert "2 h 5 min" in text


def test_what_was_asked_is_code_that_it_cannot_leave_and_is_bounded() -> None:
    text = footer(replace(FACTS, asked="@octo/all fixes #1\n````\n" + "ü" * ASKED_BYTES))
    assert text.count("\n`````") == 2
    assert len(text.encode()) < ASKED_BYTES + 1_000


def test_many_blocked_hosts_are_counted() -> None:
    text = footer(replace(FACTS, blocked_hosts=tuple(f"h{number}.example" for number in range(12))))
    assert "`h9.example` and 2 more |" in text
