"""Which limit a command ran into: told from a crash, from words, from counters that another container began."""

import pytest

from errand_common.values import SandboxLimit
from errand_runner.sandbox.answers import Exit
from errand_runner.sandbox.frames import BrokenFrame, Frame
from errand_runner.sandbox.hits import Counters, counters_of, hits
from errand_runner.sandbox.limits import Limits

LIMITS = Limits()
WELL = Exit(code=0, signal=None, timed_out=False, duration_s=1.0)
KILLED = Exit(code=None, signal=9, timed_out=False, duration_s=1.0)
FAILED = Exit(code=1, signal=None, timed_out=False, duration_s=1.0)


def found(ended, said="", **counted):
    return [hit.limit for hit in hits(Counters(**counted), ended, said, LIMITS)]


def test_a_command_that_was_killed_for_its_memory_is_told_from_one_that_crashed():
    assert found(KILLED) == []
    assert found(KILLED, memory_kills=1) == [SandboxLimit.MEMORY]


@pytest.mark.parametrize(
    ("ended", "who"),
    [(KILLED, "the command was"), (Exit(137, None, False, 1.0), "the command was"), (WELL, "a process in it was")],
)
def test_it_says_who_was_killed_and_for_how_much(ended, who):
    (hit,) = hits(Counters(memory_kills=2), ended, "", LIMITS)

    assert hit.words == f"{who} killed because the sandbox's memory limit of 2.0 GiB was reached; use less at once"


def test_processes_that_could_not_be_started_are_told():
    assert found(WELL, refused_forks=3) == [SandboxLimit.PROCESSES]


@pytest.mark.parametrize(
    ("duration_s", "throttled", "expected"),
    [(60.0, 90, [SandboxLimit.CPU]), (60.0, 50, []), (5.0, 100, [])],
)
def test_only_a_long_command_that_was_mostly_held_back_is_told_of_the_cpus(duration_s, throttled, expected):
    ended = Exit(code=0, signal=None, timed_out=False, duration_s=duration_s)

    assert found(ended, cpu_periods=100, cpu_throttled=throttled) == expected


@pytest.mark.parametrize("ended", [Exit(None, 25, False, 1.0), Exit(153, None, False, 1.0)])
def test_the_kernels_signal_for_a_file_that_is_too_long_is_known(ended):
    assert found(ended) == [SandboxLimit.FILE_SIZE]


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("OSError: [Errno 27] File too large", SandboxLimit.FILE_SIZE),
        ("accept: Too many open files", SandboxLimit.OPEN_FILES),
    ],
)
def test_what_no_kernel_counts_is_taken_from_the_words_of_a_command_that_failed(said, limit):
    assert found(FAILED, said) == [limit]
    assert found(WELL, said) == []


def test_counters_that_are_lower_than_before_are_another_containers():
    assert Counters(5, 1, 1, 1).since(Counters(3, 0, 1, 1)) == Counters(2, 1, 0, 0)
    assert Counters(1, 0, 9, 9).since(Counters(3, 0, 1, 1)) == Counters(1, 0, 9, 9)


@pytest.mark.parametrize("wrong", [-1, 1 << 63, True, 1.5, "1", None])
def test_a_counter_that_none_can_be_breaks_the_line(wrong):
    right = {"memory_kills": 0, "refused_forks": 0, "cpu_periods": 0, "cpu_throttled": 0}
    assert counters_of(Frame(right, b"")) == Counters()
    with pytest.raises(BrokenFrame):
        counters_of(Frame(right | {"cpu_periods": wrong}, b""))
