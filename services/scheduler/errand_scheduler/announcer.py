"""Carries what was committed to the parts of the process that follow it."""

from collections.abc import Callable, Sequence

import structlog

from errand_common.values import AttemptPhase, TaskStatus
from errand_scheduler.access.auth import Authority
from errand_scheduler.access.rights import PushRights
from errand_scheduler.board import Board
from errand_scheduler.metrics import counted
from errand_scheduler.metrics.phases import Phases
from errand_scheduler.placing.placer import Placer
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.notices import (
    AccessChanged,
    AttemptMoved,
    CredentialBrought,
    DeadlineSet,
    EventsDiffer,
    EventsStored,
    InputsMoved,
    ModelUsed,
    Notice,
    RunnerModeSet,
    RunnerRevoked,
    SessionsEnded,
    TaskMoved,
    TermsChanged,
    TokenRevoked,
)
from errand_scheduler.watching.hub import Hub

log = structlog.get_logger()


class Announcer:
    """Runs on the loop, after each commit, in the order of commits. Before `connect` there is nobody to tell."""

    def __init__(self) -> None:
        self._connected = False

    def connect(
        self,
        *,
        hub: Hub,
        board: Board,
        sessions: RunnerSessions,
        placer: Placer,
        authority: Authority,
        rights: PushRights,
        phases: Phases,
        on_end: Callable[[str], None],
    ) -> None:
        """Tell these from now on; `on_end` hears which attempt is over."""
        self._hub = hub
        self._board = board
        self._sessions = sessions
        self._placer = placer
        self._authority = authority
        self._rights = rights
        self._phases = phases
        self._on_end = on_end
        self._connected = True

    def announce(self, notices: Sequence[Notice]) -> None:
        """Tell everybody concerned."""
        if not self._connected:
            return
        for notice in notices:
            self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        match notice:
            case EventsStored(user_id=user_id, task_id=task_id, events=events):
                self._hub.stored(user_id, task_id, events)
            case EventsDiffer(attempt_id=attempt_id, first_sequence=first, count=count):
                log.error("events_differ", attempt_id=attempt_id, first_sequence=first, count=count)
            case AttemptMoved(attempt=attempt, old_phase=old):
                self._attempt_moved(attempt, old)
            case TaskMoved(task_id=task_id, old=old, new=new):
                # Why it failed may hold what a command or Claude said: that is the task's, not the log's.
                why = {"failure_reason": notice.failure} if new.final else {"reason": notice.reason}
                log.info("task_moved", task_id=task_id, old=old, new=new, **why)
                if TaskStatus.PENDING in (old, new):
                    self._placer.note(task_id)
                if new is TaskStatus.PENDING and old is not TaskStatus.PENDING:
                    self._placer.wake()
                self._phases.task_moved(notice)
            case ModelUsed(usage=usage, requests=requests):
                counted.model_used(usage, requests)
            case DeadlineSet():
                self._board.follow(notice)
            case InputsMoved(runner_id=runner_id, attempt_id=attempt_id):
                self._sessions.wake(runner_id, attempt_id)
            case TermsChanged(runner_id=runner_id, attempt_id=attempt_id):
                self._sessions.renew(runner_id, attempt_id)
            case RunnerModeSet(runner_id=runner_id, mode=mode):
                log.info("runner_mode_set", runner_id=runner_id, mode=mode)
                self._sessions.modes.follow(notice)
                self._placer.wake()
            case RunnerRevoked(runner_id=runner_id, removed=removed):
                if removed:
                    self._sessions.modes.forget(runner_id)
                log.info("runner_removed" if removed else "runner_revoked", runner_id=runner_id)
                self._authority.changed(notice)
                self._sessions.end(runner_id)
            case SessionsEnded() | TokenRevoked() | AccessChanged():
                self._authority.changed(notice)
            case CredentialBrought(user_id=user_id):
                self._rights.forget(user_id)
                self._placer.wake()

    def _attempt_moved(self, attempt: Attempt, old: AttemptPhase | None) -> None:
        log.info("attempt_moved", task_id=attempt.task_id, attempt_id=attempt.attempt_id, old=old, new=attempt.phase)
        self._phases.attempt_moved(attempt, old)
        self._board.apply(attempt)
        if self._sessions.moved(attempt, old):
            log.error("runner_ill", runner_id=attempt.runner_id, reason=attempt.reason)
        if attempt.phase.final:
            self._on_end(attempt.attempt_id)
            self._placer.note(attempt.task_id)
            self._placer.wake()
