"""A task that is shown as it happens, until it ends, waits, or nobody looks any more."""

import asyncio
from contextlib import aclosing

from errand_cli.connection import Connection
from errand_cli.exits import Exit
from errand_cli.output import Output, complain
from errand_cli.screen import Screen
from errand_cli.watching import Standing, story


async def watched(connection: Connection, task_id: str, output: Output, *, follow: bool) -> Exit:
    """Shows it until it ends or waits for somebody; to `follow` is to go on past that. Ctrl-C leaves it at work. Raises
    ErrandError."""
    standing = Standing()
    try:
        with Screen(output) as screen:
            async with aclosing(story(connection, task_id)) as told:
                async for each in told:
                    standing.hear(each)
                    if output.as_json:
                        output.object(each.object())
                    else:
                        screen.show(each)
                    if (code := standing.ending(follow=follow)) is not None:
                        return code
    except asyncio.CancelledError:
        complain(f"no longer watched; the task goes on: errand task watch {task_id}")
        raise
    raise AssertionError("a story has no end of its own")
