"""The `errand` command: whatever goes wrong ends in words and a code of the table, never in a traceback."""

import sys

from errand_cli import exits
from errand_cli.app import app
from errand_cli.output import complain
from errand_common.errors import ErrandError


def main() -> None:
    """The command's entry."""
    try:
        app()
    except ErrandError as exc:
        complain(exc.message)
        sys.exit(exits.of_error(exc))


if __name__ == "__main__":
    main()
