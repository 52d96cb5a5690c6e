"""Looking for files and lines, as Claude may ask for it."""

from errand_runner.agent.tools.definitions.schema import Input, Words, tool

MOST_FILES = 200
MOST_LINES = 200


class GlobInput(Input):
    """For `glob`."""

    pattern: Words
    path: Words = "."
    with_ignored: bool = False


class GrepInput(Input):
    """For `grep`."""

    pattern: Words
    path: Words = "."
    glob: Words | None = None
    files_only: bool = False
    with_ignored: bool = False


_IGNORED = ("boolean?", "True looks into files that git ignores too; false unless given.")

GLOB = tool(
    "glob",
    f"Finds files by their path and gives the paths in order, at most {MOST_FILES}. What .git holds, and what git "
    "ignores, is left out.",
    pattern=(
        "string",
        "Such as *.py (that name in any folder), src/**/*.{ts,tsx} (** is any number of folders); of paths below path.",
    ),
    path=("string?", "The folder to look in, as for read; the current one unless given."),
    with_ignored=_IGNORED,
)

GREP = tool(
    "grep",
    f"Finds lines in text files by a regular expression and gives them with their numbers, file by file, at most "
    f"{MOST_LINES}. Quicker and shorter than grep in bash. What .git holds, and what git ignores, is left out.",
    pattern=("string", "A regular expression as Python's re takes it, for one line; (?i) at its start ignores case."),
    path=("string?", "The folder or file to look in, as for read; the current folder unless given."),
    glob=("string?", "Only files that match it, as for glob."),
    files_only=("boolean?", "True gives the paths of the files alone; false unless given."),
    with_ignored=_IGNORED,
)
