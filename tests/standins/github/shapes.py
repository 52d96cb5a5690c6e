"""How GitHub writes its nouns in JSON: the fields that clients read, under their own names."""

from dataclasses import dataclass

from tests.standins.github.accounts import User
from tests.standins.github.clock import rfc3339
from tests.standins.github.pulls import PullRequest
from tests.standins.github.repositories import Repository
from tests.standins.github.rights import Right

Json = dict[str, object]


@dataclass(frozen=True)
class Addresses:
    """Where the web and the REST interface are, as the caller reached them, without a final slash."""

    web: str

    @property
    def api(self) -> str:
        return f"{self.web}/api/v3"


def user_json(user: User, at: Addresses) -> Json:
    return {
        "login": user.login,
        "id": user.id,
        "node_id": f"U_{user.id}",
        "avatar_url": f"{at.web}/avatars/u/{user.id}",
        "url": f"{at.api}/users/{user.login}",
        "html_url": f"{at.web}/{user.login}",
        "type": "User",
        "site_admin": False,
        "name": user.login,
        "email": None,
        "created_at": rfc3339(user.created),
    }


def owner_json(repository: Repository, at: Addresses) -> Json:
    return {"login": repository.owner, "html_url": f"{at.web}/{repository.owner}", "type": "User"}


def repository_json(repository: Repository, right: Right, size_kib: int, at: Addresses) -> Json:
    page = f"{at.web}/{repository.full_name}"
    return {
        "id": repository.id,
        "node_id": f"R_{repository.id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": owner_json(repository, at),
        "private": repository.private,
        "visibility": "private" if repository.private else "public",
        "html_url": page,
        "url": f"{at.api}/repos/{repository.full_name}",
        "clone_url": f"{page}.git",
        "description": None,
        "fork": False,
        "archived": repository.archived,
        "disabled": False,
        "size": size_kib,
        "default_branch": repository.default_branch,
        "created_at": rfc3339(repository.created),
        "pushed_at": rfc3339(repository.pushed),
        "permissions": {
            "admin": right >= Right.ADMIN,
            "maintain": right >= Right.ADMIN,
            "push": right >= Right.PUSH,
            "triage": right >= Right.PUSH,
            "pull": right >= Right.READ,
        },
    }


def branch_json(repository: Repository, branch: str, commit: str, at: Addresses) -> Json:
    return {
        "name": branch,
        "commit": {"sha": commit, "url": f"{at.api}/repos/{repository.full_name}/commits/{commit}"},
        "protected": False,
    }


def pull_json(pull: PullRequest, repository: Repository, *, base_commit: str, at: Addresses) -> Json:
    page = f"{at.web}/{repository.full_name}/pull/{pull.number}"
    return {
        "id": pull.id,
        "node_id": f"PR_{pull.id}",
        "number": pull.number,
        "url": f"{at.api}/repos/{repository.full_name}/pulls/{pull.number}",
        "html_url": page,
        "diff_url": f"{page}.diff",
        "state": pull.state,
        "locked": False,
        "draft": pull.draft,
        "title": pull.title,
        "body": pull.body,
        "user": user_json(pull.author, at),
        "head": _end_json(repository, pull.head, pull.head_commit, at),
        "base": _end_json(repository, pull.base, base_commit, at),
        "created_at": rfc3339(pull.created),
        "updated_at": rfc3339(pull.updated),
        "closed_at": rfc3339(pull.closed) if pull.closed else None,
        "merged_at": None,
    }


def _end_json(repository: Repository, branch: str, commit: str, at: Addresses) -> Json:
    return {
        "label": f"{repository.owner}:{branch}",
        "ref": branch,
        "sha": commit,
        "user": owner_json(repository, at),
        "repo": {
            "id": repository.id,
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "default_branch": repository.default_branch,
            "url": f"{at.api}/repos/{repository.full_name}",
            "html_url": f"{at.web}/{repository.full_name}",
        },
    }
