"""What Claude is told first."""

from datetime import date

from errand_runner.agent.prompt import SYSTEM, Particulars, first_message
from errand_runner.agent.redact import MASK, Redactor

DAY = date(2026, 11, 23)


def test_the_first_message_holds_what_is_particular_and_ends_with_the_persons_words() -> None:
    guides = {"CLAUDE.md": "Be kind.", "AGENTS.md": "Run make.\n", "EMPTY.md": " "}
    about = Particulars("octo/pricing", "errand/tsk_1", "main", "/workspace", DAY, "none.", guides)
    blocks = first_message("Fix it, token-token", about, Redactor(["token-token"]))
    texts = [str(block["text"]) for block in blocks]
    assert "Monday, 2026-11-23" in texts[0]
    assert "errand/tsk_1, made from main" in texts[0]
    assert texts[1:] == [
        '<guide file="AGENTS.md">\nRun make.\n</guide>',
        '<guide file="CLAUDE.md">\nBe kind.\n</guide>',
        f"Fix it, {MASK}",
    ]


def test_the_first_message_says_what_else_can_be_read_and_what_lfs_keeps() -> None:
    about = Particulars(
        "octo/pricing", "b", "main", "/w", DAY, "", read_repositories=("octo/lib", "octo/notes"), uses_lfs=True
    )
    (first, _) = first_message("Go", about, Redactor())
    assert "git can fetch here too, and not push: octo/lib, octo/notes." in str(first["text"])
    assert "Git LFS" in str(first["text"])
    plain, _ = first_message("Go", Particulars("octo/pricing", "b", "main", "/w", DAY, ""), Redactor())
    assert "LFS" not in str(plain["text"])


def test_a_guide_that_goes_by_two_names_is_given_once() -> None:
    guides = {"CLAUDE.md": "Run make.\n", "AGENTS.md": "Run make.\n"}
    about = Particulars("octo/pricing", "errand/tsk_1", "main", "/workspace", DAY, "none.", guides)
    _, *found, _ = [block["text"] for block in first_message("Fix it", about, Redactor())]
    assert found == ['<guide file="AGENTS.md, CLAUDE.md">\nRun make.\n</guide>']


def test_a_long_guide_does_not_crowd_out_the_work() -> None:
    about = Particulars("p", "b", "main", "/w", DAY, "none.", {"AGENTS.md": "x" * 100_000})
    assert len(str(first_message("Go", about, Redactor()))) < 33_000


def test_the_system_prompt_is_the_same_every_day() -> None:
    assert "20" not in SYSTEM
    assert SYSTEM.startswith("You are Errand")
