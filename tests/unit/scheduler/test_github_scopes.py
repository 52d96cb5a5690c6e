"""What a token's scopes let it push, where GitHub tells them."""

import pytest

from errand_scheduler.github import Repository

REPO = "repo"


def seen_with(*scopes: str, private: bool = True) -> Repository:
    return Repository("o/r", "main", private, may_push=True, scopes=frozenset(scopes))


@pytest.mark.parametrize(
    ("repository", "may_push"),
    [
        (seen_with(REPO), True),
        (seen_with("public_repo", private=False), True),
        (seen_with("public_repo"), False),
        (seen_with("read:org", private=False), False),
        (Repository("o/r", "main", private=True, may_push=True), True),
    ],
)
def test_a_scope_that_a_push_needs_is_missed_in_words(repository: Repository, may_push: bool) -> None:
    assert (repository.scope_refusal == "") is may_push
    assert may_push or "lacks the scope repo" in repository.scope_refusal


@pytest.mark.parametrize(
    ("repository", "may"),
    [
        (seen_with(REPO), False),
        (seen_with(REPO, "workflow"), True),
        (Repository("o/r", "main", private=True, may_push=True), True),
    ],
)
def test_workflows_need_a_scope_of_their_own(repository: Repository, may: bool) -> None:
    assert repository.may_push_workflows is may
