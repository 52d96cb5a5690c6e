"""What people set for a project: the image of its tasks, the script that prepares their workspace, what else they may
fetch, the model, the check, what they may spend, whether their pull requests are drafts."""

from collections.abc import Sequence

from errand.v1 import account_service_pb2 as pb
from errand_common import images
from errand_common.errors import Invalid
from errand_scheduler import wire
from errand_scheduler.access.callers import Note, caller, person
from errand_scheduler.edges.allowance import allowance_of
from errand_scheduler.edges.check import check_of
from errand_scheduler.edges.egress import change_egress, egress_of
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.edges.model_choice import model_choice_of
from errand_scheduler.edges.own_project import find_project
from errand_scheduler.edges.requests import check_id, check_repository
from errand_scheduler.edges.scripts import check_script
from errand_scheduler.store import projects
from errand_scheduler.store.allowance import Allowance
from errand_scheduler.store.checks import Check, set_check
from errand_scheduler.store.model_choices import ModelChoice
from errand_scheduler.store.projects import Egress, Project
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

_READ_REPOSITORIES = 20


async def update_project(writer: Writer, request: pb.UpdateProjectRequest) -> pb.UpdateProjectResponse:
    """Change what the request names. Raises Invalid, and NotFound unless the project is the caller's."""
    user_id, note = person().user_id, caller().note
    check_id(request.project_id, "prj", field="project_id")
    _check_image(request.image)
    check_script(request.setup_script, field="setup_script")
    _check_read(request.read_repositories.repositories)
    egress = egress_of(request.egress) if request.HasField("egress") else None
    choice = model_choice_of(request.model_choice) if request.HasField("model_choice") else None
    check = check_of(request.check) if request.HasField("check") else None
    allowance = allowance_of(request.allowance) if request.HasField("allowance") else None
    asked = sent(request, user_id=user_id, method="UpdateProject", request_id=request.request_id)
    project = await writer.write(
        lambda tx: once(
            tx,
            asked,
            do=lambda: _update(tx, user_id, note, request, egress, choice, check, allowance),
            again=lambda known_id: find_project(tx, user_id, known_id),
            id_of=lambda changed: changed.project_id,
        ),
        size_bytes=len(request.setup_script) + len(request.check.script),
    )
    return pb.UpdateProjectResponse(project=wire.project(project))


def _check_image(image: str) -> None:
    if not image:
        return
    try:
        images.parse(image)
    except ValueError as exc:
        raise Invalid(f"{exc}; leave it empty for the runner's own") from exc


def _check_read(repositories: Sequence[str]) -> None:
    if len(repositories) > _READ_REPOSITORIES:
        raise Invalid(f"read_repositories has {len(repositories)} names; the most is {_READ_REPOSITORIES}")
    for repository in repositories:
        check_repository(repository)


def _update(
    tx: Tx,
    user_id: str,
    note: Note,
    request: pb.UpdateProjectRequest,
    egress: Egress | None,
    choice: ModelChoice | None,
    check: Check | None,
    allowance: Allowance | None,
) -> Project:
    known = find_project(tx, user_id, request.project_id)
    projects.set_settings(
        tx,
        known.project_id,
        image=request.image if request.HasField("image") else known.image,
        setup_script=request.setup_script if request.HasField("setup_script") else known.setup_script,
        read_repositories=_read(request, known),
    )
    if egress is not None:
        change_egress(tx, known, egress)
    if choice is not None:
        projects.set_model_choice(tx, known.project_id, choice)
    if check is not None:
        set_check(tx, known.project_id, check)
    if allowance is not None:
        projects.set_allowance(tx, known.project_id, allowance)
    if request.HasField("draft_pull_requests"):
        projects.set_draft_pull_requests(tx, known.project_id, draft=request.draft_pull_requests)
    note(tx, "update_project", known.project_id)
    return find_project(tx, user_id, known.project_id)


def _read(request: pb.UpdateProjectRequest, known: Project) -> Sequence[str]:
    """Each once, however it is written; the project's own is reached anyhow."""
    if not request.HasField("read_repositories"):
        return known.read_repositories
    named = {name.lower(): name for name in map(_bare, request.read_repositories.repositories)}
    named.pop(known.repository.lower(), None)
    return list(named.values())


def _bare(repository: str) -> str:
    return repository.removesuffix(".git")
