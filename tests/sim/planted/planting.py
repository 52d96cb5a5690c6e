"""How a bug is planted and taken out again: the only place where our own code is patched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Undo = Callable[[], None]
BUGS: dict[str, Callable[[], Undo]] = {}


@contextmanager
def in_place(name: str) -> Iterator[None]:
    """While it lasts, the product has this bug."""
    undo = BUGS[name]()
    try:
        yield
    finally:
        undo()


def bug(plant: Callable[[], Undo]) -> Callable[[], Undo]:
    """Know a function that plants one, under its name in words."""
    BUGS[plant.__name__.removeprefix("_").replace("_", " ")] = plant
    return plant


def put(owner: Any, **new: Any) -> Undo:
    """Put something in the place of what a module or class has."""
    old = {name: owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name) for name in new}
    for name, value in new.items():
        setattr(owner, name, value)

    def undo() -> None:
        for name, value in old.items():
            setattr(owner, name, value)

    return undo


def all_of(*undone: Undo) -> Undo:
    """Take out a bug that is in several places."""

    def undo() -> None:
        for each in undone:
            each()

    return undo
