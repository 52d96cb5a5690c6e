"""What people set for a project's network: which hosts its tasks reach."""

from errand.v1 import account_service_pb2 as pb
from errand.v1 import task_pb2
from errand_common import hosts
from errand_common.errors import Conflict, Invalid
from errand_common.values import EgressMode
from errand_common.wire import word
from errand_scheduler import wire
from errand_scheduler.access.callers import Note, caller, person
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.edges.own_project import find_project
from errand_scheduler.edges.requests import check_id
from errand_scheduler.presets import allowed_hosts, presets
from errand_scheduler.store import attempts, projects
from errand_scheduler.store.notices import TermsChanged
from errand_scheduler.store.projects import Egress, Project
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

MOST_HOSTS = 100
"""Of a project's own (ARCHITECTURE.md, Bounds)."""


async def allow_host(writer: Writer, request: pb.AllowHostRequest) -> pb.AllowHostResponse:
    """Add a host to what the caller's project allows. Raises Invalid, NotFound and Conflict."""
    user_id, note = person().user_id, caller().note
    check_id(request.project_id, "prj", field="project_id")
    host = _host(request.host)
    asked = sent(request, user_id=user_id, method="AllowHost", request_id=request.request_id)
    project = await writer.write(
        lambda tx: once(
            tx,
            asked,
            do=lambda: _allow(tx, user_id, request.project_id, host, note),
            again=lambda project_id: find_project(tx, user_id, project_id),
            id_of=lambda project: project.project_id,
        )
    )
    return pb.AllowHostResponse(project=wire.project(project))


def list_presets() -> pb.ListEgressPresetsResponse:
    """All of them."""
    shown = [pb.EgressPreset(name=each.name, title=each.title, hosts=each.hosts) for each in presets().values()]
    return pb.ListEgressPresetsResponse(presets=shown)


def egress_of(told: task_pb2.Egress) -> Egress:
    """What is asked for, each once and in order. Raises Invalid."""
    mode = word(task_pb2.EgressMode, told.mode)
    if mode not in list(EgressMode):
        raise Invalid(f"egress has no mode; write one of {', '.join(EgressMode)}")
    unknown = [name for name in told.presets if name not in presets()]
    if unknown:
        raise Invalid(f'there is no preset "{unknown[0][:80]}"; there are {", ".join(presets())}')
    own = {_host(each) for each in told.hosts}
    if len(own) > MOST_HOSTS:
        raise Invalid(f"egress has {len(own)} hosts; the most is {MOST_HOSTS}; *.example.com stands for all below it")
    return Egress(EgressMode(mode), tuple(sorted(set(told.presets))), tuple(sorted(own)))


def change_egress(tx: Tx, project: Project, egress: Egress) -> None:
    """Store it, and have it told to who works on the project."""
    if project.egress == egress:
        return
    projects.set_egress(tx, project.project_id, egress)
    for attempt in tx.all(attempts.live_of_project(project.project_id)):
        tx.notice(TermsChanged(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id))


def _host(text: str) -> str:
    try:
        return hosts.parse_pattern(text)
    except ValueError as exc:
        raise Invalid(str(exc)) from exc


def _allow(tx: Tx, user_id: str, project_id: str, host: str, note: Note) -> Project:
    project = find_project(tx, user_id, project_id)
    egress = project.egress
    if egress.mode is EgressMode.NONE:
        words = "the network is switched off for this project; choose the hosts that it allows in its settings"
        raise Conflict(f"{words}, then allow {host}")
    if egress.mode is EgressMode.OPEN or hosts.is_among(host, allowed_hosts(egress.presets, egress.hosts)):
        return project
    if len(egress.hosts) >= MOST_HOSTS:
        raise Conflict(f"this project lists {MOST_HOSTS} hosts already; take one out in its settings first")
    own = tuple(sorted({*egress.hosts, host}))
    change_egress(tx, project, Egress(egress.mode, egress.presets, own))
    note(tx, "allow_host", project_id)
    return find_project(tx, user_id, project_id)
