"""A repository has another name at its git host: its project follows, and who waits for it is told."""

from errand_scheduler import facts
from errand_scheduler.lifecycle.moves import tell
from errand_scheduler.store import projects, tasks
from errand_scheduler.store.transaction import Tx


def follow(tx: Tx, project_id: str, name: str) -> None:
    """Take up the repository's new name, "owner/name", and tell the project's tasks that wait for a runner.

    Changes nothing where the user has a project of that name already.
    """
    project = tx.one(projects.by_id(project_id))
    if project is None or project.repository == name:
        return
    other = tx.one(projects.by_repository(project.user_id, name))
    if other is not None and other.project_id != project_id:
        return
    projects.rename(tx, project_id, repository=name, repo_url=_address(project.repo_url, project.repository, name))
    for task in tx.all(tasks.pending_of_project(project_id)):
        tell(tx, task, facts.repository_renamed(project.repository, name))


def _address(repo_url: str, before: str, name: str) -> str:
    return f"{repo_url.removesuffix('.git').removesuffix(before)}{name}.git"
