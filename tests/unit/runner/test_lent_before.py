"""What a task was lent stays known while its files may hold it, within bounds."""

from errand_runner.lent_before import MOST_BYTES, MOST_TASKS, LentBefore


def test_a_value_that_was_replaced_stays_known_to_its_task_alone():
    before = LentBefore()
    before.note("tsk_1", ["old-value"])
    before.note("tsk_1", ["new-value"])

    assert before.of("tsk_1") == ("new-value", "old-value")
    assert before.of("tsk_2") == ()


def test_the_same_value_is_known_once():
    before = LentBefore()
    for _ in range(3):
        before.note("tsk_1", ["the-value", "another"])

    assert before.of("tsk_1") == ("the-value", "another")


def test_of_too_much_the_oldest_is_forgotten():
    before = LentBefore()
    sizes = MOST_BYTES // 4
    for letter in "abcde":
        before.note("tsk_1", [letter * sizes])
    for number in range(MOST_TASKS):
        before.note(f"tsk_more{number}", ["the-value"])
        before.note("tsk_1", [])

    assert [value[0] for value in before.of("tsk_1")] == ["e", "d", "c", "b"]
    assert before.of("tsk_more0") == ()
    assert before.of(f"tsk_more{MOST_TASKS - 1}") == ("the-value",)


def test_no_value_is_printed():
    before = LentBefore()
    before.note("tsk_1", ["the-value"])

    assert "the-value" not in f"{before!r} {before}"
