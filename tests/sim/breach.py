"""An invariant that does not hold. Those that have numbers:

I1: no task is lost: it comes to an end, or says why it waits.
I2: of a task one attempt is live, and what comes under an older fence changes nothing.
I3: what was acknowledged survives any crash, as it was sent.
I4: of an attempt's events none is missing, doubled or out of its place.
I5: what is final stays so, and has all its events; a task leaves an end only because a person sends it on.
I6: a stop is never lost, and ends in its time.
I7: no container is left without an attempt.
I8: who watches is told everything after their cursor, once and in order.
I9: nothing is kept of what is over, and nothing runs in circles.
I10: a runner has no more attempts than slots, and what it lets pass goes to another.
I11: what went wrong is over in its time.
I12: nothing is pushed under an old fence.
"""


class Breach(Exception):
    """`invariant` is one of these, or what else was promised, by a name; `found` says what was found."""

    def __init__(self, invariant: str, found: str) -> None:
        super().__init__(f"{invariant}: {found}")
