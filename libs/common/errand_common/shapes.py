"""Tokens and keys that are known by their shape, whoever's they are: masked in logs and in what people are shown.

What must be exact (a transcript, a file) is not touched. The page has the same list (`page/web/shapes.js`).
"""

import re

MASK = "[masked]"

SHAPES = (
    # GitHub's tokens, those of apps with their long form too, which holds dots.
    r"\bgh[pousr]_[A-Za-z0-9][A-Za-z0-9_.-]{14,}[A-Za-z0-9_-]",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bsk-ant-[A-Za-z0-9_-]{16,}",
    # Errand's own.
    r"\b(?:e(?:rs|rr|sv|ut|rn|jt)_|errand-join-)[A-Za-z0-9_-]{40,}",
    r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    # Has no shape of its own, but a name.
    r"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY)[\"']?\s{0,9}[:=]\s{0,9}[\"']?[A-Za-z0-9/+=]{40}",
    # In a line of JSON too, and without its end.
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,.]*(?:-[A-Za-z0-9+/=\s\\:,.]+)*"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
)

# Each shape holds one of these: most texts are known to need no more than that look. None is short enough to stand in
# an id by chance.
_SIGNS = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "sk-ant-", "ers_", "err_", "esv_", "eut_"),
    *("ern_", "ejt_", "errand-join-"),
    *("AKIA", "ASIA", "secret_access", "SECRET_ACCESS", "PRIVATE KEY"),
)
_ANY = re.compile("|".join(SHAPES))


def masked(text: str) -> str:
    """The text with everything masked that has the shape of a token or private key. Takes time in the text's length."""
    return _ANY.sub(MASK, text) if any(map(text.__contains__, _SIGNS)) else text
