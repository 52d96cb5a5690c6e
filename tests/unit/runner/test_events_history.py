"""Through any history of acks, breaks and restarts the scheduler's record is an exact beginning of what was told."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errand_common.errors import Exhausted, Internal, Unavailable
from errand_runner.bisection import LIMIT
from errand_runner.outbox import Outbox
from tests.unit.runner.direct_line import direct
from tests.unit.runner.scheduler_double import SchedulerDouble
from tests.unit.runner.streaming import attempt, drained, event, sending

ATTEMPTS = [attempt(number) for number in range(3)]

_ack = st.sampled_from(["", "INTERNAL", "UNAVAILABLE", "EXHAUSTED", "BLOB_MISSING"])
_STRIKES = ("INTERNAL", "BLOB_MISSING")
_break = st.sampled_from([Unavailable("away"), Internal("oops"), Exhausted("full")])
_step = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(ATTEMPTS), st.integers(1, 6)),
    st.tuples(st.just("say_long"), st.sampled_from(ATTEMPTS), st.just(1)),
    st.tuples(st.just("refuse"), st.sampled_from(ATTEMPTS), st.lists(_ack, max_size=3)),
    st.tuples(st.just("break"), st.lists(st.one_of(st.none(), _break), max_size=4), st.none()),
    st.tuples(st.just("lose_acks"), st.integers(1, 2), st.none()),
    st.tuples(st.just("lose_batches"), st.integers(1, 2), st.none()),
    st.tuples(st.just("lose_blobs"), st.just(1), st.none()),
    st.tuples(st.just("cut"), st.none(), st.none()),
    st.tuples(st.just("restart"), st.booleans(), st.none()),
)


class History:
    """A runner's process, its disk and what was told, against one scheduler that lives on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.double = folder, SchedulerDouble()
        self.told: dict[str, list[bytes]] = {each: [] for each in ATTEMPTS}
        self.acked = dict.fromkeys(ATTEMPTS, 0)
        self.strikes_left = LIMIT - 1
        """What more may be the events' own fault: at the limit an attempt is given up, and the rest of it lost."""

    async def run(self, steps) -> None:
        """Live through the steps, one process after another, then let all arrive."""
        rest = list(steps)
        while True:
            box = Outbox(self.folder)
            for each in ATTEMPTS:
                box.hold(each, 1)
            async with sending(self.double, box, connect=direct) as line:
                torn = await self._until_restart(rest, box, line)
                if torn is None:
                    self._calm()
                    await drained(*box.logs.values())
            box.close()
            if torn is None:
                return
            if torn:
                self._tear()

    async def _until_restart(self, rest, box, line) -> bool | None:
        """None at the end of all steps; else whether the process died in mid-write."""
        while rest:
            kind, what, more = rest.pop(0)
            if kind == "restart":
                return bool(what)
            await self._step(kind, what, more, box, line)
            await asyncio.sleep(0.002)
            self._check(box)
        return None

    async def _step(self, kind, what, more, box, line) -> None:
        match kind:
            case "say" | "say_long":
                for _ in range(more):
                    text = f"{what} {len(self.told[what])}".encode()
                    content = text * (4000 if kind == "say_long" else 1)
                    await box.logs[what].append(event(content=content))
                    self.told[what].append(content)
            case "refuse":
                self.double.passing[what] = [each for each in more if self._bearable(each in _STRIKES)]
            case "break":
                failures = [each for each in what if self._bearable(isinstance(each, Internal))]
                self.double.failures["StreamEvents"] = failures
            case "lose_acks":
                self.double.drop_acks = what
            case "lose_batches":
                self.double.lose_batches = what
            case "lose_blobs":
                self.double.lose_blobs = what if self._bearable(True) else 0
            case "cut":
                line.cut.set()

    def _bearable(self, is_strike: bool) -> bool:
        self.strikes_left -= is_strike
        return not is_strike or self.strikes_left >= 0

    def _calm(self) -> None:
        self.double.passing.clear()
        self.double.failures.clear()

    def _tear(self) -> None:
        """What a crash in mid-write leaves behind whole records."""
        for path in self.folder.glob("att_*"):
            with path.open("ab") as file:
                file.write(b"\x00\x00\x01\x00torn")

    def _check(self, box) -> None:
        for each, log in box.logs.items():
            stored = self.stored(each)
            assert stored == self.told[each][: len(stored)], "not a beginning of what was told"
            assert log.acked_sequence <= len(stored), "acknowledged and not stored"

    def stored(self, attempt_id: str) -> list[bytes]:
        """What the scheduler has, in the order in which it took it."""
        events = self.double.events[attempt_id]
        assert list(events) == list(range(1, len(events) + 1))
        return [each.message.content or self.double.blobs[each.message.content_blob.sha256] for each in events.values()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_step, max_size=25))
def test_nothing_is_lost_doubled_or_out_of_order(steps):
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        asyncio.run(history.run(steps))

        for each in ATTEMPTS:
            assert history.stored(each) == history.told[each]
