"""The pictures of one conversation: every request carries them all, and Claude's API takes only so much."""

from base64 import b64decode
from collections.abc import Iterable, Mapping

from errand_runner.agent.blocks import Block
from errand_runner.agent.pictures import Picture, picture_of

# The API's own bounds (platform.claude.com, Vision): of one picture, in base64; of its sides; and of the sides of all
# once there are more than a few.
PICTURE_BYTES = 5 * 1024 * 1024
LONGEST_SIDE = 8_000
MANY = 20
LONGEST_SIDE_OF_MANY = 2_000

# A request holds 32 MB at most: this leaves the words their room.
ALL_BYTES = 16 * 1024 * 1024
MOST = 80


class Gallery:
    """Counts what is in it; what does not fit is refused in words for Claude."""

    def __init__(self) -> None:
        self._count = self._bytes = self._side = 0

    def take(self, blocks: Iterable[Block]) -> None:
        """Counts the pictures among content blocks, also those within tool results."""
        for block in blocks:
            content = block.get("content")
            if block.get("type") == "tool_result" and isinstance(content, list):
                self.take(content)
            elif block.get("type") == "image" and isinstance(source := block.get("source"), Mapping):
                self.hang(picture_of(b64decode(str(source["data"])), str(source["media_type"])))

    def hang(self, picture: Picture) -> None:
        """Counts one."""
        self._count += 1
        self._bytes += picture.wire_bytes
        self._side = max(self._side, picture.side)

    def refusal(self, picture: Picture) -> str:
        """Why it cannot be shown, and what to do; empty where it can."""
        smaller = "make a smaller copy and read that"
        if picture.wire_bytes > PICTURE_BYTES:
            return f"it takes {picture.wire_bytes:,} bytes in base64 and {PICTURE_BYTES:,} are the most; {smaller}"
        if picture.side > LONGEST_SIDE:
            return f"a side may have {LONGEST_SIDE:,} pixels; {smaller}"
        if self._count >= MOST or self._bytes + picture.wire_bytes > ALL_BYTES:
            return f"this conversation holds {self._count} pictures already, and no more fit; go on without it"
        if self._count < MANY:
            return ""
        if self._side > LONGEST_SIDE_OF_MANY:
            return (
                f"after {MANY} pictures, one of them with a side of {self._side:,} pixels, no more fit; go on without"
            )
        if picture.side > LONGEST_SIDE_OF_MANY:
            return f"after {MANY} pictures a side may have {LONGEST_SIDE_OF_MANY:,} pixels; {smaller}"
        return ""
