"""What callers send about pull requests, checked."""

from dataclasses import dataclass
from typing import Literal, Self, cast

from yarl import URL

from tests.standins.github.pulls import PullRequest, State
from tests.standins.github.repositories import Repository
from tests.standins.github.rest_errors import ApiError, not_supplied, validation_failed
from tests.standins.github.shapes import Json

CREATE_DOCS = "/pulls/pulls#create-a-pull-request"
UPDATE_DOCS = "/pulls/pulls#update-a-pull-request"
LIST_DOCS = "/pulls/pulls#list-pull-requests"


@dataclass(frozen=True)
class PullFilter:
    """`head` is `owner:branch`, or empty for any; GitHub ignores one without an owner."""

    state: Literal["open", "closed", "all"]
    head: str
    base: str

    @classmethod
    def read(cls, url: URL) -> Self:
        state = url.query.get("state", "open")
        if state not in ("open", "closed", "all"):
            raise invalid("state", LIST_DOCS)
        head = url.query.get("head", "")
        return cls(
            state=cast(Literal["open", "closed", "all"], state),
            head=head if ":" in head else "",
            base=url.query.get("base", ""),
        )

    def takes(self, pull: PullRequest, repository: Repository) -> bool:
        label = f"{repository.owner}:{pull.head}"
        return self.state in ("all", pull.state) and self.head in ("", label) and self.base in ("", pull.base)


@dataclass(frozen=True)
class NewPull:
    title: str
    body: str | None
    head: str
    base: str
    draft: bool

    @classmethod
    def read(cls, body: Json, repository: Repository) -> Self:
        """Raises ApiError 422. A head `owner:branch` must name this repository's owner: there are no forks here."""
        head, base, title = (_required(body, field) for field in ("head", "base", "title"))
        owner, named, branch = head.partition(":")
        if named and owner.lower() != repository.owner.lower():
            raise invalid("head", CREATE_DOCS)
        return cls(
            title=title,
            body=_optional(body, "body", None, CREATE_DOCS),
            head=branch if named else head,
            base=base,
            draft=body.get("draft") is True,
        )


@dataclass(frozen=True)
class PullChange:
    """Everything that can be edited, as it shall be; what was not sent stays."""

    title: str
    body: str | None
    base: str
    state: State

    @classmethod
    def read(cls, body: Json, pull: PullRequest) -> Self:
        """Raises ApiError 422."""
        title = _optional(body, "title", pull.title, UPDATE_DOCS)
        base = _optional(body, "base", pull.base, UPDATE_DOCS)
        state = _optional(body, "state", pull.state, UPDATE_DOCS)
        if not title:
            raise validation_failed(UPDATE_DOCS, resource="Issue", field="title", code="missing_field")
        if state not in ("open", "closed"):
            raise invalid("state", UPDATE_DOCS)
        return cls(
            title=title,
            body=_optional(body, "body", pull.body, UPDATE_DOCS),
            base=base or pull.base,
            state=cast(State, state),
        )


def invalid(field: str, docs: str) -> ApiError:
    return validation_failed(docs, resource="PullRequest", field=field, code="invalid")


def _required(body: Json, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str):
        raise not_supplied(CREATE_DOCS, field)
    if not value:
        raise validation_failed(CREATE_DOCS, resource="PullRequest", field=field, code="missing_field")
    return value


def _optional(body: Json, field: str, default: str | None, docs: str) -> str | None:
    value = body.get(field, default)
    if value is not None and not isinstance(value, str):
        raise invalid(field, docs)
    return value
