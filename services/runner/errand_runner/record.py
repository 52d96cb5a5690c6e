"""Facts become events: the one place where what happens in an attempt is put into the contract's words."""

from collections.abc import Sequence

from google.protobuf.message import Message as ProtoMessage

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common import wire
from errand_common.values import AttemptPhase, Role, SandboxLimit, WaitReason, summarise
from errand_runner import bodies
from errand_runner.agent import facts
from errand_runner.broker.egress.ledger import Use
from errand_runner.deltas import Deltas, Pieces
from errand_runner.finish import CheckResult
from errand_runner.finish_wire import check_result
from errand_runner.metrics import counted
from errand_runner.outbox import Log

_DELTA_KINDS = {"text": pb.DELTA_KIND_TEXT, "thinking": pb.DELTA_KIND_THINKING}


class Recorder:
    """Writes one attempt's facts into its log: durable ones are on disk when a method returns."""

    def __init__(self, log: Log, deltas: Deltas, *, task_id: str) -> None:
        self._log, self._pieces = log, Pieces(deltas, task_id=task_id)
        earlier = [AttemptEvent.FromString(record).body for record in log.recovered]
        self._phase = max(
            (_phase(body) for body in earlier), key=lambda phase: phase.rank, default=AttemptPhase.OFFERED
        )
        self.taken = {input_id for body in earlier for input_id in body.message_appended.input_ids}
        """The inputs that a message of this attempt carries already, stored by the scheduler or not yet."""
        self.frozen = _left_frozen(earlier)
        """Whether the attempt was told to be paused and not yet to go on, by an earlier process too."""
        self.waiting = _left_waiting(earlier)
        """Whether the attempt was told to wait and not yet to go on, by an earlier process too."""
        self.resumed = bool(earlier)
        """Whether an earlier process of this runner began the attempt."""
        self.began = self._phase.rank >= AttemptPhase.RUNNING.rank
        """Whether it came as far as the conversation."""

    async def phase(self, phase: AttemptPhase) -> None:
        """The attempt came this far. Phases only rise, so an earlier one says nothing new."""
        if phase.rank > self._phase.rank:
            self._phase = phase
            number = wire.number(task_pb2.AttemptPhase, phase)
            await self._write(pb.EventBody(attempt_phase_changed=pb.AttemptPhaseChanged(phase=number)))

    async def step_started(self, step_id: str, step: "pb.Step.ValueType") -> None:
        """A step of getting started began."""
        await self._write(pb.EventBody(step_started=pb.StepStarted(step_id=step_id, step=step)))

    def step_said(self, step_id: str, text: str) -> None:
        """What a step printed, for whoever watches."""
        self._pieces.add(step_id, pb.DELTA_KIND_STEP, text)

    async def step(self, step: "pb.Step.ValueType", duration_s: float, *, step_id: str = "") -> None:
        """A step ended well; `step_id` is that of its start, empty for one that has none."""
        self._pieces.end(step_id)
        counted.STEP_S.labels(pb.Step.Name(step).removeprefix("STEP_").lower()).observe(duration_s)
        finished = pb.StepFinished(step=step, duration=wire.duration(duration_s), step_id=step_id)
        await self._write(pb.EventBody(step_finished=finished))

    async def sandbox_opened(self, sandbox_id: str, container_id: str) -> None:
        """A container runs for the task."""
        opened = pb.SandboxOpened(sandbox_id=sandbox_id, container_id=container_id)
        await self._write(pb.EventBody(sandbox_opened=opened))

    async def git_delayed(self, reason: str, delay_s: float) -> None:
        """The git host, or GitHub's API, did not answer; the step is done again after the delay."""
        delayed = pb.GitDelayed(reason=summarise(reason), delay=wire.duration(delay_s))
        await self._write(pb.EventBody(git_delayed=delayed))

    async def branch_pushed(self, branch: str, *, commit: str, diff_stat: task_pb2.DiffStat) -> None:
        """The branch points to `commit` on the git host."""
        pushed = pb.BranchPushed(branch=branch, commit=commit, diff_stat=diff_stat)
        await self._write(pb.EventBody(branch_pushed=pushed))

    async def checkpoint_saved(self, commit: str, *, head: str, left_out_count: int, left_out: str) -> None:
        """The working tree is at the git host as `commit`, but for what was left out, which is told in words."""
        saved = pb.CheckpointSaved(
            commit=commit, head_commit=head, left_out_count=left_out_count, left_out=summarise(left_out)
        )
        await self._write(pb.EventBody(checkpoint_saved=saved))

    async def checkpoint_failed(self, reason: str) -> None:
        """The working tree is in the workspace alone."""
        await self._write(pb.EventBody(checkpoint_failed=pb.CheckpointFailed(reason=summarise(reason))))

    async def workspace_restored(self, commit: str, *, head: str) -> None:
        """The workspace was made anew from this checkpoint; empty: from the branch, as there was none."""
        await self._write(pb.EventBody(workspace_restored=pb.WorkspaceRestored(commit=commit, head_commit=head)))

    async def branch_moved(self, branch: str, *, commit: str, recorded: str, behind: int) -> None:
        """The branch at the git host is at `commit`, empty where it is gone, and not where the task recorded it."""
        moved = pb.BranchMoved(branch=branch, commit=commit, recorded_commit=recorded, behind_count=behind)
        await self._write(pb.EventBody(branch_moved=moved))

    async def check_finished(self, result: CheckResult) -> None:
        """What came of the project's check, or why it could not be run."""
        await self._write(pb.EventBody(check_finished=pb.CheckFinished(result=check_result(result))))

    async def attempt_frozen(self, reason: str = "") -> None:
        """The attempt was paused, for this reason; empty: the scheduler was out of reach for long. Nothing where it is
        paused already."""
        if not self.frozen:
            self.frozen = True
            counted.FROZEN.inc()
            await self._write(pb.EventBody(attempt_frozen=pb.AttemptFrozen(reason=summarise(reason))))

    async def attempt_thawed(self, frozen_s: float) -> None:
        """The attempt goes on after a pause of so many seconds. Nothing where it is not paused."""
        if self.frozen:
            self.frozen = False
            thawed = pb.AttemptThawed(frozen_duration=wire.duration(frozen_s))
            await self._write(pb.EventBody(attempt_thawed=thawed))

    async def sandbox_adopted(self, sandbox_id: str) -> None:
        """A container that was lost, with an earlier process or with the engine, was taken up."""
        await self._write(pb.EventBody(sandbox_adopted=pb.SandboxAdopted(sandbox_id=sandbox_id)))

    async def sandbox_replaced(self, sandbox_id: str, container_id: str, *, replaced_id: str, reason: str) -> None:
        """Another sandbox took the place of one that was gone, for a reason in words."""
        replaced = pb.SandboxReplaced(
            sandbox_id=sandbox_id,
            container_id=container_id,
            replaced_sandbox_id=replaced_id,
            reason=summarise(reason),
        )
        counted.REPLACED.inc()
        await self._write(pb.EventBody(sandbox_replaced=replaced))

    async def engine_away(self, reason: str, patience_s: float) -> None:
        """The Docker engine does not answer, and is waited for that long."""
        away = pb.EngineAway(reason=summarise(reason), patience_duration=wire.duration(patience_s))
        await self._write(pb.EventBody(engine_away=away))

    async def wait_started(
        self,
        reason: WaitReason,
        summary: str,
        *,
        tool_call_id: str = "",
        resume_s: float | None = None,
        choices: Sequence[str] = (),
    ) -> None:
        """The attempt waits. `summary`: the question, or what is exhausted; `resume_s`: seconds until the wait ends by
        itself, None where only a person ends it; `choices`: answers that the model suggests."""
        self.waiting = True
        waits = bodies.wait_started(reason, summary, tool_call_id=tool_call_id, resume_s=resume_s, choices=choices)
        await self._write(waits)

    async def wait_ended(self, input_id: str = "") -> None:
        """The wait is over; `input_id` is the input that ended it, empty where none did."""
        self.waiting = False
        await self._write(pb.EventBody(wait_ended=pb.WaitEnded(input_id=input_id)))

    async def log_gap(self, tool_call_id: str, dropped_bytes: int) -> None:
        """So much of a tool's output is kept nowhere."""
        gap = pb.LogGap(tool_call_id=tool_call_id, dropped_bytes=dropped_bytes)
        await self._write(pb.EventBody(log_gap=gap))

    async def limit_hit(self, limit: SandboxLimit, summary: str, *, tool_call_id: str = "") -> None:
        """The sandbox ran into one of its limits."""
        number = wire.number(pb.SandboxLimit, limit)
        hit = pb.SandboxLimitHit(limit=number, tool_call_id=tool_call_id, summary=summarise(summary))
        await self._write(pb.EventBody(sandbox_limit_hit=hit))

    async def egress_used(self, uses: Sequence[Use]) -> None:
        """Connections to other hosts: one, or several that are counted together."""
        await self._write(pb.EventBody(egress_used=pb.EgressUsed(uses=map(bodies.egress_use, uses))))

    async def fact(self, fact: facts.Fact) -> None:
        """What the loop told. A reply, how full the context is and a tool's result are written with what follows at
        once: until then the loop does nothing that counts on them."""
        match fact:
            case facts.TextDelta(message_id, _, kind, text):
                self._pieces.add(message_id, _DELTA_KINDS[kind], text)
            case facts.OutputDelta(tool_use_id, text):
                self._pieces.add(tool_use_id, pb.DELTA_KIND_OUTPUT, text)
            case facts.PrefixFrozen(prefix):
                await self._log.append(bodies.prefix_frozen(prefix))
            case facts.ModelChanged():
                await self._log.append(bodies.model_changed(fact))
            case facts.MessageAppended(message_id, Role.ASSISTANT):
                self._pieces.end(message_id)
                await self._log.append_soon(bodies.message_appended(fact))
            case facts.MessageAppended():
                await self._log.append(bodies.message_appended(fact))
            case facts.ConversationShortened():
                self._pieces.end_messages()
                await self._log.append(bodies.conversation_shortened(fact))
            case facts.ReplyDropped():
                self._pieces.end_messages()
                await self._write(bodies.reply_dropped(fact))
            case facts.ContextMeasured(used, limit):
                measured = pb.ContextMeasured(used_tokens=used, limit_tokens=limit)
                await self._log.append_soon(AttemptEvent(body=pb.EventBody(context_measured=measured)))
            case facts.AllowanceLow(summary):
                await self._write(pb.EventBody(allowance_low=pb.AllowanceLow(summary=summary)))
            case facts.ToolStarted():
                await self._log.append(bodies.tool_started(fact))
            case facts.ToolFinished(tool_use_id):
                self._pieces.end(tool_use_id)
                await self._log.append_soon(bodies.tool_finished(fact))
                if fact.dropped_bytes:
                    await self.log_gap(tool_use_id, fact.dropped_bytes)
            case facts.LimitHit(tool_use_id, limit, summary):
                await self.limit_hit(limit, summary, tool_call_id=tool_use_id)
            case facts.TodoChanged():
                await self._write(bodies.todo_changed(fact))
            case facts.ModelDelayed(cause, delay_s):
                self._pieces.end_messages()
                counted.DELAYS.inc()
                delayed = pb.ModelDelayed(reason=summarise(cause), delay=wire.duration(delay_s))
                await self._write(pb.EventBody(model_delayed=delayed))
            case facts.Waiting(reason, summary, tool_use_id, resume_s, choices):
                await self.wait_started(reason, summary, tool_call_id=tool_use_id, resume_s=resume_s, choices=choices)
            case facts.WaitOver(input_id):
                await self.wait_ended(input_id)

    async def written(self) -> None:
        """Return once all that was told is on disk. Raises OutboxError."""
        await self._log.written()

    async def _write(self, body: pb.EventBody) -> None:
        await self._log.append(AttemptEvent(body=body))


def _left_frozen(earlier: Sequence[pb.EventBody]) -> bool:
    return _last_of(("attempt_frozen", "attempt_thawed"), earlier) == "attempt_frozen"


def _left_waiting(earlier: Sequence[pb.EventBody]) -> bool:
    return _last_of(("wait_started", "wait_ended"), earlier) == "wait_started"


def _last_of(kinds: Sequence[str], earlier: Sequence[pb.EventBody]) -> str | None:
    return next((kind for body in reversed(earlier) if (kind := body.WhichOneof("kind")) in kinds), None)


def _phase(body: ProtoMessage) -> AttemptPhase:
    assert isinstance(body, pb.EventBody)
    return AttemptPhase(wire.word(task_pb2.AttemptPhase, body.attempt_phase_changed.phase) or "offered")
