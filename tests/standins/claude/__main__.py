"""Runs the stand-in until SIGTERM or SIGINT; prints its address as one line of JSON."""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from tests.standins.claude.scripts import SCRIPTS
from tests.standins.claude.server import LOOPBACK, ClaudeStandin


def main() -> None:
    """The command's entry."""
    asyncio.run(serve(read_options()))


async def serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    key = Path(options.key_file).read_text().strip()
    standin = ClaudeStandin(
        SCRIPTS[options.script], key=key, host=options.host, port=options.port, pace_s=options.pace_ms / 1000
    )
    async with standin as claude:
        print(json.dumps({"url": claude.url}), flush=True)
        await stopped.wait()


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.standins.claude", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="the address to serve on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", choices=sorted(SCRIPTS), required=True, help="what Claude does")
    parser.add_argument("--key-file", required=True, help="holds the only key that is accepted")
    parser.add_argument("--pace-ms", type=float, default=0.0, help="the least time between two pieces of a reply")
    return parser.parse_args()


if __name__ == "__main__":
    main()
