"""A runner that comes: whether it may, what it brings, the verdicts on what it has."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.runner_pb2 import AttemptVerdict, HeldAttempt
from errand_common import labels
from errand_common.errors import Conflict, Exhausted, Invalid, NotFound
from errand_common.protocol import BEFORE_NUMBERS, OURS, Protocol
from errand_common.wire import duration
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.edges import incoming
from errand_scheduler.edges.directives import cause_for, verdict
from errand_scheduler.lifecycle.decisions import Held
from errand_scheduler.lifecycle.inventory import Claim, take_inventory
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.runners import Arrival, RunnerSession, RunnerSessions
from errand_scheduler.store import runners
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer
from errand_scheduler.takeovers import Quarantine

log = structlog.get_logger()

_SLOTS = 1000
_HELD = 10_000
_NONCE_LETTERS = 128
_FEATURES, _FEATURE_LETTERS = 64, 63


class Arrivals:
    """Opens sessions."""

    def __init__(
        self, *, reader: Reader, writer: Writer, durations: Durations, board: Board, sessions: RunnerSessions
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._durations = durations
        self._board = board
        self._sessions = sessions

    async def open(self, runner_id: str, request: pb.OpenSessionRequest) -> pb.OpenSessionResponse:
        """The session, with a verdict on each attempt held. Raises Invalid, Conflict INCOMPATIBLE, and Exhausted
        RUNNER_QUARANTINED."""
        arrival = _arrival(await self._runner(runner_id), request)
        claims = [self._claim(runner_id, arrival.nonce, each) for each in request.held_attempts]
        if quarantine := self._sessions.judge(runner_id, arrival.nonce):
            raise await self._refused(arrival, quarantine)
        session, newly_started = self._sessions.open(arrival)
        came_back = not newly_started and not session.known

        def enter(tx: Tx) -> list[Held]:
            # After a restart of the scheduler only the row knows the process.
            started = newly_started and tx.one(runners.nonce(runner_id)) != arrival.nonce
            runners.note_session(tx, runner_id, nonce=arrival.nonce, version=request.version, labels=arrival.labels)
            return take_inventory(
                tx,
                runner_id=runner_id,
                claims=claims,
                newly_started=started,
                came_back=came_back,
                durations=self._durations,
            )

        verdicts = await self._writer.write(enter, urgent=True)
        self._sessions.settle(session)
        if newly_started:
            for claim in claims:
                self._sessions.tellers.handed_on(claim.holder.attempt_id)
        self._renew(claims, verdicts)
        log.info("runner_session_opened", runner_id=runner_id, session_id=session.session_id, held=len(claims))
        return pb.OpenSessionResponse(
            session_id=session.session_id,
            beat=duration(self._durations.beat_s),
            verdicts=[self._verdict(session, claim.holder, held) for claim, held in zip(claims, verdicts, strict=True)],
            runner_id=runner_id,
            protocol=arrival.protocol,
        )

    def _verdict(self, session: RunnerSession, holder: Holder, held: Held) -> AttemptVerdict:
        attempt = self._board.held(holder)
        return verdict(holder, held, None if attempt is None else cause_for(session, attempt.stop_cause))

    def _claim(self, runner_id: str, nonce: str, held: HeldAttempt) -> Claim:
        overtaken = self._sessions.tellers.another(held.attempt.attempt_id, nonce)
        return Claim(incoming.holder(held.attempt, runner_id), held.last_sequence, overtaken=overtaken)

    async def _runner(self, runner_id: str) -> Runner:
        runner = await self._reader.one(runners.by_id(runner_id))
        if runner is None:
            raise NotFound(f"there is no runner {runner_id}")
        return runner

    async def _refused(self, arrival: Arrival, quarantine: Quarantine) -> Exhausted:
        """Both processes are told: the one that goes on keeps its attempts, yet neither gets more."""
        if quarantine.begins:
            log.error("runner_quarantined", runner_id=arrival.runner_id, runner=arrival.name)
            await self._writer.write(lambda tx: runners.note_quarantine(tx, arrival.runner_id), urgent=True)
        return Exhausted(
            f"two processes act as the runner {arrival.name}, so it gets nothing for {quarantine.left_s:.0f} s; "
            "end one of them; a host that is to stay beside the other joins by a token of its own",
            reason="RUNNER_QUARANTINED",
            retry_after=timedelta(seconds=quarantine.left_s),
        )

    def _renew(self, claims: Sequence[Claim], verdicts: Sequence[Held]) -> None:
        for claim, held in zip(claims, verdicts, strict=True):
            if held is not Held.FORGET:
                self._board.renew(claim.holder)


def _arrival(runner: Runner, request: pb.OpenSessionRequest) -> Arrival:
    if not 1 <= len(request.nonce) <= _NONCE_LETTERS:
        raise Invalid(
            f"nonce has {len(request.nonce)} characters; make one of 1 to {_NONCE_LETTERS} for each process start"
        )
    if not 0 <= request.slots <= _SLOTS:
        raise Invalid(f"slots is {request.slots}; it must be 0 to {_SLOTS}")
    if len(request.held_attempts) > _HELD:
        raise Invalid(f"{len(request.held_attempts)} attempts are held; the most is {_HELD}")
    try:
        # What it was given when it joined is not its to say.
        found = labels.check({**labels.check(request.labels), **runner.given_labels})
    except ValueError as exc:
        raise Invalid(str(exc)) from exc
    return Arrival(
        runner_id=runner.runner_id,
        name=runner.name,
        nonce=request.nonce,
        slots=request.slots,
        labels=found,
        protocol=_spoken(request),
        features=_features(request),
    )


def _spoken(request: pb.OpenSessionRequest) -> int:
    """The conversation to have. Raises Conflict INCOMPATIBLE where there is none."""
    theirs = BEFORE_NUMBERS
    if request.HasField("protocol"):
        theirs = Protocol(request.protocol.oldest, request.protocol.newest)
    if not 1 <= theirs.oldest <= theirs.newest:
        raise Invalid(f"protocol {theirs.oldest} to {theirs.newest} is no range; its numbers begin with 1")
    spoken = OURS.common(theirs)
    if spoken is None:
        older = "runner" if theirs.newest < OURS.oldest else "scheduler"
        raise Conflict(
            f"this runner (version {request.version[:32]}) knows the conversations {theirs.oldest} to {theirs.newest},"
            f" this scheduler {OURS.oldest} to {OURS.newest}; bring the {older} up to date",
            reason="INCOMPATIBLE",
        )
    return spoken


def _features(request: pb.OpenSessionRequest) -> frozenset[str]:
    names = frozenset(request.features)
    if len(names) > _FEATURES or not all(1 <= len(name) <= _FEATURE_LETTERS for name in names):
        raise Invalid(f"at most {_FEATURES} features are named, with 1 to {_FEATURE_LETTERS} letters each")
    return names
