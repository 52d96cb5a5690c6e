"""The scripts that can be named on the command line."""

from tests.standins.claude.script import Script
from tests.standins.claude.scripts import fix_failing_test, run_command

SCRIPTS: dict[str, Script] = {"demo": fix_failing_test.script, "run-command": run_command.script}
