"""`errand status`: whether the scheduler answers, who is asking, and what of it is for a person to see to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from errand.v1.account_service_pb2 import GetMeRequest
from errand.v1.fleet_service_pb2 import GetFleetRequest, GetFleetResponse, ListRunnersRequest
from errand.v1.runner_pb2 import Runner
from errand.v1.task_pb2 import Task
from errand.v1.task_service_pb2 import ListTasksRequest
from errand_cli import exits, runner_view, words
from errand_cli.connection import Connection
from errand_cli.exits import Exit
from errand_cli.hosts import clock_off
from errand_cli.output import Output
from errand_cli.running import AsJson, with_scheduler
from errand_common.disk import in_words
from errand_common.errors import Denied
from errand_common.wire import Json, to_json

_TASKS = 100
_ILL = ("not_connected", "silent", "quarantined", "ill", "lacks_room", "resting", "revoked")
"""Conditions of a runner that somebody should look at; what an operator set himself is none."""


@dataclass(frozen=True)
class _Stands:
    """What the token may read; None of what it may not."""

    who: str
    tasks: Sequence[Task] | None
    fleet: GetFleetResponse | None
    runners: Sequence[Runner] | None

    @property
    def for_a_person(self) -> list[str]:
        """What waits for somebody, each in words."""
        found = [f"{task.task_id} waits: {task.status_reason}" for task in self.tasks or () if _asks(to_json(task))]
        found += [f"runner {each.name} {each.condition_words}" for each in self.runners or () if _is_ill(each)]
        found += [f"runner {each.name}: its clock is {off}" for each in self.runners or () if (off := clock_off(each))]
        if self.fleet is not None and self.fleet.storage_degraded:
            found.append("the scheduler's disk is full")
        return found


def status(
    check: Annotated[
        bool, typer.Option("--check", help="End with 8 where something is for a person to see to.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether the scheduler answers, who you are to it, how your last 100 tasks stand, and the fleet."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> Exit:
        stands = _Stands(
            who=await _who(connection),
            tasks=await _tasks(connection),
            fleet=await _fleet(connection),
            runners=await _runners(connection),
        )
        if as_json:
            output.document(_document(connection.profile.scheduler, stands))
        else:
            _tell(output, connection.profile.scheduler, stands)
        return Exit.WAITS if check and stands.for_a_person else Exit.DONE

    raise typer.Exit(with_scheduler(work))


def _document(scheduler: str, stands: _Stands) -> dict[str, Json]:
    return {
        "scheduler": scheduler,
        "github_username": stands.who,
        "tasks": None if stands.tasks is None else dict(_counted(stands.tasks)),
        "fleet": None if stands.fleet is None else to_json(stands.fleet),
        "runners": None if stands.runners is None else [to_json(each) for each in stands.runners],
        "for_a_person": list(stands.for_a_person),
    }


def _tell(output: Output, scheduler: str, stands: _Stands) -> None:
    output.fields(
        (
            ("scheduler", f"{scheduler} answers"),
            ("you", stands.who or "a token that is no person's"),
            ("your tasks", "not for this token" if stands.tasks is None else _counts(_counted(stands.tasks))),
            ("waiting", "" if stands.fleet is None else _queue(stands.fleet.pending_tasks)),
            ("disk", "" if stands.fleet is None else _disk(stands.fleet)),
            *(("see to", each) for each in stands.for_a_person),
        )
    )
    if stands.runners:
        runner_view.table(output, stands.runners)


def _is_ill(runner: Runner) -> bool:
    condition = to_json(runner)["condition"]
    # One that never came is not missed: the scheduler's settings name one, whether there is such a host or not.
    return condition in _ILL and (condition != "not_connected" or runner.HasField("heard_time"))


def _asks(task: dict[str, Json]) -> bool:
    return exits.of_task(str(task["status"]), str(task["wait_reason"])) is Exit.WAITS


def _counted(tasks: Sequence[Task]) -> Counter[str]:
    return Counter(str(to_json(task)["status"]) for task in tasks)


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {words.phrase(word)}" for word, count in sorted(counted.items())) or "none"


def _queue(pending: Mapping[str, int]) -> str:
    return ", ".join(f"{why} {count}" for why, count in sorted(pending.items())) or "none"


def _disk(fleet: GetFleetResponse) -> str:
    free = f"{in_words(fleet.disk_free_bytes)} free" if fleet.HasField("disk_free_bytes") else ""
    return f"full, {free}" if fleet.storage_degraded else free


async def _who(connection: Connection) -> str:
    try:
        return (await connection.ask(connection.accounts.GetMe, GetMeRequest())).user.github_username
    except Denied:
        return ""


async def _tasks(connection: Connection) -> Sequence[Task] | None:
    try:
        return (await connection.ask(connection.tasks.ListTasks, ListTasksRequest(page_size=_TASKS))).tasks
    except Denied:
        return None


async def _fleet(connection: Connection) -> GetFleetResponse | None:
    try:
        return await connection.ask(connection.fleet.GetFleet, GetFleetRequest())
    except Denied:
        return None


async def _runners(connection: Connection) -> Sequence[Runner] | None:
    try:
        return (await connection.ask(connection.fleet.ListRunners, ListRunnersRequest())).runners
    except Denied:
        return None
