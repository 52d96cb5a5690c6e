"""A GitHub of our own: sign-in, the REST calls that Errand makes, and git over HTTP on real repositories."""

from tests.standins.github.server import GitHubStandin

__all__ = ["GitHubStandin"]
