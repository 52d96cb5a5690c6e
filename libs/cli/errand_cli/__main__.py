"""The `errand` command: whatever goes wrong ends in words and a code of the table, never in a traceback."""

import sys

from errand_cli import exits
from errand_cli.app import app
from errand_cli.exits import Exit
from errand_cli.output import complain, say_no_more
from errand_common.errors import ErrandError


def main() -> None:
    """The command's entry."""
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        say_no_more()
        code = Exit.DONE
    sys.exit(code)


def _run() -> int:
    """The code that the command ends with. Raises BrokenPipeError where nobody reads any more."""
    try:
        app()
    except ErrandError as exc:
        complain(exc.message)
        return exits.of_error(exc)
    except SystemExit as exc:
        # Typer and rich have a code of their own for that, of a help text too. What they meant to say of something that
        # went wrong is another matter: it has its code, whoever reads it.
        if isinstance(broken := exc.__context__, BrokenPipeError):
            if broken.__context__ is None:
                raise broken from exc
            return getattr(broken.__context__, "exit_code", Exit.FAILED)
        return exc.code if isinstance(exc.code, int) else Exit.FAILED
    raise AssertionError("typer ends a command by SystemExit")


if __name__ == "__main__":
    main()
