"""The shell scripts that people set for a project."""

from errand_common.errors import Invalid
from errand_scheduler.edges.requests import TEXT_BYTES


def check_script(script: str, *, field: str) -> None:
    """Raises Invalid for one that is too long, or that no shell reads to its end."""
    size = len(script.encode())
    if size > TEXT_BYTES:
        raise Invalid(
            f"{field} has {size} bytes; the most is {TEXT_BYTES}; put the rest into a file of the repository and"
            " have the script run that"
        )
    if "\0" in script:
        raise Invalid(f"{field} holds a NUL character, at which no shell reads on; take it out")
