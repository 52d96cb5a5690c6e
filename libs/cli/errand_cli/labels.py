"""Labels as people write them: KEY=VALUE."""

from collections.abc import Sequence

from errand_common.errors import Invalid


def labels_of(pairs: Sequence[str]) -> dict[str, str]:
    """Raises Invalid."""
    found = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise Invalid(f'"{pair[:80]}" is no label; it is KEY=VALUE, such as gpu=yes')
        found[key] = value
    return found


def pairs_of(labels: dict[str, str]) -> str:
    """The other way round."""
    return " ".join(f"{key}={value}" for key, value in sorted(labels.items()))
