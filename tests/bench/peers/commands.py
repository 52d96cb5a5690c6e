"""The line protocol of a peer: commands in, one line of JSON out for each."""

import json
import sys
from collections.abc import Callable


def serve(throughput: Callable[[int], float], latency: Callable[[int], list[float]]) -> None:
    """Answers until its input ends. Says "ready" first."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        command, count = line.split()
        answer = throughput(int(count)) if command == "throughput" else latency(int(count))
        print(json.dumps(answer), flush=True)
