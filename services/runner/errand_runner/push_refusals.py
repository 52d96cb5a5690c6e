"""What a git host's refusal of a push comes to, and what helps: GitHub has a number or words for each."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_RULES_PAGE = re.compile(r"https://\S+/rules\?\S+")
_UNBLOCK_PAGE = re.compile(r"https://\S+/security/secret-scanning/unblock-secret/\S+")
_LARGE_FILE = re.compile(r"File (\S.{0,200}?) is [\d.]+ [KMG]B; this exceeds")


@dataclass(frozen=True)
class _Refusal:
    """`said` finds it in what git printed, `means` puts it in words."""

    said: re.Pattern[str]
    means: Callable[[str], str]


def meaning(said: str) -> str:
    """In words, why the git host refuses and what to do, before what git said of it; that alone where nothing is known
    of it."""
    known = next((each for each in _REFUSALS if each.said.search(said)), None)
    return f"{known.means(said)}. Git said: {said}" if known else said


def _secret(said: str) -> str:
    page = _UNBLOCK_PAGE.search(said)
    allow = f", or, where it is none, allow it at {page[0]}" if page else ""
    return (
        "GitHub found a secret in the commits (push protection); send the task on and say that it is to be taken out "
        f"of them, not only out of the files{allow}"
    )


def _rule(said: str) -> str:
    page = _RULES_PAGE.search(said)
    where = f" ({page[0]})" if page else ""
    return (
        f"a rule of the repository refuses the branch{where}; its owner can let branches errand/** pass, or say what "
        "is to be otherwise"
    )


def _large(said: str) -> str:
    found = _LARGE_FILE.search(said)
    what = found[1] if found else "one"
    return (
        f"GitHub takes no file over 100 MB, and {what} is larger; send the task on and say that it is to be taken out "
        "of the commits"
    )


def _protected(_: str) -> str:
    return (
        "the repository protects branches of this name; its owner can leave errand/* out of that protection, or let "
        "whoever pushes for Errand pass"
    )


def _private_address(_: str) -> str:
    return (
        "a commit names a mail address that its owner keeps private at GitHub; send the task on and say that the "
        "commits are to be made under another one, or change that in GitHub's settings (Emails)"
    )


def _workflow(_: str) -> str:
    return (
        "what is lent to the task may not change .github/workflows; send the task on and say that they are to be left "
        "as they are, and commit such a change yourself"
    )


# A rule may be about secrets too, so the narrower ones come first.
_REFUSALS = (
    _Refusal(re.compile(r"push cannot contain secrets|GITHUB PUSH PROTECTION|\bGH009\b", re.IGNORECASE), _secret),
    _Refusal(re.compile(r"\bGH001\b|exceeds GitHub's file size limit", re.IGNORECASE), _large),
    _Refusal(re.compile(r"\bGH006\b|protected branch hook declined", re.IGNORECASE), _protected),
    _Refusal(re.compile(r"\bGH007\b|publish a private email address", re.IGNORECASE), _private_address),
    _Refusal(
        re.compile(r"not allowed to create or( change| update) .{0,9}workflow|refusing to allow .{0,99}workflow"),
        _workflow,
    ),
    _Refusal(re.compile(r"\bGH013\b|repository rule violations", re.IGNORECASE), _rule),
)
