"""What a task may spend, on a narrow phone: seen as it goes, raised by a tap where it waits, set in advance."""

import asyncio

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Unavailable
from errand_common.wire import duration, timestamp
from errand_runner.agent.allowance import Amounts, Prospect, Short, decide
from errand_runner.agent.prices import Price
from tests.e2e.scripted import TASK

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOLLAR = 1_000_000_000
PRICE = Price(input=5, output=25, cache_write_5m=6, cache_write_1h=10, cache_read=1)
USED = task_pb2.Usage(input_tokens=900, cache_read_tokens=100, output_tokens=20, cost_nanodollars=1_960_000_000)
TAPPED_ON_NEWS = """async button => {
    button.click();
    while (!document.querySelector(".raise .spent").textContent.includes("of $4")) {
        await new Promise(requestAnimationFrame);
    }
    button.click();
}"""
TAPPED_TWICE = "button => { button.click(); button.click(); }"


def panel(page):
    return page.get_by_role("region", name="Allowance")


def told(page):
    return panel(page).get_by_role("alert")


def raises(scripted):
    return [call.request for call in scripted.scheduler.asked("RaiseAllowance")]


async def at_work(inside, scripted, **limits):
    """The page of a task that may spend so much, once it spent `USED`."""
    scripted.scheduler.tasks[TASK].allowance.CopyFrom(task_pb2.Allowance(**limits))
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    running = pb.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_RUNNING)
    scripted.happen(attempt_phase_changed=running)
    scripted.say("msg_1", "At work.", USED)
    return await scripted.opened(inside)


def wait(scripted, summary="$1.96 of the $2.00 are spent that this task may cost."):
    scripted.wait(reason=task_pb2.WAIT_REASON_ALLOWANCE, summary=summary)


def raise_to(scripted, **limits):
    allowance = task_pb2.Allowance(**limits)
    scripted.happen(allowance_raised=pb.AllowanceRaised(allowance=allowance))


async def test_a_task_that_waits_for_its_allowance_is_raised_by_one_tap(inside, scripted):
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR, requests=50)
    await expect(page.locator(".standing")).to_contain_text("$1.96 of $2")
    await expect(panel(page)).to_be_hidden()
    wait(scripted)
    await expect(page.get_by_role("article", name="Waiting")).to_contain_text("$1.96 of the $2.00 are spent")
    await expect(panel(page)).to_contain_text("Spent: $1.96 of $2 · 1 of 50 requests")
    await inside.fits()

    await panel(page).get_by_role("button", name="+$2").evaluate(TAPPED_TWICE)
    await expect(panel(page).get_by_role("status")).to_have_text("Raised by $2.")
    await expect(panel(page).get_by_role("button", name="+$2")).to_be_disabled()
    (asked,) = raises(scripted)
    assert (asked.task_id, asked.more) == (TASK, task_pb2.Allowance(cost_nanodollars=2 * DOLLAR))
    assert asked.request_id

    raise_to(scripted, cost_nanodollars=4 * DOLLAR, requests=50)
    scripted.happen(wait_ended=pb.WaitEnded())
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    await expect(page.get_by_text("The allowance is raised: $4, 50 requests")).to_be_visible()
    await expect(page.locator(".standing")).to_contain_text("$1.96 of $4")
    await expect(panel(page)).to_be_hidden()


async def test_an_amount_that_is_none_is_refused_and_another_one_raises(inside, scripted):
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR)
    wait(scripted)
    amount = panel(page).get_by_label("Raise by")
    for typed, words in (
        ("", "“” is no amount; type digits, such as 2 or 2.50."),
        ("-3", "“-3” is no amount"),
        ("1,000", "“1,000” is no amount"),
        ("0", "nothing would be added"),
        ("1000001", "$1,000,000 is the most; type less."),
    ):
        await amount.fill(typed)
        await amount.press("Enter")
        await expect(told(page)).to_contain_text(words)
    assert raises(scripted) == []
    await inside.fits()

    await amount.fill("$2,50")
    await panel(page).get_by_role("button", name="Raise").click()
    await expect(panel(page).get_by_role("status")).to_have_text("Raised by $2.50.")
    await expect(told(page)).to_be_hidden()
    assert [asked.more.cost_nanodollars for asked in raises(scripted)] == [2_500_000_000]


async def test_the_second_tap_is_the_first_one_though_the_raise_is_known(inside, scripted):
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR)
    wait(scripted)
    button = panel(page).get_by_role("button", name="+$2")
    async with asyncio.TaskGroup() as group:
        group.create_task(button.evaluate(TAPPED_ON_NEWS))
        await scripted.asked("RaiseAllowance")
        raise_to(scripted, cost_nanodollars=4 * DOLLAR)

    await expect(button).to_be_enabled()
    assert len(raises(scripted)) == 1


async def test_a_raise_that_is_refused_says_why_and_counts_once(inside, scripted):
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR)
    wait(scripted)
    scripted.scheduler.refusals["RaiseAllowance"] = Unavailable("the scheduler restarts; try again")
    await panel(page).get_by_role("button", name="+$2").click()
    await expect(told(page)).to_have_text("the scheduler restarts; try again")

    del scripted.scheduler.refusals["RaiseAllowance"]
    await panel(page).get_by_role("button", name="+$2").click()
    await expect(panel(page).get_by_role("status")).to_have_text("Raised by $2.")
    assert len({asked.request_id for asked in raises(scripted)}) == 1


@pytest.mark.parametrize(
    ("limits", "reached", "spent", "tap", "more"),
    [
        ({"tokens": 1000}, Amounts(DOLLAR), Amounts(DOLLAR), "+$2", {"cost_nanodollars": 2 * DOLLAR}),
        ({"tokens": 1001}, Amounts(tokens=1001), Amounts(tokens=1000), "+501 tokens", {"tokens": 501}),
        ({"requests": 5}, Amounts(requests=5), Amounts(requests=5), "+3 requests", {"requests": 3}),
        (
            {"work_duration": duration(3600.0)},
            Amounts(work_s=3600.0),
            Amounts(work_s=3600.0),
            "+30 minutes",
            {"work_duration": duration(1800.0)},
        ),
    ],
    ids=["money", "tokens", "requests", "time"],
)
async def test_the_limit_that_the_runner_says_is_reached_is_raised(inside, scripted, limits, reached, spent, tap, more):
    prospect = Prospect("claude-opus-5-5", 1000, 1000, PRICE)
    short = decide(reached, spent, prospect)
    assert isinstance(short, Short)
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR, **limits)
    wait(scripted, short.words)

    await panel(page).get_by_role("button", name=tap).click()

    await scripted.asked("RaiseAllowance")
    assert [asked.more for asked in raises(scripted)] == [task_pb2.Allowance(**more)]


async def test_what_is_nearly_spent_is_told_and_may_be_raised_while_it_runs(inside, scripted):
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR)
    scripted.happen(allowance_low=pb.AllowanceLow(summary="Four fifths of $2.00 are spent."))
    await expect(page.locator(".quiet")).to_have_text("Four fifths of $2.00 are spent.")
    await panel(page).get_by_role("button", name="+$2").click()
    await scripted.asked("RaiseAllowance")

    raise_to(scripted, cost_nanodollars=4 * DOLLAR)
    await expect(panel(page)).to_be_hidden()


async def test_a_new_task_is_given_limits_of_its_own(inside, scripted):
    page = inside.page
    await page.get_by_role("link", name="New task").click()
    await page.get_by_role("combobox", name="Repository").fill("ada/other")
    await page.get_by_role("option", name="ada/other as typed").click()
    await page.get_by_label("Prompt").fill("Be quick.")
    await page.get_by_text("Allowance", exact=True).click()
    await page.get_by_label("Dollars").fill("much")
    await page.get_by_label("Minutes at work").fill("30")
    await inside.fits()
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_have_text(
        "Dollars: “much” is no amount; type digits, such as 2 or 2.50."
    )
    assert scripted.scheduler.asked("CreateTask") == []

    await page.get_by_label("Dollars").fill("1.50")
    await page.get_by_role("button", name="Send").click()
    await scripted.asked("CreateTask")
    (sent,) = [call.request for call in scripted.scheduler.asked("CreateTask")]
    assert sent.allowance == task_pb2.Allowance(cost_nanodollars=1_500_000_000, work_duration=duration(1800.0))


async def test_a_project_gives_its_tasks_limits(inside, scripted):
    odd = task_pb2.Allowance(tokens=5, work_duration=duration(90.5))
    scripted.scheduler.project_settings.update(allowance=odd)
    page = inside.page
    await page.evaluate("location.hash = '#/projects/prj_1'")
    await expect(page.get_by_label("Tokens")).to_have_value("5")
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await page.get_by_label("Tokens").fill("")
    await page.get_by_label("Requests to Claude").fill("50")
    await inside.fits()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    (sent,) = [call.request for call in scripted.scheduler.asked("UpdateProject")]
    assert sent.allowance == task_pb2.Allowance(requests=50, work_duration=duration(90.5))


async def test_what_waits_for_the_day_is_not_raised_and_the_menu_says_what_is_left(inside, scripted):
    page = await at_work(inside, scripted, cost_nanodollars=2 * DOLLAR)
    words = "$19.00 of the $20.00 that all your tasks together may cost a day are spent."
    scripted.wait(reason=task_pb2.WAIT_REASON_ALLOWANCE, summary=words, resume_duration=duration(3600.0))
    await expect(page.get_by_role("article", name="Waiting")).to_contain_text(
        f"money of a day: {words} It looks again:"
    )
    await expect(panel(page)).to_be_hidden()

    end = timestamp(1_796_083_200_000_000)
    limits = {"limit_nanodollars": 20 * DOLLAR, "spent_nanodollars": 19 * DOLLAR, "held_nanodollars": DOLLAR // 4}
    scripted.scheduler.day = task_pb2.DayMoney(end_time=end, **limits)
    await page.goto(f"{scripted.gateway.url}/#/")
    await page.locator("details.account summary").click()
    told_today = page.locator("details.account").get_by_role("status")
    await expect(told_today).to_contain_text("Left today: $0.7500 of $20, with $19.00 spent and $0.2500 set aside")
    await inside.fits()
