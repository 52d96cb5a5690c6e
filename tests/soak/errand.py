"""One errand as a person lives it: a task, what is said to it meanwhile, and what is made of its end."""

import itertools
import random
from dataclasses import dataclass, field

from tests.demo.phone import FINAL, Json
from tests.soak.line import Line
from tests.soak.watcher import Watcher

REST_S = 300.0
"""Within which a task comes to rest, on a machine that is as busy as this one."""
_AT_REST = (*FINAL, "waiting")
_MOST_TURNS = 4
_KEEP = "echo {mark} >> trace && echo kept {mark}"
_STEPS = (
    f"sleep {{s}} && {_KEEP}",
    f"sleep {{s}} && {_KEEP}",
    f"seq 20000 && sleep {{s}} && {_KEEP}",
    f"(setsid sleep 600 &) && sleep 300 & sleep {{s}} && {_KEEP}",
    f"seq 4 | xargs -I@ setsid -f sleep 600 && {_KEEP}",
    f"python3 -c 'import os, time\nfor _ in range(4): os.fork() or time.sleep(600)' & sleep {{s}} && {_KEEP}",
    f"{_KEEP} && git add --all && git commit --quiet --message {{mark}} && sleep {{s}}",
)
"""None holds the separator of the stand-in's script. Each leaves its mark once, and many a careless process."""
_ASK = '!ask_user {{"question": "Which {mark}?"}}'


@dataclass
class Errand:
    """What its person knows of it: `said` are inputs that were acknowledged, `breaches` what was not as promised."""

    line: Line
    chance: random.Random
    marks: "itertools.count[int]"
    task: Json
    watcher: Watcher
    said: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    async def live(self) -> None:
        """Returns when nothing more will be said to it, and it rests."""
        try:
            for _ in range(_MOST_TURNS):
                await self._meddle()
                await self.watcher.until(lambda told: _status(told) in _AT_REST, within_s=REST_S)
                if not await self._goes_on():
                    return
        except TimeoutError:
            self.breaches.append(f"for {REST_S:.0f} s nothing was heard that was due")

    async def _meddle(self) -> None:
        """Mostly it is left alone."""
        what = self.chance.choices(("nothing", "steer", "queue", "stop"), weights=(5, 3, 1, 2))[0]
        if what == "nothing":
            return
        steps = self.chance.randrange(1, 4)
        await self.watcher.until(lambda told: _ran(told) >= steps or _status(told) in _AT_REST, within_s=REST_S)
        if what == "stop":
            await self.line.stop(self.task)
        else:
            await self._say(f"Mind {next(self.marks)}." if what == "steer" else self.orders(), what)

    async def _goes_on(self) -> bool:
        """What the person makes of its rest."""
        status, changes = _status(self.watcher.events), _changes(self.watcher.events)
        if self.chance.random() < 0.4:
            return False
        if status == "waiting":
            going = await self._say("This one.", "answer")
        elif status == "failed" and self.chance.random() < 0.7:
            going = await self.line.retry(self.task)
        else:
            going = await self._say(self.orders(), "queue")
        if going:
            await self.watcher.until(lambda told: _changes(told) > changes, within_s=REST_S)
        return going

    async def _say(self, text: str, kind: str) -> bool:
        said = await self.line.say(self.task, text, kind)
        self.said += [said] if said else []
        return bool(said)

    def orders(self) -> str:
        """Some steps, sometimes with a question among them."""
        return orders(self.chance, self.marks)


def orders(chance: random.Random, marks: "itertools.count[int]") -> str:
    """A prompt."""
    steps = [
        chance.choice(_STEPS).format(s=round(chance.uniform(0.2, 2.5), 1), mark=f"m{next(marks)}")
        for _ in range(chance.randrange(2, 6))
    ]
    if chance.random() < 0.15:
        steps.insert(chance.randrange(len(steps)), _ASK.format(mark=next(marks)))
    return f"Steps: {'; '.join(steps)}"


def _status(told: list[Json]) -> str:
    moved = [event["detail"]["status"] for event in told if event["kind"] == "task_status_changed"]
    return str(moved[-1]) if moved else ""


def _changes(told: list[Json]) -> int:
    return sum(event["kind"] == "task_status_changed" for event in told)


def _ran(told: list[Json]) -> int:
    return sum(event["kind"] == "tool_call_started" for event in told)
