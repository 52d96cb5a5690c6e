"""GitHub's API, the only place that calls it."""

from errand_scheduler.github.as_person import Account, GitHub, Organisations, Repository
from errand_scheduler.github.description import Wanted
from errand_scheduler.github.opening import SIGN_IN_AGAIN, open_wire
from errand_scheduler.github.pull_requests import Proposal, PullRequest
from errand_scheduler.github.wire import GitHubUnavailable, TokenRefused, Wire

__all__ = [
    "SIGN_IN_AGAIN",
    "Account",
    "GitHub",
    "GitHubUnavailable",
    "Organisations",
    "Proposal",
    "PullRequest",
    "Repository",
    "TokenRefused",
    "Wanted",
    "Wire",
    "open_wire",
]
