"""A repository, and a task's workspace in clones of it on hosts of different names."""

import pytest

from errand_runner.outage import GitHost
from errand_runner.workspace import Workspace
from tests.unit.runner.checkpoints.clones import BRANCH, TASK, commit, git


@pytest.fixture
def origin(tmp_path):
    """A bare repository with one commit on `trunk`."""
    seed = tmp_path / "seed"
    seed.mkdir()
    git("init", "--quiet", "--initial-branch=trunk", cwd=seed)
    (seed / ".gitignore").write_text("ignored\n")
    for name in ("changed", "removed", "staged"):
        (seed / name).write_text(f"{name}\n")
    commit(seed, "first")
    git("clone", "--quiet", "--bare", str(seed), str(tmp_path / "origin.git"), cwd=tmp_path)
    return tmp_path / "origin.git"


@pytest.fixture
def host(supervisor, origin, tmp_path):
    """Gives the task's workspace on a host of that name."""

    def on(name, *, head="", checkpoint_commit="", earlier=True):
        (tmp_path / name).mkdir(exist_ok=True)
        return Workspace(
            supervisor,
            remote_url=str(origin),
            branch=BRANCH,
            default_branch="trunk",
            host=GitHost(),
            task_id=TASK,
            workspace_id=f"wsp_{name}",
            head=head,
            checkpoint_commit=checkpoint_commit,
            earlier=earlier,
            folder=str(tmp_path / name / "repo"),
        )

    return on
