"""A runner whose clock is wrong is told of once, and once when it is right again."""

from structlog.testing import capture_logs

from errand_scheduler.skew import Skew


def told(skew: Skew, *ahead_s: float | None) -> list[tuple[str, float]]:
    with capture_logs() as logs:
        for each in ahead_s:
            skew.note("rnr_1", each)
    return [(each["event"], each["ahead_s"]) for each in logs]


def test_a_clock_that_is_off_is_told_of_once_and_once_when_it_is_right() -> None:
    found = told(Skew(), 0.2, 3600.0, 3601.0, None, 0.3, 0.2, -86400.0, -86400.0, 0.1)
    assert found == [
        ("runner_clock_off", 3600.0),
        ("runner_clock_right", 0.3),
        ("runner_clock_off", -86400.0),
        ("runner_clock_right", 0.1),
    ]


def test_one_that_hovers_about_the_mark_is_told_of_once() -> None:
    assert told(Skew(), 60.1, 59.9, 60.1, 59.9) == [("runner_clock_off", 60.1)]


def test_one_that_is_no_runner_any_more_is_not_told_of() -> None:
    skew = Skew()
    skew.note("rnr_1", 90.0)
    assert skew.ahead_s() == {"rnr_1": 90.0}
    skew.forget("rnr_1")
    assert skew.ahead_s() == {}
    assert told(skew, 0.0) == []
