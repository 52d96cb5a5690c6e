"""A list is read to its last page, each asked for with the token of the one before."""

from typing import Any

from errand.v1 import access_service_pb2 as pb
from errand_cli.connection import Connection
from errand_cli.profile import Profile

ANSWERS = {"": (["a", "b"], "2"), "2": (["c"], "3"), "3": ([], "")}


async def test_all_pages_are_read_once_in_order() -> None:
    nothing: Any = None
    profile = Profile(scheduler="127.0.0.1:1", ca="", token="")
    connection = Connection(profile, nothing, tasks=nothing, accounts=nothing, fleet=nothing, access=nothing)

    async def answer(request: pb.ListTokensRequest, **_: object) -> pb.ListTokensResponse:
        assert request.page_size == 2
        names, following = ANSWERS[request.page_token]
        return pb.ListTokensResponse(tokens=[pb.Token(name=name) for name in names], next_page_token=following)

    method: Any = answer
    pages = connection.pages(method, pb.ListTokensRequest(page_size=2))

    assert [token.name async for page in pages for token in page.tokens] == ["a", "b", "c"]
