"""Labels: what runners offer to tasks, and what tasks ask of runners."""

import re
from collections.abc import Mapping

MODEL_KEY = "model-key"
"""The label of a runner that can reach Claude. Runners set it themselves, and every task asks for it."""
YES = "yes"

MOST = 32
_WORD = re.compile(r"[A-Za-z0-9._/-]{1,63}")
_RULE = 'keys and values are 1 to 63 letters, digits, "-", "_", "." and "/"'


def check(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels as given. Raises ValueError, with words, for what breaks the contract."""
    if len(labels) > MOST:
        raise ValueError(f"{len(labels)} labels are given; the most is {MOST}")
    for key, value in labels.items():
        if not (_WORD.fullmatch(key) and _WORD.fullmatch(value)):
            raise ValueError(f'"{key[:80]}={value[:80]}" is no label; {_RULE}')
    return dict(labels)


def parse(text: str) -> dict[str, str]:
    """The labels of a line such as "region=eu,gpu=no". Raises ValueError, with words."""
    found: dict[str, str] = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        key, mark, value = each.partition("=")
        if not mark:
            raise ValueError(f'"{each[:80]}" is no label; one looks like region=eu')
        if key in found:
            raise ValueError(f'the label "{key[:80]}" is given twice')
        found[key] = value
    return check(found)


def shown(labels: Mapping[str, str]) -> str:
    """As people read them: "gpu=yes, region=eu"."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
