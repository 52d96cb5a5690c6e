"""Names of container images, as people write them: `node:22`, `registry.example.org:5000/team/ci@sha256:...`."""

import re
from dataclasses import dataclass

MOST_CHARACTERS = 255
"""A longer one is refused by registries."""
_DOMAIN_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATH_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
# https://github.com/distribution/reference: a first part with a dot or a port, or "localhost", is a registry's address.
_REGISTRY = rf"(?:(?:localhost|{_DOMAIN_PART}(?:\.{_DOMAIN_PART})+)(?::[0-9]{{1,5}})?|{_DOMAIN_PART}:[0-9]{{1,5}})"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_REGISTRY}/)?{_PATH_PART}(?:/{_PATH_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
# An engine takes such a word for the id of any image that it has.
_ENGINE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


@dataclass(frozen=True)
class ImageName:
    """An image of a registry: `version` is a tag or a sha256 digest, "latest" where none was written."""

    name: str
    version: str

    def __str__(self) -> str:
        """As an engine takes it."""
        return f"{self.name}{'@' if ':' in self.version else ':'}{self.version}"


def parse(text: str) -> ImageName:
    """Raises ValueError, in words, for what is no name of an image."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"image has {len(text)} characters; the most is {MOST_CHARACTERS}")
    found = _REFERENCE.fullmatch(text)
    if found is None or _ENGINE_ID.fullmatch(text):
        raise ValueError(
            f'image "{text[:80]}" is no name of an image; write it as in docker pull, such as node:22 or'
            " registry.example.org/team/ci:1"
        )
    return ImageName(found["name"], found["digest"] or found["tag"] or "latest")
