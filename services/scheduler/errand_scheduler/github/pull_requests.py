"""Pull requests as GitHub opens them, or has them already."""

from dataclasses import dataclass

import httpx2

from errand_common.errors import Denied, Invalid
from errand_scheduler.github import wire
from errand_scheduler.github.wire import Json, Wire

NO_DRAFTS = "GitHub has no drafts for this repository, so it is an ordinary pull request"
_NO_DRAFTS_SAID = "draft pull requests are not supported"


@dataclass(frozen=True)
class PullRequest:
    """A pull request; `remark` says in words what is not as it was asked for."""

    url: str
    number: int
    draft: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Proposal:
    """A pull request to be opened: from branch `head` to branch `base` of one repository."""

    repository: str
    head: str
    base: str
    title: str
    body: str
    draft: bool = False


async def open_pull_request(api: Wire, token: str, proposal: Proposal) -> PullRequest:
    """Open the pull request, or find the one that is open for its branch.

    Raises Denied where the user may not, Invalid where GitHub refuses it as it is, and as Wire.call.
    """
    remark = ""
    response = await _post(api, token, proposal, draft=proposal.draft)
    if proposal.draft and _has_no_drafts(response):
        # Which repositories have them depends on who pays for them, and GitHub tells it in no other way.
        response, remark = await _post(api, token, proposal, draft=False), NO_DRAFTS
    if response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT:
        found = await _find(api, token, proposal)
        if found is None:
            raise Invalid(f"GitHub refuses the pull request: {wire.refusal(response)}")
        return found
    if response.status_code in (httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
        raise Denied(
            f"you may not open a pull request in {proposal.repository}: {wire.refusal(response)}",
            reason="NO_PUSH_RIGHT",
        )
    return _pull_request(wire.object_of(response, "the pull request"), remark)


async def _post(api: Wire, token: str, proposal: Proposal, *, draft: bool) -> httpx2.Response:
    fields: Json = {"title": proposal.title, "body": proposal.body, "head": proposal.head, "base": proposal.base}
    if draft:
        fields["draft"] = True
    return await api.call("POST", f"/repos/{proposal.repository}/pulls", token, json=fields)


async def _find(api: Wire, token: str, proposal: Proposal) -> PullRequest | None:
    owner = proposal.repository.partition("/")[0]
    params = {"state": "open", "head": f"{owner}:{proposal.head}", "base": proposal.base}
    response = await api.call("GET", f"/repos/{proposal.repository}/pulls", token, params=params)
    if response.status_code != httpx2.codes.OK:
        return None
    found = wire.list_of(response, "the list of pull requests")
    return _pull_request(found[0]) if found else None


def _has_no_drafts(response: httpx2.Response) -> bool:
    refused = response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    return refused and _NO_DRAFTS_SAID in wire.refusal(response).lower()


def _pull_request(body: Json, remark: str = "") -> PullRequest:
    return PullRequest(
        url=wire.field(body, "html_url", str),
        number=wire.field(body, "number", int),
        draft=body.get("draft") is True,
        remark=remark,
    )
