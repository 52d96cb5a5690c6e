"""What of the environment that an image sets reaches the commands in it."""

from collections.abc import Mapping, Sequence

# What shells and the loader run or read before anything else, and proxies that are not there.
_ASTRAY = ("BASH_ENV", "ENV", "LD_PRELOAD", "ALL_PROXY", "all_proxy")


def merged(ours: Mapping[str, str], of_image: Sequence[str]) -> list[str]:
    """Ours, as an engine takes it, which adds the rest of the image's: the image's places for programs come before the
    usual ones, and what would lead git or shells astray is taken out."""
    theirs = dict(each.partition("=")[::2] for each in of_image)
    own, *usual = ours["PATH"].split(":")
    path = ":".join(dict.fromkeys([own, *filter(None, theirs.get("PATH", "").split(":")), *usual]))
    # A name without "=" takes a variable out.
    astray = [name for name in theirs if name not in ours and (name.startswith("GIT_") or name in _ASTRAY)]
    return [f"{name}={value}" for name, value in {**ours, "PATH": path}.items()] + astray
