"""`python -m errand_local up|down|logs|link|backup|restore|rotate-keys|run`: what the Makefile calls."""

import argparse
import sys
from pathlib import Path

from errand_common.config import ConfigError
from errand_common.service import WRONG_START, StartError
from errand_local import logs, settings, up
from errand_local.layout import Layout
from errand_local.services import environments
from errand_local.start import NotUp
from errand_local.supervision import SupervisionFailed

_COMMANDS = {
    "up": "start everything, wait until it answers, print a sign-in link",
    "down": "stop everything",
    "logs": "follow the logs",
    "link": "print another sign-in link",
    "backup": "write everything that is kept to a file, also while it runs",
    "restore": "put what a backup holds in its place; nothing may run",
    "rotate-keys": "seal all tokens anew, with a new key; nothing may run",
    "run": "start everything and stay, for an init system",
}


def main() -> None:
    """Exit 0 when it was done, 2 on wrong settings, 1 when a service does not come up, 130 on Ctrl-C."""
    options = _options()
    try:
        settings.take_up(options.env_file)
        _do(options)
    except ConfigError as exc:
        _fail(f"{exc}\n  set it in {options.env_file} (.env.example tells of each) or in the environment", WRONG_START)
    except (NotUp, SupervisionFailed, StartError) as exc:
        _fail(str(exc), 1)
    except OSError as exc:
        _fail(f"the data folder cannot be used ({exc}); set ERRAND_DATA to one that can", WRONG_START)
    except KeyboardInterrupt:
        sys.exit(130)


def _do(options: argparse.Namespace) -> None:
    local = settings.read()
    layout = Layout(local.data.absolute())
    match options.command:
        case "up":
            up.up(local)
        case "down":
            up.down(local)
        case "logs":
            logs.follow(layout, raw=options.raw)
        case "link":
            up.print_link(environments(local, layout)["scheduler"])
        case "backup" | "restore":
            up.keep(environments(local, layout)["scheduler"], options.command, str(options.file))
        case "rotate-keys":
            up.keep(environments(local, layout)["scheduler"], options.command)
        case "run":
            up.run(local)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="errand_local", description="All of Errand on one host.")
    parser.add_argument("--env-file", type=Path, default=Path(".env"), help="variables beside the environment's own")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in _COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words)
        if name == "logs":
            command.add_argument("--raw", action="store_true", help="JSON lines as they are written")
        if name in ("backup", "restore"):
            command.add_argument("file", type=Path, metavar="FILE")
    return parser.parse_args()


def _fail(words: str, code: int) -> None:
    print("\n".join(f"errand: {line}" for line in words.splitlines()), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
