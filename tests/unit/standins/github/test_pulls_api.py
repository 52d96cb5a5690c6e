"""REST: the life of a pull request."""

import httpx2
import pytest

from tests.standins.github import GitHubStandin
from tests.unit.standins.github.conftest import Checkout, rest_client

PULLS = "/repos/octo/demo/pulls"
NEW = {"title": "Add two", "head": "topic", "base": "main", "body": "Because."}


@pytest.fixture
async def topic(checkout: Checkout) -> str:
    """A pushed branch, one commit ahead; its commit."""
    commit = await checkout.commit("two.txt", b"two\nand more\n", branch="topic")
    await checkout.run("push", "--quiet", "origin", "topic")
    return commit


async def test_a_pull_request_is_opened(github: GitHubStandin, rest: httpx2.AsyncClient, topic: str) -> None:
    answer = await rest.post(PULLS, json=NEW)

    pull = answer.json()
    assert answer.status_code == 201
    assert (pull["number"], pull["state"], pull["title"], pull["body"]) == (1, "open", "Add two", "Because.")
    assert (pull["head"]["ref"], pull["head"]["sha"], pull["head"]["label"]) == ("topic", topic, "octo:topic")
    assert (pull["base"]["ref"], pull["user"]["login"]) == ("main", "octo")
    assert pull["html_url"] == f"{github.url}/octo/demo/pull/1"
    assert (pull["commits"], pull["additions"], pull["deletions"], pull["changed_files"]) == (1, 2, 0, 1)
    assert (await rest.get(answer.headers["Location"])).json() == pull
    assert [each.title for each in github.pull_requests("octo/demo")] == ["Add two"]


async def test_a_second_one_from_the_same_branch_is_refused(rest: httpx2.AsyncClient, topic: str) -> None:
    await rest.post(PULLS, json=NEW)
    answer = await rest.post(PULLS, json=NEW | {"head": "octo:topic"})

    assert answer.status_code == 422
    assert answer.json()["message"] == "Validation Failed"
    assert answer.json()["errors"] == [
        {
            "resource": "PullRequest",
            "code": "custom",
            "message": "A pull request already exists for octo:topic.",
        }
    ]
    assert len((await rest.get(PULLS)).json()) == 1


async def test_a_closed_one_makes_room_and_cannot_come_back_beside_its_successor(
    rest: httpx2.AsyncClient, topic: str
) -> None:
    await rest.post(PULLS, json=NEW)
    closed = (await rest.patch(f"{PULLS}/1", json={"state": "closed"})).json()
    assert closed["state"] == "closed"
    assert closed["closed_at"]

    assert (await rest.post(PULLS, json=NEW)).json()["number"] == 2
    assert (await rest.patch(f"{PULLS}/1", json={"state": "open"})).status_code == 422


async def test_title_and_body_can_be_changed_and_what_is_not_sent_stays(rest: httpx2.AsyncClient, topic: str) -> None:
    await rest.post(PULLS, json=NEW)
    await rest.patch(f"{PULLS}/1", json={"title": "Better"})
    await rest.patch(f"{PULLS}/1", json={"body": None})

    pull = (await rest.get(f"{PULLS}/1")).json()
    assert (pull["title"], pull["body"], pull["state"], pull["base"]["ref"]) == ("Better", None, "open", "main")


async def test_an_open_one_follows_its_branch_and_a_closed_one_does_not(
    rest: httpx2.AsyncClient, checkout: Checkout, topic: str
) -> None:
    await rest.post(PULLS, json=NEW)
    newer = await checkout.commit("three.txt", b"three\n", branch="topic")
    await checkout.run("push", "--quiet", "origin", "topic")
    followed = (await rest.get(f"{PULLS}/1")).json()
    assert (followed["head"]["sha"], followed["commits"]) == (newer, 2)

    await rest.patch(f"{PULLS}/1", json={"state": "closed"})
    await checkout.commit("four.txt", b"four\n", branch="topic")
    await checkout.run("push", "--quiet", "origin", "topic")
    assert (await rest.get(f"{PULLS}/1")).json()["head"]["sha"] == newer


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"head": "absent"}, {"field": "head", "code": "invalid"}),
        ({"head": "stranger:topic"}, {"field": "head", "code": "invalid"}),
        ({"base": "absent"}, {"field": "base", "code": "invalid"}),
        ({"title": ""}, {"field": "title", "code": "missing_field"}),
        ({"body": 7}, {"field": "body", "code": "invalid"}),
        ({"head": "main"}, {"code": "custom", "message": "No commits between main and main"}),
        (
            {"head": "unrelated"},
            {"code": "custom", "message": "The unrelated branch has no history in common with main"},
        ),
    ],
)
async def test_what_cannot_be_pulled_is_refused_with_its_reason(
    rest: httpx2.AsyncClient, checkout: Checkout, topic: str, change: dict[str, object], error: dict[str, str]
) -> None:
    await checkout.run("checkout", "--quiet", "--orphan", "unrelated")
    await checkout.commit("alone.txt", b"alone\n", branch="unrelated")
    await checkout.run("push", "--quiet", "origin", "unrelated")

    answer = await rest.post(PULLS, json=NEW | change)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"resource": "PullRequest"} | error]
    assert (await rest.get(PULLS)).json() == []


async def test_a_field_that_was_not_sent_is_named(rest: httpx2.AsyncClient, topic: str) -> None:
    answer = await rest.post(PULLS, json={"title": "t", "head": "topic"})

    assert (answer.status_code, answer.json()["message"]) == (422, 'Invalid request.\n\n"base" wasn\'t supplied.')


async def test_a_body_that_is_not_json_is_refused(rest: httpx2.AsyncClient) -> None:
    answer = await rest.post(PULLS, content=b"{")

    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


async def test_a_reader_opens_and_edits_nothing(github: GitHubStandin, rest: httpx2.AsyncClient, topic: str) -> None:
    github.grant("reader", "octo/demo", "read")
    async with rest_client(github, github.issue_token("reader")) as reader:
        opened = await reader.post(PULLS, json=NEW)
        await rest.post(PULLS, json=NEW)
        edited = await reader.patch(f"{PULLS}/1", json={"title": "Mine"})

    assert (opened.status_code, opened.json()["errors"][0]["message"]) == (422, "must be a collaborator")
    assert edited.status_code == 403
    assert (await rest.get(f"{PULLS}/1")).json()["title"] == "Add two"


async def test_it_can_be_aimed_at_another_branch_that_is_there(
    rest: httpx2.AsyncClient, checkout: Checkout, topic: str
) -> None:
    await checkout.run("push", "--quiet", "origin", "main:release")
    await rest.post(PULLS, json=NEW)
    aimed = await rest.patch(f"{PULLS}/1", json={"base": "release"})
    missed = await rest.patch(f"{PULLS}/1", json={"base": "absent"})

    assert aimed.json()["base"]["ref"] == "release"
    assert (missed.status_code, missed.json()["errors"][0]["field"]) == (422, "base")
    assert (await rest.get(f"{PULLS}/1")).json()["base"]["ref"] == "release"


async def test_the_list_can_be_narrowed(rest: httpx2.AsyncClient, checkout: Checkout, topic: str) -> None:
    await checkout.commit("three.txt", b"three\n", branch="other")
    await checkout.run("push", "--quiet", "origin", "other")
    for head in ("topic", "other"):
        await rest.post(PULLS, json=NEW | {"head": head})
    await rest.patch(f"{PULLS}/1", json={"state": "closed"})

    async def numbers(**query: str) -> list[int]:
        return [pull["number"] for pull in (await rest.get(PULLS, params=query)).json()]

    assert await numbers() == [2]
    assert await numbers(state="all") == [2, 1]
    assert await numbers(state="closed") == [1]
    assert await numbers(state="all", head="octo:topic") == [1]
    assert await numbers(state="all", head="octo:absent") == []
    assert await numbers(state="all", base="other") == []
    assert await numbers(state="all", per_page="1", page="2") == [1]


async def test_an_absent_number_is_not_found(rest: httpx2.AsyncClient) -> None:
    assert (await rest.get(f"{PULLS}/1")).status_code == 404
    assert (await rest.patch(f"{PULLS}/1", json={"title": "x"})).status_code == 404


async def test_where_there_are_no_drafts_one_is_refused_and_nothing_is_opened(
    github: GitHubStandin, rest: httpx2.AsyncClient, topic: str
) -> None:
    github.forbid_drafts("octo/demo")
    answer = await rest.post(PULLS, json=NEW | {"draft": True})

    assert answer.status_code == 422
    assert answer.json()["message"] == "Draft pull requests are not supported in this repository."
    assert (await rest.get(PULLS)).json() == []
