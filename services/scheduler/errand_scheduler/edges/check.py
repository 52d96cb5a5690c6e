"""The check that people declare for a project."""

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.wire import seconds
from errand_scheduler.edges.scripts import check_script
from errand_scheduler.store.checks import USUAL_LIMIT_S, Check

_SHORTEST_S, _LONGEST_S = 10.0, 60 * 60.0


def check_of(sent: task_pb2.Check) -> Check:
    """What is asked for. Raises Invalid."""
    check_script(sent.script, field="check.script")
    limit_s = seconds(sent.limit_duration) if sent.HasField("limit_duration") else USUAL_LIMIT_S
    if not _SHORTEST_S <= limit_s <= _LONGEST_S:
        raise Invalid(f"check.limit_duration is {limit_s:g} s; it must be {_SHORTEST_S:g} to {_LONGEST_S:g} s")
    return Check(sent.script, limit_s)
