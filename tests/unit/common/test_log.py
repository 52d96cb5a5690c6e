"""Logs are one JSON line per thing that happened, and hold nothing that they should not."""

import json
import subprocess
import sys

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
