"""A project and all that is set for it, over REST."""

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2 as nouns
from errand_common.wire import duration
from tests.unit.gateway.gateway_under_test import Running
from tests.unit.gateway.scheduler_double import NOON, SchedulerDouble


async def test_a_project_is_created_and_listed(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        created = await client.post("/v1/projects", json={"repository": "ada/engine"})
        listed = await client.get("/v1/projects", params={"page_size": 7, "page_token": "next"})

    project = {
        "project_id": "prj_1",
        "repo_url": "https://github.com/ada/engine.git",
        "repository": "ada/engine",
        "default_branch": "main",
        "created_time": NOON,
        "image": "",
        "setup_script": "",
        "git_host": "",
        "read_repositories": [],
        "draft_pull_requests": False,
    }
    assert (created.status_code, created.json()) == (201, {"project": project})
    assert listed.json() == {"projects": [project], "next_page_token": "older"}
    assert scheduler.page_asked("ListProjects") == (7, "next")


async def test_a_project_of_another_git_host_is_asked_for_by_its_address(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        await client.post("/v1/projects", json={"repo_url": "https://git.example.org/team/tool.git"})

    asked = [call.request for call in scheduler.asked("CreateProject")]
    assert asked == [accounts.CreateProjectRequest(repo_url="https://git.example.org/team/tool.git")]


async def test_what_is_used_at_another_git_host_is_kept_and_never_shown(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    kept = {"host": "git.example.org", "username": "ada", "created_time": NOON}
    async with gateway.client(scheduler.new_session()) as client:
        brought = {"username": "ada", "password": "s3cret"}
        put = await client.put("/v1/git-credentials/git.example.org", json=brought, headers={"Idempotency-Key": "k"})
        listed = await client.get("/v1/git-credentials")
        removed = await client.delete("/v1/git-credentials/other%3A3000")

    assert put.json() == {"credential": kept}
    assert listed.json() == {"credentials": [kept], "hosts": ["git.example.org", "other:3000"]}
    assert (removed.status_code, removed.json()) == (200, {})
    assert [call.request for call in scheduler.asked("PutGitCredential")] == [
        accounts.PutGitCredentialRequest(request_id="k", host="git.example.org", username="ada", password="s3cret")
    ]
    assert [call.request for call in scheduler.asked("RemoveGitCredential")] == [
        accounts.RemoveGitCredentialRequest(host="other:3000")
    ]


async def test_the_settings_of_a_project_are_changed_one_by_one(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        image = await client.patch("/v1/projects/prj_1", json={"image": "node:22"}, headers={"Idempotency-Key": "k"})
        script = await client.patch("/v1/projects/prj_1", json={"setup_script": "make\n", "image": None})
        none = await client.patch("/v1/projects/prj_1", json={"setup_script": ""})
        read = await client.patch("/v1/projects/prj_1", json={"read_repositories": ["ada/notes"]})
        await client.patch("/v1/projects/prj_1", json={"read_repositories": []})

    assert (image.status_code, image.json()["project"]["image"]) == (200, "node:22")
    assert script.json()["project"]["setup_script"] == "make\n"
    assert none.status_code == 200
    assert read.json()["project"]["read_repositories"] == ["ada/notes"]
    asked = [call.request for call in scheduler.asked("UpdateProject")]
    assert asked == [
        accounts.UpdateProjectRequest(project_id="prj_1", request_id="k", image="node:22"),
        accounts.UpdateProjectRequest(project_id="prj_1", setup_script="make\n"),
        accounts.UpdateProjectRequest(project_id="prj_1", setup_script=""),
        accounts.UpdateProjectRequest(
            project_id="prj_1", read_repositories=accounts.RepositoryNames(repositories=["ada/notes"])
        ),
        accounts.UpdateProjectRequest(project_id="prj_1", read_repositories=accounts.RepositoryNames()),
    ], "what is left out is not named, and empty is named"


async def test_a_secret_is_set_listed_and_removed_and_never_given_back(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    body = {"value": "the-value", "agent_may_read": True}
    async with gateway.client(scheduler.new_session()) as client:
        put = await client.put("/v1/projects/prj_1/secrets/KEY", json=body, headers={"Idempotency-Key": "k"})
        plain = await client.put("/v1/projects/prj_1/secrets/PLAIN", json={"value": "the-value"})
        listed = await client.get("/v1/projects/prj_1/secrets")
        gone = await client.delete("/v1/projects/prj_1/secrets/KEY", headers={"Idempotency-Key": "g"})
        wrong = await client.put("/v1/projects/prj_1/secrets/KEY", json={"value": ["the-value"]})

    key = {"name": "KEY", "agent_may_read": True, "set_time": NOON}
    assert (put.status_code, put.json()) == (200, {"secret": key})
    assert listed.json() == {"secrets": [key, {"name": "PLAIN", "agent_may_read": False, "set_time": NOON}]}
    assert (gone.status_code, gone.content) == (204, b"")
    assert wrong.status_code == 400
    assert not [answer for answer in (put, plain, listed, wrong) if "the-value" in answer.text]
    (sent, _), (removed,) = (
        [call.request for call in scheduler.asked(f"{do}ProjectSecret")] for do in ("Set", "Remove")
    )
    assert sent == accounts.SetProjectSecretRequest(
        project_id="prj_1", request_id="k", name="KEY", value="the-value", agent_may_read=True
    )
    assert removed == accounts.RemoveProjectSecretRequest(project_id="prj_1", request_id="g", name="KEY")


async def test_a_model_is_chosen_in_the_words_of_its_api(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        choice = {"model": "claude-opus-5-5", "effort": "xhigh", "thinking_display": "omitted", "fallback_model": "x"}
        changed = await client.patch("/v1/projects/prj_1", json={"model_choice": choice})
        odd = await client.patch("/v1/projects/prj_1", json={"model_choice": {"effort": "heroic"}})

    assert changed.json()["project"]["model_choice"] == choice
    assert odd.status_code == 400
    assert odd.json()["detail"].startswith('effort "heroic" is unknown; use one of low, medium, high, xhigh, max')
    asked = nouns.ModelChoice(
        model="claude-opus-5-5",
        effort=nouns.EFFORT_XHIGH,
        thinking_display=nouns.THINKING_DISPLAY_OMITTED,
        fallback_model="x",
    )
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", model_choice=asked)
    ]


async def test_a_check_is_declared_with_its_limit_in_seconds(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        check = {"script": "make test", "limit_duration": 90.0}
        changed = await client.patch("/v1/projects/prj_1", json={"check": check})
        odd = await client.patch("/v1/projects/prj_1", json={"check": {"limit_duration": 1e300}})

    assert changed.json()["project"]["check"] == check
    assert (odd.status_code, odd.json()["reason"]) == (400, "INVALID")
    asked = nouns.Check(script="make test", limit_duration=duration(90.0))
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", check=asked)
    ]


async def test_drafts_are_wanted_or_not_and_what_is_not_said_stays(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        before = await client.patch("/v1/projects/prj_1", json={"image": "node:22"})
        wanted = await client.patch("/v1/projects/prj_1", json={"draft_pull_requests": True})
        given_up = await client.patch("/v1/projects/prj_1", json={"draft_pull_requests": False})

    told = [each.json()["project"]["draft_pull_requests"] for each in (before, wanted, given_up)]
    assert told == [False, True, False]
    asked = [call.request for call in scheduler.asked("UpdateProject")]
    assert [each.HasField("draft_pull_requests") for each in asked] == [False, True, True]


async def test_what_a_project_reaches_is_replaced_and_a_host_is_allowed(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        egress = {"mode": "allow_list", "presets": ["python"], "hosts": ["api.example.com"]}
        changed = await client.patch("/v1/projects/prj_1", json={"egress": egress})
        odd = await client.patch("/v1/projects/prj_1", json={"egress": {"mode": "everything"}})
        allowed = await client.post(
            "/v1/projects/prj_1/hosts", json={"host": "cdn.example.com"}, headers={"Idempotency-Key": "k"}
        )
        presets = await client.get("/v1/egress-presets")

    assert changed.json()["project"]["egress"] == egress | {"allowed_hosts": []}
    assert (odd.status_code, allowed.status_code) == (200, 200)
    whole = nouns.Egress(mode=nouns.EGRESS_MODE_ALLOW_LIST, presets=["python"], hosts=["api.example.com"])
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", egress=whole),
        accounts.UpdateProjectRequest(project_id="prj_1", egress=nouns.Egress()),
    ], "it is the scheduler that refuses a mode that there is not"
    (asked,) = scheduler.asked("AllowHost")
    assert asked.request == accounts.AllowHostRequest(project_id="prj_1", host="cdn.example.com", request_id="k")
    assert presets.json() == {"presets": [{"name": "python", "title": "Python", "hosts": ["registry.example"]}]}
