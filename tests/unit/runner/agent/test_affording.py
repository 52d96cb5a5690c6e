"""Before each request the loop looks whether the allowance is enough for it; what Claude is asked is on the wire."""

from dataclasses import replace
from pathlib import Path

import pytest

from errand_common.values import Role, WaitReason
from errand_runner.agent.allowance import NOTHING, Amounts, note
from errand_runner.agent.blocks import encode
from errand_runner.agent.day import Day, Drawn
from errand_runner.agent.facts import AllowanceLow, ConversationShortened, EndReason, TurnEnded, Waiting, WaitOver
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prompt_size import IMAGE_TOKENS, most_tokens
from errand_runner.agent.purse import Purse
from errand_runner.agent.transcript import Message, Transcript
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand

DONE = Reply([Text("Done.")])
BASH = Reply([ToolUse("bash", {"command": "echo hello"}, "t1")])
# claude-sonnet-5-5, in nano-dollars: a token that is read for the first time, and one that is written.
READ, WRITTEN = 2_500, 10_000
WHOLE = 32_000


class Limits:
    """What the task may spend; what it is raised to while it waits."""

    def __init__(
        self, task: Errand, now: Amounts, *raised: Amounts, spent: Amounts = NOTHING, day: Day | None = None
    ) -> None:
        self.now, self.later = now, list(raised)
        purse = Purse(limits=lambda: self.now, spent=spent, now_s=task.time.now_s, day=day)
        task.agent = replace(task.agent, purse=purse, raised=self.raised)

    async def raised(self, limits: Amounts) -> bool:
        assert limits == self.now
        if not self.later:
            return False
        self.now = self.later.pop(0)
        return True


class Days:
    """Money of a person's day: at first `short`, after so many seconds as little as is of use."""

    def __init__(self, task: Errand, short: Drawn, *, short_s: float = 0.0) -> None:
        self.task, self.short, self.short_s = task, short, short_s
        self.asked: list[tuple[float, int]] = []

    async def draw(self, least: int, most: int) -> Drawn:
        self.asked.append((self.task.time.now_s(), most))
        return Drawn(least) if self.task.time.now_s() >= self.short_s else self.short

    def day(self) -> Day:
        return Day(self.draw, limited=lambda: True)


def money(nanodollars: int) -> Amounts:
    return Amounts(cost_nanodollars=nanodollars)


def first_prompt(task: Errand, words: str) -> int:
    """The most tokens of a first request with these words."""
    content = encode([{"type": "text", "text": words}])
    return 1_000 + len(task.transcript.prefix.document) + len(content)


async def test_the_reply_may_be_as_long_as_the_money_is_enough_for(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(BASH, DONE), supervisor, tmp_path) as task:
        for_prompt = first_prompt(task, "Go") * READ
        Limits(task, money(for_prompt + 5_000 * WRITTEN + 1))
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        first, second = task.claude.requests
        assert first["max_tokens"] == 5_000
        usage = task.record.messages[1].usage
        assert usage is not None
        counted = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens + usage.output_tokens
        new = len(task.record.messages[2].content)
        left = for_prompt + 5_000 * WRITTEN + 1 - (usage.cost_nanodollars or 0) - (counted + new) * READ
        assert second["max_tokens"] == min(WHOLE, left // WRITTEN)
        unlike = [{**each, "max_tokens": 0, "messages": []} for each in (first, second)]
        assert unlike[0] == unlike[1], "all else of the frozen beginning is as it was"


async def test_an_allowance_that_is_enough_changes_no_byte(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE, DONE), supervisor, tmp_path) as task:
        Limits(task, Amounts(10**12, 10**9, 100, 10**6))
        await task.turn("Go")
        task.transcript = Transcript(task.transcript.prefix)
        task.agent = replace(task.agent, purse=Purse())
        await task.turn("Go")
        assert task.claude.requests[0] == task.claude.requests[1]
        assert task.claude.requests[0]["max_tokens"] == WHOLE


async def test_what_is_not_enough_for_a_request_is_waited_for_and_nothing_is_asked(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(), supervisor, tmp_path) as task:
        Limits(task, money(1_000_000))
        ended = await task.turn("Go")
        assert task.claude.requests == []
    (wait,) = [fact for fact in task.facts if isinstance(fact, Waiting)]
    assert (wait.reason, wait.resume_s) == (WaitReason.ALLOWANCE, None)
    assert ended == TurnEnded(EndReason.PARKED, wait.summary)
    assert wait.summary.startswith("$0.0000 of the $0.0010 are spent")


async def test_a_day_that_is_spent_is_waited_for_in_the_sandbox_and_then_without_it(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(), supervisor, tmp_path) as task:
        days = Days(task, Drawn(0, "the day is spent", 3_600.0), short_s=10**6)
        Limits(task, NOTHING, day=days.day())
        task.agent = replace(task.agent, longest_delay_s=120.0)
        ended = await task.turn("Go")
        assert task.claude.requests == []
        assert task.time.now_s() == 120.0
    (wait,) = [fact for fact in task.facts if isinstance(fact, Waiting)]
    assert (wait.reason, wait.resume_s, wait.summary) == (WaitReason.ALLOWANCE, 3_600.0, "the day is spent")
    assert ended == TurnEnded(EndReason.PARKED, "the day is spent")


async def test_the_same_turn_goes_on_where_the_day_has_more_in_time(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE), supervisor, tmp_path) as task:
        days = Days(task, Drawn(0, "the day is spent", 40.0), short_s=40.0)
        Limits(task, NOTHING, day=days.day())
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert [at_s for at_s, _ in days.asked] == [0.0, 15.0, 30.0, 45.0, 45.0]
    waits = [fact for fact in task.facts if isinstance(fact, Waiting | WaitOver)]
    assert [isinstance(each, Waiting) for each in waits] == [True, False]


async def test_a_request_that_no_day_is_enough_for_ends_the_attempt(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(), supervisor, tmp_path) as task:
        Limits(task, NOTHING, day=Days(task, Drawn(0, "too long for a day"), short_s=1.0).day())
        assert await task.turn("Go") == TurnEnded(EndReason.ALLOWANCE, "too long for a day")
        assert task.claude.requests == []


async def test_each_request_is_drawn_for_with_all_that_was_spent_before(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(BASH, DONE), supervisor, tmp_path) as task:
        days = Days(task, Drawn(0))
        Limits(task, money(10**12), day=days.day())
        await task.turn("Go")
        usage = task.record.messages[1].usage
        new = len(task.record.messages[2].content)
    (_, first), (_, second) = days.asked
    assert first == first_prompt(task, "Go") * READ + WHOLE * WRITTEN
    assert usage is not None
    assert usage.cost_nanodollars
    counted = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens + usage.output_tokens
    assert second == usage.cost_nanodollars + (counted + new) * READ + WHOLE * WRITTEN


async def test_what_is_raised_in_time_lets_the_same_turn_go_on(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE), supervisor, tmp_path) as task:
        Limits(task, money(1), money(2), money(10**9))
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
    waits = [fact for fact in task.facts if isinstance(fact, Waiting | WaitOver)]
    assert [isinstance(each, Waiting) for each in waits] == [True, False, True, False]


async def test_a_parked_turn_is_asked_again_by_the_next_attempt(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(BASH, DONE), supervisor, tmp_path) as task:
        Limits(task, Amounts(requests=1))
        assert (await task.turn("Go")).reason is EndReason.PARKED
        task.transcript = task.record.restore()
        Limits(task, Amounts(requests=2), spent=Amounts(requests=1))
        assert (await task.turn("")).reason is EndReason.COMPLETED
        assert task.results[0]["tool_use_id"] == "t1"


async def test_claude_and_the_person_are_told_once_that_most_is_spent(supervisor: Supervisor, tmp_path: Path) -> None:
    again = Reply([ToolUse("bash", {"command": "echo again"}, "t2")])
    async with errand(in_turn(BASH, again, DONE), supervisor, tmp_path) as task:
        Limits(task, Amounts(requests=10), spent=Amounts(requests=7))
        await task.turn("Go")
        told = [
            [block["text"] for block in message["content"] if block["type"] == "text"]
            for message in task.messages
            if message["role"] == "user"
        ]
    assert told == [["Go"], [note("10 requests")], []]
    assert [fact for fact in task.facts if isinstance(fact, AllowanceLow)] == [
        AllowanceLow("Four fifths of 10 requests are spent.")
    ]


async def test_time_is_looked_at_before_each_request(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(BASH), supervisor, tmp_path) as task:
        Limits(task, Amounts(work_s=600.0), spent=Amounts(work_s=590.0))
        task.agent = replace(task.agent, gate=lambda: task.time.sleep(10.0))
        ended = await task.turn("Go")
    assert ended.reason is EndReason.PARKED
    assert ended.text.startswith("The 10 minutes that this task may take are over.")


async def test_a_model_without_a_price_does_not_work_under_a_limit_on_money(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(DONE), supervisor, tmp_path) as task:
        prefix = Prefix.freeze(model="claude-nobody-knows", max_tokens=WHOLE, system="", tools=())
        task.transcript = Transcript(prefix)
        Limits(task, money(10**12))
        ended = await task.turn("Go")
        assert task.claude.requests == []
    assert ended.reason is EndReason.ALLOWANCE
    assert "claude-nobody-knows costs is not known here" in ended.text


async def test_no_summary_is_asked_for_that_the_allowance_is_not_enough_for(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(), supervisor, tmp_path, context_tokens=60_000) as task:
        Limits(task, Amounts(requests=1), spent=Amounts(requests=1))
        task.transcript.used_tokens = 59_000
        assert (await task.turn("Go")).reason is EndReason.PARKED
        assert task.claude.requests == []
    assert not [fact for fact in task.facts if isinstance(fact, ConversationShortened)]


@pytest.mark.parametrize("in_result", [False, True])
def test_a_picture_counts_as_the_largest_and_not_by_its_bytes(in_result: bool) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    block = {"type": "tool_result", "tool_use_id": "t1", "content": [picture]} if in_result else picture
    bare = Transcript(Prefix.freeze(model="m", max_tokens=1, system="", tools=()))
    before = most_tokens(bare)
    bare._messages = [Message("msg_1", Role.USER, encode([block]))]
    assert IMAGE_TOKENS < most_tokens(bare) - before < IMAGE_TOKENS + 200
