"""A project as its owner names it."""

from errand_common.errors import NotFound
from errand_scheduler.store import projects
from errand_scheduler.store.projects import Project
from errand_scheduler.store.transaction import Tx


def find_project(tx: Tx, user_id: str, project_id: str) -> Project:
    """The project, if it is the user's. Raises NotFound."""
    return owned(tx.one(projects.by_id(project_id)), user_id, project_id)


def owned(project: Project | None, user_id: str, project_id: str) -> Project:
    """What was found under the id, if it is the user's. Raises NotFound."""
    if project is None or project.user_id != user_id:
        raise NotFound(f"you have no project {project_id}; add the repository first")
    return project
