"""What every tool's definition is made of: what its input may hold, and the schema that Claude sees of it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from errand_runner.agent.blocks import Block

PATH = ("string", "Absolute, or relative to the folder that the last command ended in.")


def _encodable(text: str) -> str:
    """A lone surrogate is legal in JSON and in Python, and in no file."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a surrogate pair, which is no character")
    return text


def _without_nul(text: str) -> str:
    """No path, argument or variable of the kernel can hold one."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
Words = Annotated[Text, Field(min_length=1), AfterValidator(_without_nul)]


class Input(BaseModel):
    """What Claude gives a tool; anything else is refused with words that it can act on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def tool(name: str, description: str, **properties: tuple[str | Block, str]) -> Block:
    """Writes a schema that strict mode accepts; a property is its JSON type (`s`: a list of it; `?`: optional), or its
    own schema, and its meaning."""
    return {"name": name, "description": description, "strict": True, "input_schema": shape(**properties)}


def shape(**properties: tuple[str | Block, str]) -> Block:
    """The schema of an object, from properties as for `tool`."""
    return {
        "type": "object",
        "properties": {key: _type(kind) | {"description": meaning} for key, (kind, meaning) in properties.items()},
        "required": [key for key, (kind, _) in properties.items() if not (isinstance(kind, str) and kind[-1] == "?")],
        "additionalProperties": False,
    }


def _type(kind: str | Block) -> dict[str, object]:
    if not isinstance(kind, str):
        return dict(kind)
    name = kind.removesuffix("?")
    if name.endswith("s"):
        return {"type": "array", "items": {"type": name.removesuffix("s")}}
    return {"type": name}
