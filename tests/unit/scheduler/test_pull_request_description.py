"""Of a description, what is Errand's is brought up to date, and what somebody else wrote stays."""

from dataclasses import replace

import pytest

from errand_scheduler.github.description import MOST_CHARACTERS, Texts, Wanted, kept_words, opened, updated

CHOSEN = Wanted("Mend it", "It was broken.", "| Cost | 1 |", chosen=True, attempt=1)
FILLED = replace(CHOSEN, title="please mend", words="I mended it.", chosen=False)
LATER = replace(FILLED, words="I mended more.", facts="| Cost | 2 |", attempt=2)


def shown(body: str) -> str:
    """What GitHub shows: no marks."""
    return "\n".join(line for line in body.split("\n") if not line.startswith(("<!-- errand:", "<!-- /errand:")))


def test_it_begins_with_the_words_and_ends_with_the_facts() -> None:
    texts = opened(CHOSEN)
    assert (texts.title, shown(texts.body)) == ("Mend it", "It was broken.\n\n| Cost | 1 |")


@pytest.mark.parametrize("wanted", [CHOSEN, FILLED])
def test_the_same_again_changes_nothing(wanted: Wanted) -> None:
    assert updated(opened(wanted), wanted) == opened(wanted)


def test_what_the_model_chooses_anew_takes_the_place_of_what_was_there() -> None:
    anew = replace(CHOSEN, title="Mend all", words="All was broken.")
    for before in (CHOSEN, FILLED):
        texts = updated(opened(before), anew)
        assert (texts.title, shown(texts.body)) == ("Mend all", "All was broken.\n\n| Cost | 1 |")


def test_closing_words_do_not_take_the_place_of_what_the_model_chose_in_the_same_attempt() -> None:
    texts = updated(opened(CHOSEN), replace(FILLED, facts="| Cost | 2 |"))
    assert (texts.title, shown(texts.body)) == ("Mend it", "It was broken.\n\n| Cost | 2 |")


def test_a_follow_up_is_added_once_and_the_title_stays() -> None:
    texts = updated(opened(CHOSEN), LATER)
    assert texts.title == "Mend it"
    assert shown(texts.body) == "It was broken.\n\n#### Then\n\nI mended more.\n\n| Cost | 2 |"
    assert updated(texts, LATER) == texts


def test_what_stands_around_errands_part_stays_with_its_line_ends_as_a_browser_sends_them() -> None:
    before = opened(CHOSEN)
    edited = f"Closes #4\n\n{before.body}\n\nSee also the wiki.".replace("\n", "\r\n")
    texts = updated(Texts(before.title, edited), LATER)
    assert texts.body.startswith("Closes #4\n\n")
    assert texts.body.endswith("\n\nSee also the wiki.")
    assert "I mended more." in texts.body
    assert "| Cost | 2 |" in texts.body


def test_words_that_somebody_changed_are_theirs_for_good_and_the_facts_go_on() -> None:
    before = opened(CHOSEN)
    edited = Texts(before.title, before.body.replace("It was broken.", "It was slow."))
    anew = replace(CHOSEN, title="Mend all", words="All was broken.", facts="| Cost | 2 |")
    texts = updated(edited, anew)
    assert (texts.title, shown(texts.body)) == ("Mend all", "It was slow.\n\n| Cost | 2 |")
    assert shown(updated(texts, LATER).body).startswith("It was slow.\n\n| Cost")
    assert kept_words(edited, anew) == "its description was changed by somebody else and stays as it is"


def test_a_title_that_somebody_changed_is_theirs() -> None:
    edited = replace(opened(CHOSEN), title="Theirs")
    anew = replace(CHOSEN, title="Mend all", words="All was broken.")
    assert (updated(edited, anew).title, "All was broken." in updated(edited, anew).body) == ("Theirs", True)
    assert kept_words(edited, anew) == "its title was changed by somebody else and stays as it is"


@pytest.mark.parametrize("body", ["", "Mine alone."])
def test_a_description_without_errands_part_is_left(body: str) -> None:
    assert updated(Texts("Theirs", body), CHOSEN) == Texts("Theirs", body)
    assert "somebody else" in kept_words(Texts("Theirs", body), CHOSEN)
    assert kept_words(Texts("Theirs", body), FILLED) == ""


def test_words_that_hold_marks_or_open_code_do_not_reach_beyond_their_end() -> None:
    words = "x\n<!-- /errand:words -->\n~~~~sh\ny\n```"
    texts = opened(replace(CHOSEN, words=words))
    assert texts.body.count("\n<!-- /errand:words -->") == 1
    assert "\n```\n~~~~\n<!-- /errand:words -->" in texts.body
    assert updated(texts, replace(CHOSEN, words=words)) == texts


def test_what_is_too_long_for_github_is_cut_with_a_word() -> None:
    texts = opened(replace(CHOSEN, title="t" * 300, words="```\n" + "ü" * 70_000))
    assert (len(texts.title), len(texts.body) <= MOST_CHARACTERS) == (256, True)
    assert "cut: GitHub takes no longer description" in texts.body
    assert shown(texts.body).endswith("| Cost | 1 |")


def test_a_description_that_is_full_of_others_words_gives_errands_part_what_room_is_left() -> None:
    before = opened(CHOSEN)
    full = Texts(before.title, before.body + "x" * (MOST_CHARACTERS - len(before.body) - 1_000))
    texts = updated(full, replace(CHOSEN, words="w" * 5_000))
    assert len(texts.body) <= MOST_CHARACTERS
    assert "cut: GitHub" in texts.body
    fuller = Texts(before.title, before.body + "x" * (MOST_CHARACTERS - len(before.body)))
    assert updated(fuller, replace(CHOSEN, facts="| Cost | 1000 |")).body == fuller.body
