"""Logs are one JSON line per thing that happened, and hold nothing that they should not."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from errand_common import log
log.configure(service="runner", log_format="{log_format}")
def fail(token):
    raise ValueError("it broke")
structlog.contextvars.bind_contextvars(task="tsk_1")
structlog.get_logger().info("attempt_finished", phase="succeeded")
try:
    fail("ers_" + "secret")
except ValueError:
    structlog.get_logger().exception("attempt_broke")
"""


def logged(log_format):
    program = PROGRAM.format(log_format=log_format)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return result.stderr


def test_each_line_is_json_with_what_was_bound_once():
    first, second = map(json.loads, logged("json").splitlines())

    assert (first["event"], first["service"], first["task"], first["phase"]) == (
        "attempt_finished",
        "runner",
        "tsk_1",
        "succeeded",
    )
    assert second["event"] == "attempt_broke"
    assert second["exception"][0]["exc_value"] == "it broke"


def test_a_traceback_shows_no_local_variable():
    # Put together at run time: the program's own lines may be shown, a variable's value may not.
    for log_format in ("json", "console"):
        assert "ers_secret" not in logged(log_format)


HANDSHAKE = """
import asyncio
from errand_common import rpc
import grpc

async def hang_up(reader, writer):
    writer.write(b"HTTP/1.1 400 no TLS here")
    writer.close()

async def main():
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    channel = grpc.aio.secure_channel(f"{host}:{port}", grpc.ssl_channel_credentials())
    try:
        await channel.unary_unary("/any/Call")(b"", timeout=30)
    except grpc.RpcError as exc:
        print(exc.details())
    await channel.close()
    server.close()

asyncio.run(main())
"""


def test_grpc_writes_no_lines_of_its_own_into_the_log():
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    result = subprocess.run(
        [sys.executable, "-c", HANDSHAKE], capture_output=True, text=True, check=True, env=environment
    )

    assert "handshake failed" in result.stdout
    assert result.stderr == ""


TOKEN = "ghp_" + "a1B2" * 9
LEAK = f"""
import logging
import structlog
from errand_common import log
log.configure(service="runner", log_format="{{log_format}}")
structlog.get_logger().warning("push_refused", said={{{{"remote": ["no such token {TOKEN}"]}}}})
logging.getLogger("library").warning("sent {TOKEN}")
try:
    raise ValueError("{TOKEN}")
except ValueError:
    structlog.get_logger().exception("attempt_broke")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_has_the_shape_of_a_token_is_masked_whatever_brought_it(log_format):
    program = LEAK.format(log_format=log_format)
    written = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr

    assert TOKEN not in written
    assert written.count("[masked]") >= 3
    assert "push_refused" in written


TOGETHER = """
import sys
import structlog
from errand_common import log
log.configure(service="scheduler")
written = []
class Recorded:
    def write(self, text):
        written.append(text.count("\\n"))
    def flush(self):
        pass
sys.stderr = Recorded()
structlog.get_logger().info("alone")
try:
    with log.together():
        structlog.get_logger().info("first")
        structlog.get_logger().warning("second")
        raise ValueError
except ValueError:
    structlog.get_logger().info("after")
print(written)
"""


def test_lines_are_written_at_once_but_those_that_are_held_together():
    result = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True)

    assert result.stdout == "[1, 2, 1]\n"


ODD = """
import structlog
from dataclasses import dataclass
from errand_common import log
log.configure(service="runner")
@dataclass
class Plain:
    number: int = 1
structlog.get_logger().info("said", text="caf\\u00e9 \\u202e\\u009b31m\\u2028", of=Plain())
structlog.get_logger().info("said", text="\\ud800", of=Plain())
structlog.get_logger().info("said", text="plain", of=Plain())
structlog.get_logger().info("said", number=2**70, of=Plain())
"""


def test_whatever_is_said_a_line_is_ascii_and_read_as_it_was():
    written = subprocess.run([sys.executable, "-c", ODD], capture_output=True, check=True).stderr

    lines = [json.loads(line) for line in written.decode("ascii").splitlines()]
    assert [line.get("text", line.get("number")) for line in lines] == [
        "café \u202e\u009b31m\u2028",
        "\ud800",
        "plain",
        2**70,
    ]
    assert {line["of"] for line in lines} == {"Plain(number=1)"}
