"""Pull requests as GitHub opens them, has them already, or keeps them closed."""

from dataclasses import dataclass, replace
from typing import cast

import httpx2

from errand_common.errors import Denied, Invalid
from errand_scheduler.github import description, wire
from errand_scheduler.github.description import Texts, Wanted
from errand_scheduler.github.wire import GitHubUnavailable, Json, Wire

NO_DRAFTS = "GitHub has no drafts for this repository, so it is an ordinary pull request"
_NO_DRAFTS_SAID = "draft pull requests are not supported"
_EXISTS_SAID = "a pull request already exists"
_NOTHING_SAID = "no commits between"


@dataclass(frozen=True)
class PullRequest:
    """A pull request; `remark` says in words what is not as it was asked for."""

    url: str
    number: int
    draft: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Proposal:
    """A pull request from branch `head`, which is at `commit`, to branch `base` of one repository. `before`: there was
    one already."""

    repository: str
    head: str
    base: str
    commit: str
    wanted: Wanted
    draft: bool = False
    before: bool = False


@dataclass(frozen=True)
class _Found:
    pull: PullRequest
    state: str
    commit: str
    texts: Texts

    @property
    def is_open(self) -> bool:
        return self.state == "open"


async def settle(api: Wire, token: str, proposal: Proposal) -> PullRequest:
    """See that there is an open one, with the words that are wanted. One that was closed is left, and followed by
    another once something new was pushed. May be done again: GitHub itself says how far it is.

    Raises Denied where the user may not, Invalid where GitHub refuses it as it is, and as Wire.call.
    """
    if not proposal.before:
        return await _opened(api, token, proposal)
    found = await _newest(api, token, proposal)
    if found is None:
        return await _opened(api, token, proposal)
    if found.is_open:
        return await _updated(api, token, proposal, found)
    was = f"#{found.pull.number} was {found.state}"
    if found.commit == proposal.commit:
        return replace(found.pull, remark=f"pull request {was}, and nothing was committed since")
    opened = await _opened(api, token, proposal)
    return replace(opened, remark="; ".join(filter(None, [f"{was}, so this one follows it", opened.remark])))


async def _opened(api: Wire, token: str, proposal: Proposal) -> PullRequest:
    texts, remark = description.opened(proposal.wanted), ""
    response = await _post(api, token, proposal, texts, draft=proposal.draft)
    if proposal.draft and _says(response, _NO_DRAFTS_SAID):
        # Which repositories have them depends on who pays for them, and GitHub tells it in no other way.
        response, remark = await _post(api, token, proposal, texts, draft=False), NO_DRAFTS
    if _says(response, _EXISTS_SAID):
        found = await _newest(api, token, proposal)
        if found is None or not found.is_open:
            raise GitHubUnavailable("GitHub says that there is a pull request and does not show it yet; try again")
        return await _updated(api, token, proposal, found)
    if _says(response, _NOTHING_SAID):
        nothing = f"{proposal.base} has all of {proposal.head} already, so there is nothing to open"
        return PullRequest("", 0, remark=nothing)
    _check_refusal(response, proposal)
    return replace(_found(wire.object_of(response, "the pull request")).pull, remark=remark)


def _check_refusal(response: httpx2.Response, proposal: Proposal) -> None:
    """Raises Invalid and Denied, in words with a way forward."""
    said = wire.refusal(response)
    if response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT:
        if _invalid_field(response, "base"):
            raise Invalid(f"the base branch {proposal.base} is gone at GitHub; bring it back, or name another default")
        if _invalid_field(response, "head"):
            raise Invalid(f"the branch {proposal.head} is gone at GitHub; send the task on, and it is pushed again")
        raise Invalid(f"GitHub refuses the pull request: {said}")
    if response.status_code in (httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
        if "archived" in said.lower():
            raise Denied(f"{proposal.repository} is archived at GitHub; unarchive it there", reason="NO_PUSH_RIGHT")
        raise Denied(
            f"no pull request may be opened in {proposal.repository} ({said}): whoever opens it, Errand's app or your "
            "token, needs Pull requests: write there",
            reason="NO_PUSH_RIGHT",
        )


def _invalid_field(response: httpx2.Response, name: str) -> bool:
    errors = wire.object_in(response).get("errors")
    return isinstance(errors, list) and any(isinstance(each, dict) and each.get("field") == name for each in errors)


async def _updated(api: Wire, token: str, proposal: Proposal, found: _Found) -> PullRequest:
    """With what is Errand's of its words brought up to date. That GitHub does not let them be changed is no more than a
    remark: the commits are in it."""
    texts = description.updated(found.texts, proposal.wanted)
    kept = description.kept_words(found.texts, proposal.wanted)
    if texts == found.texts:
        return replace(found.pull, remark=kept)
    path = f"/repos/{proposal.repository}/pulls/{found.pull.number}"
    fields: Json = {"title": texts.title, "body": texts.body}
    response = await api.call("PATCH", path, token, json=fields)
    if response.is_success:
        return replace(found.pull, remark=kept)
    return replace(found.pull, remark=f"GitHub does not let its words be changed: {wire.refusal(response)}")


async def _post(api: Wire, token: str, proposal: Proposal, texts: Texts, *, draft: bool) -> httpx2.Response:
    fields: Json = {"title": texts.title, "body": texts.body, "head": proposal.head, "base": proposal.base}
    if draft:
        fields["draft"] = True
    return await api.call("POST", f"/repos/{proposal.repository}/pulls", token, json=fields)


async def _newest(api: Wire, token: str, proposal: Proposal) -> _Found | None:
    """Of the branch, wherever it goes: somebody may have pointed it at another base."""
    path = f"/repos/{proposal.repository}/pulls"
    response = await api.call("GET", path, token, params=_of_branch(proposal, proposal.repository))
    if wire.has_moved(response, path):
        # It was asked for a branch of who owned it before.
        now = await api.call("GET", f"/repos/{proposal.repository}", token)
        name = wire.field(wire.object_of(now, f"the repository {proposal.repository}"), "full_name", str)
        response = await api.call("GET", f"/repos/{name}/pulls", token, params=_of_branch(proposal, name))
    # They come newest first, and no more than one of a branch and base is open.
    found = [_found(each) for each in wire.list_of(response, "the list of pull requests")]
    return next((each for each in found if each.is_open), found[0] if found else None)


def _of_branch(proposal: Proposal, repository: str) -> dict[str, str]:
    return {"state": "all", "head": f"{repository.partition('/')[0]}:{proposal.head}"}


def _says(response: httpx2.Response, words: str) -> bool:
    refused = response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    return refused and words in wire.refusal(response).lower()


def _found(body: Json) -> _Found:
    pull = PullRequest(
        url=wire.field(body, "html_url", str),
        number=wire.field(body, "number", int),
        draft=body.get("draft") is True,
    )
    state = "merged" if body.get("merged_at") else wire.field(body, "state", str)
    head = cast(Json, body.get("head") or {})
    texts = Texts(str(body.get("title") or ""), str(body.get("body") or ""))
    return _Found(pull, state, str(head.get("sha") or ""), texts)
