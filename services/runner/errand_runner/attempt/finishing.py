"""How an attempt's turn is finished: delivered, judged by the runner, and mended by Claude where that failed."""

from errand_common.values import CheckOutcome
from errand_runner.agent.check_note import MOST_ROUNDS, note_of_check
from errand_runner.agent.facts import EndReason, TurnEnded
from errand_runner.agent.transcript import Transcript
from errand_runner.attempt.checking import Checking
from errand_runner.attempt.conversation import Conversation
from errand_runner.attempt.kit import Kit
from errand_runner.attempt.quarters import Quarters
from errand_runner.finish import CheckResult, Finish
from errand_runner.lodger import Lodger
from errand_runner.lodging import Lodged
from errand_runner.saving import Saving
from errand_runner.workspace import Changes


class Finishing:
    """One attempt's, in the sandbox of `lodger`."""

    def __init__(
        self,
        kit: Kit,
        quarters: Quarters,
        lodger: Lodger,
        saving: Saving,
        conversation: Conversation,
        checking: Checking,
    ) -> None:
        self._kit, self._quarters, self._lodger, self._saving = kit, quarters, lodger, saving
        self._conversation, self._checking = conversation, checking
        self._delivery = kit.delivery()

    async def finish(self, ended: TurnEnded, transcript: Transcript) -> tuple[TurnEnded, Finish | None]:
        """From the end of a turn to what it came to in the end; no Finish where it did not come to one.

        Raises AttemptFailed, what `Lodger.through` raises, and OutboxError.
        """
        rounds = 0
        while True:
            if ended.reason is EndReason.PARKED:
                await self._saving.last()
                return ended, None
            changes = await self._lodger.through(self._push)
            if ended.reason.failure is not None:
                await self._propose(changes, Finish(result=ended.text, changes=changes, check=self._not_checked()))
                return ended, None
            check = await self._checking.result(changes.commit if changes else "")
            # Of a conversation that was shortened the notes may be gone.
            note = _note(check, transcript) if rounds < MOST_ROUNDS else ""
            if not note:
                finish = _finish(ended, transcript, changes, check)
                await self._propose(changes, finish)
                return ended, finish
            rounds += 1
            ended = await self._conversation.hold(transcript, self._saving, note=note)

    async def _push(self, lodged: Lodged) -> Changes | None:
        _, broker = lodged
        return await self._delivery.push(self._quarters.workspace(lodged), broker.at_host.commit_of)

    async def _propose(self, changes: Changes | None, finish: Finish) -> None:
        """See to the pull request. Nothing new: nothing to do."""
        # On another git host there is nothing to open: the scheduler has said so in the task.
        if changes is not None and not self._kit.project.git_host:
            await self._delivery.open_pull_request(changes, finish)

    def _not_checked(self) -> CheckResult:
        if not self._kit.project.check.script.strip():
            return CheckResult()
        return CheckResult(outcome=CheckOutcome.NOT_RUN, reason="Claude's turn did not come to its end")


def _note(check: CheckResult, transcript: Transcript) -> str:
    """What Claude is told of the check; empty where the work is over."""
    if check.outcome is not CheckOutcome.FAILED:
        return ""
    return note_of_check(transcript.messages, commit=check.commit, reason=check.reason, printed=check.printed)


def _finish(ended: TurnEnded, transcript: Transcript, changes: Changes | None, check: CheckResult) -> Finish:
    last = transcript.last
    return Finish(result=ended.text, changes=changes, check=check, message_id=last.message_id if last else "")
