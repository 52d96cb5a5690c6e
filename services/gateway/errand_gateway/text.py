"""Text that can travel on."""

from typing import Annotated

from pydantic import AfterValidator


def _encodable(text: str) -> str:
    """JSON can spell half of a surrogate pair, which no UTF-8 can carry. Raises ValueError."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half of a surrogate pair; send whole characters")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
