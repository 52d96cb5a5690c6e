"""A Claude whose service fails once, in the way that the prompt names, and then does what it is told."""

import json
import re
from collections.abc import Mapping

from tests.standins.claude.replies import OVERLOADED, Cut, Failure, Reply, Text, rate_limited
from tests.standins.claude.request import Request
from tests.standins.claude.script import Answer
from tests.standins.claude.scripts import run_command

VOID = "These words are void."

_WORDS = [Text(VOID)]
FAULTS: Mapping[str, Answer] = {
    "401": Failure(401, "authentication_error", "invalid bearer token"),
    "404": Failure(404, "not_found_error", "model: claude-sonnet-5-5"),
    "429": rate_limited(1),
    "429-for-an-hour": rate_limited(3600),
    "529": OVERLOADED,
    "529-in-the-stream": Reply(_WORDS, cut=Cut.ERROR_EVENT, cut_after_events=8),
    "cut": Reply(_WORDS, cut=Cut.ABORT, cut_after_events=8),
    "silence": Reply(_WORDS, cut=Cut.SILENCE, cut_after_events=8),
    "end-of-file": Reply(_WORDS, cut=Cut.END_OF_FILE, cut_after_events=8),
}


class Faults:
    """`Fault: <name> Run: <command>`: a request that comes for the first time fails, the same again is answered.

    `Then fault: <name> Run: <command>`: not the first one fails, but that which brings the command's output."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def __call__(self, request: Request) -> Answer:
        wanted = re.search(r"(Then f|F)ault: (\S+)", request.said)
        conversation = json.dumps(request.messages)
        if wanted and bool(request.runs) is (wanted[1] != "F") and conversation not in self._failed:
            self._failed.add(conversation)
            return FAULTS[wanted[2]]
        return run_command.script(request)
