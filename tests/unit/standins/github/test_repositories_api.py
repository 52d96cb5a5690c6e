"""REST: the person, their repositories, their branches."""

import httpx2
import pytest

from tests.standins.github import GitHubStandin
from tests.standins.github.git import GitError
from tests.unit.standins.github.conftest import Checkout, rest_client


async def test_a_repository_says_what_the_caller_may_do(github: GitHubStandin, rest: httpx2.AsyncClient) -> None:
    github.grant("reader", "octo/demo", "read")

    mine = (await rest.get("/repos/octo/demo")).json()
    async with rest_client(github, github.issue_token("reader")) as reader:
        theirs = (await reader.get("/repos/octo/demo")).json()

    assert (mine["full_name"], mine["private"], mine["default_branch"]) == ("octo/demo", True, "main")
    assert mine["html_url"] == f"{github.url}/octo/demo"
    assert mine["clone_url"] == f"{github.url}/octo/demo.git"
    assert (mine["permissions"]["pull"], mine["permissions"]["push"], mine["permissions"]["admin"]) == (
        True,
        True,
        False,
    )
    assert (theirs["permissions"]["pull"], theirs["permissions"]["push"]) == (True, False)


async def test_the_size_is_in_kib(github: GitHubStandin, rest: httpx2.AsyncClient) -> None:
    await github.add_repository("octo/large", {"noise": bytes(range(256)) * 16 + b"".join(map(_noise, range(4000)))})
    github.grant("octo", "octo/large", "read")

    assert 60 <= (await rest.get("/repos/octo/large")).json()["size"] <= 400


def _noise(number: int) -> bytes:
    return (number * 2654435761 % 2**128).to_bytes(16) + str(hash((number, "x"))).encode()


async def test_what_may_not_be_read_is_not_found(github: GitHubStandin) -> None:
    github.add_user("stranger")
    async with (
        rest_client(github, github.issue_token("stranger")) as stranger,
        rest_client(github, None) as nobody,
        rest_client(github, github.issue_token("octo", scopes=[])) as narrow,
    ):
        answers = [await caller.get("/repos/octo/demo") for caller in (stranger, nobody, narrow)]
        answers.append(await stranger.get("/repos/octo/absent"))
        answers.append(await stranger.get("/absent"))

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["message"] for answer in answers} == {"Not Found"}
    assert answers[0].json()["documentation_url"].startswith("https://docs.github.com/rest/repos")


async def test_anyone_reads_a_public_repository(github: GitHubStandin) -> None:
    await github.add_repository("octo/open", {"a": b"a"}, private=False)
    async with rest_client(github, None) as nobody:
        answer = await nobody.get("/repos/octo/open")

    assert answer.json()["permissions"]["pull"]
    assert not answer.json()["permissions"]["push"]


async def test_the_list_holds_what_was_granted_page_by_page(github: GitHubStandin, rest: httpx2.AsyncClient) -> None:
    await github.add_repository("other/secret", {"a": b"a"})
    for name in ("other/b", "other/c", "octo/a", "octo/zz"):
        await github.add_repository(name, {"a": b"a"})
        github.grant("octo", name, "read")

    found: list[str] = []
    url = "/user/repos?per_page=2"
    while url:
        answer = await rest.get(url)
        found += [repository["full_name"] for repository in answer.json()]
        assert len(answer.json()) <= 2
        url = answer.links.get("next", {}).get("url", "")

    assert found == ["octo/a", "octo/demo", "octo/zz", "other/b", "other/c"]
    assert set(answer.links) == {"prev", "first"}
    assert answer.links["first"]["url"].endswith("/user/repos?per_page=2&page=1")


async def test_one_page_has_no_links(rest: httpx2.AsyncClient) -> None:
    assert "Link" not in (await rest.get("/user/repos")).headers


async def test_a_branch_is_found_by_its_name_slashes_included(rest: httpx2.AsyncClient, checkout: Checkout) -> None:
    commit = await checkout.commit("two.txt", b"two\n", branch="errand/tsk_1")
    await checkout.run("push", "--quiet", "origin", "errand/tsk_1")

    raw, encoded = [await rest.get(f"/repos/octo/demo/branches/{name}") for name in ("errand/tsk_1", "errand%2Ftsk_1")]
    assert raw.json() == encoded.json()
    assert (raw.json()["name"], raw.json()["commit"]["sha"]) == ("errand/tsk_1", commit)


async def test_an_absent_branch_is_named_so(rest: httpx2.AsyncClient) -> None:
    answer = await rest.get("/repos/octo/demo/branches/absent")

    assert (answer.status_code, answer.json()["message"]) == (404, "Branch not found")


async def test_the_list_is_sorted_by_the_last_push_where_asked(
    github: GitHubStandin, rest: httpx2.AsyncClient, checkout: Checkout
) -> None:
    for name in ("octo/a", "octo/zz"):
        await github.add_repository(name, {"a": b"a"})
        github.grant("octo", name, "read")
    await checkout.commit("two.txt", b"two\n", branch="errand/tsk_1")
    await checkout.run("push", "--quiet", "origin", "errand/tsk_1")

    async def names(query: str) -> list[str]:
        return [each["full_name"] for each in (await rest.get(f"/user/repos?{query}")).json()]

    assert await names("sort=pushed") == ["octo/demo", "octo/zz", "octo/a"]
    assert await names("sort=pushed&direction=asc") == ["octo/a", "octo/zz", "octo/demo"]
    assert await names("direction=desc") == ["octo/zz", "octo/demo", "octo/a"]


async def test_an_archived_repository_says_so_and_takes_no_push(
    github: GitHubStandin, rest: httpx2.AsyncClient, checkout: Checkout
) -> None:
    github.archive("octo/demo")
    await checkout.commit("two.txt", b"two\n", branch="errand/tsk_1")

    with pytest.raises(GitError, match="archived so it is read-only"):
        await checkout.run("push", "--quiet", "origin", "errand/tsk_1")
    assert (await rest.get("/repos/octo/demo")).json()["archived"]


async def test_a_renamed_repository_is_found_by_its_number_from_its_old_name(
    github: GitHubStandin, rest: httpx2.AsyncClient
) -> None:
    github.rename_repository("octo/demo", "hubot/tool")

    asked = await rest.get("/repos/octo/demo/commits?per_page=1")
    posted = await rest.post("/repos/octo/demo/pulls", json={})
    there = await rest.get(asked.headers["Location"])

    assert (asked.status_code, posted.status_code, there.status_code) == (301, 307, 200)
    assert asked.headers["Location"].startswith(f"{github.api_url}/repositories/")
    assert asked.headers["Location"].endswith("/commits?per_page=1")
    assert (await rest.get("/repos/hubot/tool")).json()["permissions"]["push"]


async def test_an_old_name_that_is_taken_again_leads_nowhere_else(
    github: GitHubStandin, rest: httpx2.AsyncClient
) -> None:
    github.rename_repository("octo/demo", "octo/tool")
    await github.add_repository("octo/demo", {"a": b"b"})
    github.grant("octo", "octo/demo", "push")

    assert (await rest.get("/repos/octo/demo")).json()["full_name"] == "octo/demo"


async def test_one_that_is_blocked_says_so(github: GitHubStandin, rest: httpx2.AsyncClient) -> None:
    github.block("octo/demo")

    answer = await rest.get("/repos/octo/demo")

    assert (answer.status_code, answer.json()["message"]) == (451, "Repository access blocked")
