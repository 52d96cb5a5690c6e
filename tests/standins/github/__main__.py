"""Runs the stand-in until SIGTERM or SIGINT; prints its addresses as one line of JSON."""

import asyncio
import json
import signal
import sys

from tests.standins.github.options import Options, read_options
from tests.standins.github.server import GitHubStandin


def main() -> None:
    """The command's entry."""
    asyncio.run(serve(read_options(sys.argv[1:])))


async def serve(options: Options) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with GitHubStandin(options.root, host=options.host, port=options.port) as github:
        await furnish(github, options)
        ready = {"url": github.url, "api_url": github.api_url, "control_key": github.control_key}
        if options.token_for:
            ready["token"] = github.issue_token(options.token_for)
        print(json.dumps(ready), flush=True)
        await stopped.wait()


async def furnish(github: GitHubStandin, options: Options) -> None:
    for login in options.users:
        github.add_user(login)
    if options.client_id:
        github.add_client(options.client_id, options.client_secret, options.redirect_uris)
    for repository in options.repositories:
        await github.add_repository(repository.full_name, repository.content)
        for login in options.users:
            github.grant(login, repository.full_name, repository.right)


if __name__ == "__main__":
    main()
