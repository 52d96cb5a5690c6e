"""What a push may do, decided over its commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.broker import pktline
from errand_runner.broker.pktline import Malformed
from errand_runner.broker.receive import judge, report_refusal

OLD, NEW, NONE = b"1" * 40, b"2" * 40, b"0" * 40
BRANCH = "refs/heads/errand/tsk_1"
ALLOWED = frozenset({BRANCH, "refs/errand/tsk_1"})
CAPABILITIES = b"\0 report-status side-band-64k object-format=sha1 agent=git/2"


def command(ref: str | bytes = BRANCH, *, old: bytes = OLD, new: bytes = NEW) -> bytes:
    return old + b" " + new + b" " + (ref.encode() if isinstance(ref, str) else ref)


def refusal(*lines: bytes) -> str | None:
    return judge(lines, allowed=ALLOWED).refusal


def test_the_tasks_branch_and_its_checkpoint_may_be_made_and_moved() -> None:
    assert refusal(command() + CAPABILITIES) is None
    assert refusal(command(old=NONE) + CAPABILITIES) is None
    assert refusal(command() + CAPABILITIES, command("refs/errand/tsk_1")) is None
    assert refusal(b"shallow " + OLD, command() + CAPABILITIES) is None
    assert refusal(command(old=b"1" * 64, new=b"a" * 64) + CAPABILITIES) is None
    assert refusal(command() + b"\n" + CAPABILITIES) is None


def test_gits_probe_before_a_large_push_passes() -> None:
    assert refusal() is None


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main",
        "refs/heads/errand/tsk_12",
        "refs/heads/errand/tsk_",
        "refs/heads/errand/TSK_1",
        "refs/tags/v1",
        "refs/heads/errand/tsk_1/..",
        "HEAD",
        b"refs/heads/errand/tsk_1\xff",
    ],
)
def test_any_other_ref_is_refused_with_words(ref: str | bytes) -> None:
    words = refusal(command(ref) + CAPABILITIES)
    assert words == "only errand/tsk_1 and refs/errand/tsk_1 may be pushed from this sandbox"


def test_one_refused_ref_refuses_the_whole_push() -> None:
    assert refusal(command() + CAPABILITIES, command("refs/heads/main")) is not None


def test_deleting_is_refused() -> None:
    assert refusal(command(new=NONE) + CAPABILITIES) == "deleting is not allowed from this sandbox"


def test_options_and_certificates_are_refused() -> None:
    assert refusal(command() + CAPABILITIES + b" push-options") == "push-options is not supported here"
    assert refusal(command() + CAPABILITIES + b" push-cert=nonce") == "push-cert is not supported here"
    with pytest.raises(Malformed):
        refusal(b"push-cert" + CAPABILITIES)


@pytest.mark.parametrize(
    "lines",
    [
        [b"hello"],
        [command(old=b"1" * 39)],
        [command(old=b"1" * 64)],
        [command() + b" and more"],
        [command() + CAPABILITIES, command() + CAPABILITIES],
        [command(b"")],
    ],
)
def test_what_is_no_command_is_malformed(lines: list[bytes]) -> None:
    with pytest.raises(Malformed):
        refusal(*lines)


def test_a_refusal_is_reported_as_git_reads_it() -> None:
    plain = report_refusal(judge([command("refs/heads/x") + b"\0report-status"], allowed=frozenset({"refs/heads/a"})))
    words = b"ng refs/heads/x only a may be pushed from this sandbox\n"
    assert plain == b"000eunpack ok\n" + pktline.encode(words) + b"0000"
    banded = report_refusal(judge([command("refs/heads/x") + CAPABILITIES], allowed=frozenset({"refs/heads/a"})))
    assert banded == pktline.encode(b"\x01" + plain) + b"0000"


@given(
    refs=st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), min_size=1),
    first=st.text(max_size=50),
)
def test_whatever_passes_names_only_allowed_refs(refs: list[str], first: str) -> None:
    lines = [command(ref) for ref in [*refs, BRANCH]]
    lines[0] += b"\0" + first.encode()
    try:
        push = judge(lines, allowed=ALLOWED)
    except Malformed:
        return
    if push.refusal is None:
        assert set(refs) <= ALLOWED
