"""What attempts do in a schedule: the real Recorder, Inbox and Freezer; the model, the sandbox and git are scripted."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_common.errors import Conflict, Denied, ErrandError, Unavailable
from errand_common.ids import Ids
from errand_common.tasks import until_one_ends
from errand_common.values import AttemptPhase, FailureReason, Role, WaitReason
from errand_runner.agent import facts
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.freezer import Freezer
from errand_runner.inputs import Inbox
from errand_runner.journal import Journal, JournalFailed
from errand_runner.lease import Leases
from errand_runner.lodging import Lodging
from errand_runner.outbox import Log, OutboxError
from errand_runner.record import Recorder
from errand_runner.sandbox.docker import SandboxFailed, SandboxSpec
from errand_runner.worker import Outcome
from tests.sim.engine import Broker
from tests.sim.outside import Container, Outside

PARK_BEATS = 24
_INFRASTRUCTURE = (FailureReason.ENGINE, FailureReason.IMAGE, FailureReason.SANDBOX, FailureReason.DISK)


_ASK = "ask_user"


@dataclass
class Temper:
    """How the scripted work goes: chances per attempt or turn; `pace_s` is the mean time of a step."""

    pace_s: float = 2.0
    start_s: float = 3.0
    fail_early: float = 0.0
    fail_late: float = 0.0
    crash: float = 0.0
    ask: float = 0.0
    quota: float = 0.0
    allowance: float = 0.0
    tools_most: int = 3
    turns_most: int = 2
    large: float = 0.0
    hang: float = 0.0

    def calm(self) -> None:
        """From now on everything goes well and comes to an end."""
        self.fail_early = self.fail_late = self.crash = self.hang = self.quota = self.allowance = 0.0
        self.ask = 0.0
        self.start_s = min(self.start_s, 3.0)
        self.pace_s = min(self.pace_s, 2.0)


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a host gives its attempts."""

    host: str
    dispatch: Dispatch
    deltas: Deltas
    leases: Leases
    clock: Clock
    ids: Ids
    chance: random.Random
    outside: Outside
    temper: Temper
    engine: Any
    journal: Journal
    socket_root: Path


class Parked(Exception):
    """Nobody answered in time."""


async def run_attempt(means: Means, assignment: Any, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    """As errand_runner.attempt.run_attempt, without Claude, Docker and git."""
    recorder = Recorder(log, means.deltas, task_id=assignment.task.task_id)
    freezer = Freezer(log.attempt_id, leases=means.leases, clock=means.clock, teller=recorder)
    work = _Work(means, assignment, inbox, log, recorder, freezer)
    try:
        await until_one_ends(work.run(), freezer.watch())
    except Parked:
        return Outcome(AttemptPhase.PARKED)
    except (SandboxFailed, JournalFailed) as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.SANDBOX, str(exc))
    except OutboxError as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.INTERNAL, str(exc))
    except ErrandError as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.PUSH, exc.message)
    assert work.outcome is not None
    return work.outcome


class _Work:
    def __init__(
        self, means: Means, assignment: Any, inbox: Inbox, log: Log, recorder: Recorder, freezer: Freezer
    ) -> None:
        self.means, self.assignment, self.inbox, self.log = means, assignment, inbox, log
        self.recorder, self.freezer, self.chance = recorder, freezer, means.chance
        self.temper, self.task_id = means.temper, assignment.task.task_id
        self.outcome: Outcome | None = None
        self.last_role = ""

    async def run(self) -> None:
        """The story."""
        self.outcome = await self._story()

    async def _story(self) -> Outcome:
        temper = self.temper
        await self.recorder.phase(AttemptPhase.STARTING)
        if self._happens(temper.fail_early):
            await self._while(temper.start_s)
            return Outcome(AttemptPhase.FAILED, self.chance.choice(_INFRASTRUCTURE), "the sandbox does not come up")
        async with self._container() as container:
            if self._happens(temper.hang):
                await asyncio.sleep(10**7)
            await self._while(temper.start_s)
            await self.recorder.phase(AttemptPhase.RUNNING)
            await self.log.drained()
            await self._take_up()
            await self._turns(container)
            if self._happens(temper.fail_late):
                return Outcome(AttemptPhase.FAILED, FailureReason.MODEL_UNAVAILABLE, "the model does not answer")
            if self._happens(temper.crash):
                raise RuntimeError("a bug of the runner, as the schedule wants it")
            await self._deliver(container)
        return Outcome(AttemptPhase.SUCCEEDED)

    @asynccontextmanager
    async def _container(self) -> AsyncIterator[Container]:
        means = self.means
        lodging = Lodging(
            self.log.attempt_id,
            engine=means.engine,
            journal=means.journal,
            ids=means.ids,
            socket_root=means.socket_root,
            freezer=self.freezer,
            recorder=self.recorder,
            new_broker=lambda _: Broker(),  # type: ignore[arg-type, return-value]
            new_spec=self._spec,
        )
        async with lodging.open() as (sandbox, _):
            container: Container = sandbox.container  # type: ignore[attr-defined]
            yield container

    def _spec(self, sandbox_id: str, socket_dir: Path) -> SandboxSpec:
        return SandboxSpec(
            sandbox_id=sandbox_id,
            task_id=self.task_id,
            runner_id=self.means.host,
            image=f"{self.log.attempt_id}.{self.log.fence}",
            socket_dir=socket_dir,
        )

    async def _take_up(self) -> None:
        """The conversation goes on from the scheduler's record."""
        self.inbox.drop(self.recorder.taken)
        calls: dict[str, Any] = {}
        last: Any = None
        for piece in await self.means.dispatch.transcript(self.assignment.attempt):
            kind = piece.WhichOneof("item")
            if kind == "message":
                last = piece.message
            elif kind == "tool_call":
                calls[piece.tool_call.tool_call_id] = piece.tool_call
        self.last_role = "" if last is None else ("user" if last.role == task_pb2.ROLE_USER else "assistant")
        asks = any(_is_open_question(call) for call in calls.values())
        if self.recorder.waiting and not asks:
            await self.recorder.wait_ended()
        if last is None or self.last_role == "user" or not last.content:
            return
        asked = [block["id"] for block in json.loads(last.content) if block.get("type") == "tool_use"]
        if not asked:
            return
        answer = await self._answer_open_question([each for each in asked if _is_open_question(calls.get(each))], calls)
        for call_id in asked:
            known = calls.get(call_id)
            if known is None or not known.output:
                await self.recorder.fact(
                    facts.ToolFinished(call_id, "bash", b"{}", json.dumps("interrupted").encode(), True, 0.0)
                )
        content = [{"type": "tool_result", "tool_use_id": each, "content": "x"} for each in asked]
        await self._say(Role.USER, content, [answer] if answer else [])

    async def _answer_open_question(self, questions: list[str], calls: dict[str, Any]) -> str:
        """As errand_runner.talk: what was said meanwhile, or wait again. The input's id. Raises Parked."""
        if not questions:
            return ""
        asked_us = calls[questions[0]].created_time.ToMicroseconds()
        self.inbox.go_on_with_question(asked_us=asked_us)
        if (given := self.inbox.take_answer()) is None:
            return await self._wait(WaitReason.QUESTION, call_id=questions[0], again=True)
        await self.recorder.fact(facts.WaitOver(given.input_id))
        return given.input_id

    async def _turns(self, container: Container) -> None:
        first = True
        while True:
            said = self.inbox.take()
            if said:
                blocks = [{"type": "text", "text": each.text} for each in said]
                await self._say(Role.USER, blocks, [each.input_id for each in said])
            elif not first or self.last_role == "assistant":
                return
            first = False
            await self._turn(container)

    async def _turn(self, container: Container) -> None:
        for _ in range(self.chance.randint(1, self.temper.turns_most)):
            await self._may_act(container)
            await self._stream()
            if self._happens(self.temper.quota):
                await self._wait(WaitReason.QUOTA, resume_s=self.chance.uniform(60, 400))
            if self._happens(self.temper.allowance):
                await self._wait(WaitReason.ALLOWANCE)
            if not self._happens(0.7):
                break
            await self._tools(container)
        await self._may_act(container)
        text = "x" * 70_000 if self._happens(self.temper.large) else "done"
        await self._say(Role.ASSISTANT, [{"type": "text", "text": text}], [])

    async def _stream(self) -> None:
        message_id = self.means.ids.new("msg")
        self.next_message = message_id
        for _ in range(self.chance.randint(0, 3)):
            await self.recorder.fact(facts.TextDelta(message_id, 0, "text", "word " * self.chance.randint(1, 40)))
            await self._while(self.temper.pace_s / 4)

    async def _tools(self, container: Container) -> None:
        count = self.chance.randint(1, self.temper.tools_most)
        ids = [self.means.ids.new("cal") for _ in range(count)]
        blocks = [{"type": "tool_use", "id": each, "name": "bash", "input": {}} for each in ids]
        await self._say(Role.ASSISTANT, blocks, [])
        taken: list[str] = []
        for call_id in ids:
            await self._may_act(container)
            asks = self._happens(self.temper.ask)
            name = _ASK if asks else "bash"
            await self.recorder.fact(facts.ToolStarted(call_id, name, b'{"command": "true"}'))
            answer = None
            if asks:
                answer = await self._wait(WaitReason.QUESTION, call_id=call_id)
            else:
                await self.recorder.fact(facts.OutputDelta(call_id, "line\n" * self.chance.randint(1, 20)))
                await self._while(self.temper.pace_s)
            if answer:
                taken.append(answer)
            output = json.dumps("y" * 70_000 if self._happens(self.temper.large) else "out").encode()
            await self.recorder.fact(facts.ToolFinished(call_id, "bash", b"{}", output, False, 0.1))
        content: list[dict[str, Any]] = [{"type": "tool_result", "tool_use_id": each, "content": "x"} for each in ids]
        steers = self.inbox.take_steers()
        content += [{"type": "text", "text": each.text} for each in steers]
        await self._say(Role.USER, content, [*taken, *(each.input_id for each in steers)])

    async def _wait(
        self, reason: WaitReason, *, call_id: str = "", resume_s: float | None = None, again: bool = False
    ) -> str:
        """Raises Parked. The id of the input that ended it."""
        if reason is WaitReason.QUESTION and not again:
            self.inbox.begin_question()
        await self.recorder.fact(facts.Waiting(reason, "which?", call_id, resume_s))
        if reason is not WaitReason.QUESTION:
            raise Parked
        try:
            async with asyncio.timeout(PARK_BEATS * self.means.leases.beat_s):
                given = await self.inbox.next_answer()
        except TimeoutError:
            raise Parked from None
        await self.recorder.fact(facts.WaitOver(given.input_id))
        return given.input_id

    async def _deliver(self, container: Container) -> None:
        """Push, then the pull request: each under a lease that was renewed lately."""
        if not self._happens(0.6):
            return
        ref = self.assignment.attempt
        for _ in range(50):
            await self.freezer.gate()
            try:
                await self.means.dispatch.lend_credential(ref, refresh=False)
                if not self.means.leases.fresh(self.log.attempt_id):
                    raise Unavailable("not renewed lately")
            except Unavailable:
                await asyncio.sleep(5.0)
                continue
            self.means.outside.push(container, host=self.means.host)
            break
        stat = task_pb2.DiffStat(files=1, insertions=2, deletions=3)
        await self.recorder.branch_pushed(self.assignment.task.branch, commit="c" * 40, diff_stat=stat)
        with suppress(Denied, Conflict, Unavailable):
            await self.means.dispatch.open_pull_request(ref, title="t", body="b")

    async def _say(self, role: Role, blocks: list[dict[str, Any]], input_ids: list[str]) -> None:
        content = json.dumps(blocks).encode()
        usage = facts.Usage(10, 1, 1, 5, 1000) if role is Role.ASSISTANT else None
        message_id = self.means.ids.new("msg")
        self.last_role = role
        await self.recorder.fact(
            facts.MessageAppended(
                message_id, role, content, usage, "claude" if usage else "", "end_turn" if usage else "", input_ids
            )
        )

    async def _may_act(self, container: Container) -> None:
        await self.freezer.gate()
        self.means.outside.act(container, host=self.means.host)
        await self._while(self.temper.pace_s / 2)

    async def _while(self, mean_s: float) -> None:
        await asyncio.sleep(mean_s * self.chance.uniform(0.2, 1.8))

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance


def _is_open_question(call: Any) -> bool:
    """Whether a stored call asks a person, and has no answer."""
    return call is not None and call.tool_name == _ASK and not call.output
