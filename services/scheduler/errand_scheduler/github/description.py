"""A pull request's title and description: which part of them is Errand's, and what becomes of it.

Errand's part stands between marks that GitHub does not show. A mark holds a digest of what was written: what somebody
changed is theirs from then on. Nothing of this is kept anywhere else, so nothing can disagree with what GitHub has.
"""

import re
from dataclasses import dataclass, replace
from hashlib import sha256

MOST_CHARACTERS = 65_536
"""What GitHub takes of a description: longer is refused, "body is too long (maximum is 65536 characters)"."""
MOST_TITLE_CHARACTERS = 256

CUT = "\n\n… (cut: GitHub takes no longer description)"
_NEXT = "\n\n#### Then\n\n"
_WORDS = re.compile(
    r"<!-- errand:words by=(model|errand) attempt=(\d+) text=(\w+) title=(\w+) -->\n(.*?)\n<!-- /errand:words -->",
    re.DOTALL,
)
_FACTS = re.compile(r"<!-- errand:facts text=(\w+) -->\n(.*?)\n<!-- /errand:facts -->", re.DOTALL)
_MARK = re.compile(r"<!--(\s*/?errand:)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


@dataclass(frozen=True)
class Texts:
    """What GitHub has, or is to have."""

    title: str
    body: str


@dataclass(frozen=True)
class Wanted:
    """What the attempt with this number has to say. `chosen`: in the model's own words for its pull request; else they
    are what there is, and stand where nobody chose any."""

    title: str
    words: str
    facts: str
    chosen: bool
    attempt: int


@dataclass(frozen=True)
class _Words:
    chosen: bool
    attempt: int
    text: str
    title_digest: str
    intact: bool


def opened(wanted: Wanted) -> Texts:
    """What a new pull request begins with."""
    title = wanted.title[:MOST_TITLE_CHARACTERS]
    facts = _facts(wanted.facts)
    words = _Words(wanted.chosen, wanted.attempt, _harmless(wanted.words), _digest(title), intact=True)
    room = MOST_CHARACTERS - len(f"{_rendered(replace(words, text=''))}\n\n{facts}")
    return Texts(title, f"{_rendered(replace(words, text=_cut(words.text, room)))}\n\n{facts}")


def updated(now: Texts, wanted: Wanted) -> Texts:
    """What it is to have from now on; whatever somebody else wrote stays. The same again changes nothing."""
    body = now.body.replace("\r\n", "\n")
    known = _words_in(body)
    title = now.title
    if known is not None:
        # Only what is as Errand wrote it is Errand's to change.
        if wanted.chosen and known.title_digest == _digest(now.title):
            title = wanted.title[:MOST_TITLE_CHARACTERS]
            known = replace(known, title_digest=_digest(title))
        body = _with_words(body, _next(known, wanted))
    facts = _FACTS.search(body)
    if facts is not None and facts[1] == _digest(facts[2]):
        body = f"{body[: facts.start()]}{_facts(wanted.facts)}{body[facts.end() :]}"
    return Texts(title, _fitting(body, now.body))


def kept_words(now: Texts, wanted: Wanted) -> str:
    """In words, what of the model's own choice does not show because somebody else wrote there; empty where all
    does."""
    known = _words_in(now.body.replace("\r\n", "\n"))
    if not wanted.chosen:
        return ""
    if known is None or not (known.intact or known.title_digest == _digest(now.title)):
        return "its title and description were written by somebody else and stay as they are"
    if not known.intact:
        return "its description was changed by somebody else and stays as it is"
    if known.title_digest != _digest(now.title):
        return "its title was changed by somebody else and stays as it is"
    return ""


def _next(known: _Words, wanted: Wanted) -> _Words:
    """The words after what is wanted came to them."""
    text = _harmless(wanted.words)
    if not known.intact:
        return known
    if wanted.chosen:
        return replace(known, chosen=True, attempt=wanted.attempt, text=text)
    if (known.chosen and known.attempt == wanted.attempt) or known.text.endswith(text):
        # The model has had its say in this attempt, or this came before: an answer was lost on the way.
        return known
    return replace(known, attempt=wanted.attempt, text=f"{known.text}{_NEXT}{text}")


def _fitting(body: str, before: str) -> str:
    """Where it grew too long, Errand's words are cut; where that is not enough, it stays as it was."""
    over = len(body) - MOST_CHARACTERS
    if over <= 0:
        return body
    known = _words_in(body)
    if known is None or not known.intact or len(known.text) <= over + len(CUT):
        return before
    shorter = replace(known, text=_cut(known.text, len(known.text) - over))
    return _with_words(body, shorter)


def _with_words(body: str, words: _Words) -> str:
    return _WORDS.sub(lambda _: _rendered(words), body, count=1)


def _words_in(body: str) -> _Words | None:
    found = _WORDS.search(body)
    if found is None:
        return None
    by, attempt, text_digest, title_digest, text = found.groups()
    return _Words(by == "model", int(attempt), text, title_digest, intact=text_digest == _digest(text))


def _rendered(words: _Words) -> str:
    by = "model" if words.chosen else "errand"
    # What somebody changed keeps a digest that it does not have.
    text_digest = _digest(words.text) if words.intact else "changed"
    mark = f"<!-- errand:words by={by} attempt={words.attempt} text={text_digest} title={words.title_digest} -->"
    return f"{mark}\n{words.text}\n<!-- /errand:words -->"


def _facts(text: str) -> str:
    text = _harmless(text)
    return f"<!-- errand:facts text={_digest(text)} -->\n{text}\n<!-- /errand:facts -->"


def _harmless(text: str) -> str:
    """Without marks of its own, and with its last block of code closed: what follows would be part of it."""
    text = _MARK.sub(r"<! --\1", text.replace("\r\n", "\n").strip())
    return f"{text}\n{fence}" if (fence := _open_fence(text)) else text


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    # A fence that is closed behind the cut takes a line.
    head = text[: max(room - len(CUT) - 80, 0)].rstrip()
    fence = _open_fence(head)
    return f"{head}\n{fence}{CUT}" if fence and len(fence) < 80 else f"{head}{CUT}"


def _open_fence(text: str) -> str:
    """The fence of a block of code that is not closed; empty where there is none."""
    inside = ""
    for mark in _FENCE.findall(text):
        if not inside:
            inside = mark
        elif mark[0] == inside[0] and len(mark) >= len(inside):
            inside = ""
    return inside


def _digest(text: str) -> str:
    """Of what a browser's form leaves as it is: not line ends, nor blanks at either end."""
    return sha256(text.replace("\r\n", "\n").strip().encode()).hexdigest()[:16]
