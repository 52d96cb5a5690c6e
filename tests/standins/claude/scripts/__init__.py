"""The scripts that can be named on the command line."""

from tests.standins.claude.script import Script
from tests.standins.claude.scripts import asking, faults, fix_failing_test, long_session, run_command, steps

SCRIPTS: dict[str, Script] = {
    "asking": asking.script,
    "demo": fix_failing_test.script,
    "faults": faults.Faults(),
    "long-session": long_session.script,
    "run-command": run_command.script,
    "steps": steps.script,
}
