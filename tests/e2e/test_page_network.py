"""What a project reaches, and what was blocked, on a narrow phone."""

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Conflict
from errand_common.wire import duration
from tests.e2e.test_page_project import save, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALLOW_LIST = task_pb2.EGRESS_MODE_ALLOW_LIST


def use(host: str, outcome: "pb.EgressOutcome.ValueType", **more: object) -> pb.EgressUsed:
    return pb.EgressUsed(uses=[pb.EgressUse(host=host, outcome=outcome, connections=1, **more)])  # type: ignore[arg-type]


async def test_what_a_project_reaches_is_chosen_and_sent_whole(scripted, inside):
    scripted.scheduler.project_settings["egress"] = task_pb2.Egress(mode=ALLOW_LIST, hosts=["a.example.com"])
    page = await settings(inside)
    await expect(page.get_by_label("Network")).to_have_value("allow_list")
    await expect(page.get_by_label("Hosts")).to_have_value("a.example.com")
    await page.get_by_text("Lists that come with Errand: 0 chosen").click()
    await page.get_by_label("Python").check()
    await page.get_by_label("Hosts").fill("a.example.com, *.example.org\n")
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    await expect(save(page)).to_be_disabled()
    await page.get_by_label("Network").select_option("open")
    await expect(page.get_by_label("Hosts")).to_be_hidden()
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    first, second = [call.request for call in scripted.scheduler.asked("UpdateProject")]
    chosen = task_pb2.Egress(mode=ALLOW_LIST, presets=["python"], hosts=["a.example.com", "*.example.org"])
    assert first.egress == chosen
    assert (first.HasField("image"), second.egress.mode) == (False, task_pb2.EGRESS_MODE_OPEN)
    await inside.fits()


async def test_a_blocked_host_is_shown_once_and_allowed_by_a_tap(page, inside, scripted):
    scripted.happen(egress_used=use("api.example.com", pb.EGRESS_OUTCOME_BLOCKED))
    scripted.happen(egress_used=use("api.example.com", pb.EGRESS_OUTCOME_BLOCKED))
    scripted.happen(egress_used=use("db.example.com", pb.EGRESS_OUTCOME_REFUSED, reason="only port 443 is reached"))
    blocked = page.get_by_role("article", name="Blocked host")
    await expect(blocked).to_have_count(1)
    await expect(page.get_by_text("Not reached: only port 443 is reached")).to_be_visible()
    scripted.scheduler.refusals["AllowHost"] = Conflict("the network is switched off for this project")
    await blocked.get_by_role("button", name="Allow api.example.com").click()
    await expect(blocked.get_by_role("alert")).to_contain_text("switched off")
    del scripted.scheduler.refusals["AllowHost"]
    scripted.scheduler.project_settings["egress"] = task_pb2.Egress(
        mode=ALLOW_LIST, hosts=["*.example.com"], allowed_hosts=["*.example.com"]
    )
    await blocked.get_by_role("button", name="Allow api.example.com").click()
    await expect(blocked).to_contain_text("which the project allows now")
    await expect(blocked.get_by_role("button")).to_be_hidden()
    assert scripted.scheduler.asked("AllowHost")[-1].request.host == "api.example.com"
    await inside.fits()


async def test_the_end_of_a_task_is_a_card_and_its_facts_say_what_was_reached(page, inside, scripted):
    scripted.happen(egress_used=use("files.example.com", pb.EGRESS_OUTCOME_CLOSED, received_bytes=3 << 20))
    scripted.happen(egress_used=use("api.example.com", pb.EGRESS_OUTCOME_BLOCKED))
    check = task_pb2.CheckResult(
        outcome=task_pb2.CHECK_OUTCOME_FAILED, exit_code=3, reason="exit code 3", tail="no such module", commit="c" * 40
    )
    card = task_pb2.FinishCard(
        result="I mended it.",
        branch="errand/tsk_1",
        commit="c" * 40,
        diff_stat=task_pb2.DiffStat(files=2, insertions=1, deletions=3),
        pull_request_url="https://github.com/ada/engine/pull/7",
        check=check,
        usage=task_pb2.Usage(input_tokens=1000, output_tokens=20),
        wall_duration=duration(90.0),
        work_duration=duration(60.0),
        blocked_hosts=["api.example.com"],
    )
    scripted.happen(work_finished=pb.WorkFinished(card=card))
    scripted.stand(task_pb2.TASK_STATUS_COMPLETED)
    ending = page.locator(".entry.ending")
    await expect(ending).to_have_count(1)
    for words in (
        "Completed, but the check failed",
        "I mended it.",
        "failed: exit code 3",
        "no such module",
        "2 files +1 −3",
        "#7",
        "unknown",
        "1,000 in, 20 out",
        "1 min 30 s, at work 1 min 0 s",
    ):
        await expect(ending).to_contain_text(words)
    await expect(ending).to_contain_text("Blocked: api.example.com")
    await expect(ending.get_by_role("button", name="Allow api.example.com")).to_be_visible()
    await page.get_by_text("Details").click()
    await expect(page.locator(".facts")).to_contain_text("1 connection, 3")
    await inside.fits()
