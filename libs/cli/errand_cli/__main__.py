"""The `errand` command: whatever goes wrong ends in words and a code of the table, never in a traceback."""

import sys

from errand_cli import exits
from errand_cli.app import app
from errand_cli.exits import Exit
from errand_cli.output import complain
from errand_common.errors import ErrandError


def main() -> None:
    """The command's entry."""
    try:
        app()
    except ErrandError as exc:
        complain(exc.message)
        sys.exit(exits.of_error(exc))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read has enough; Python's own flush at the end must not complain of it.
        sys.stdout = None
        sys.exit(Exit.DONE)


if __name__ == "__main__":
    main()
