"""An invariant that does not hold."""


class Breach(Exception):
    """`invariant` as in I1 to I12, or what else was promised; the message says what was found."""

    def __init__(self, invariant: str, found: str) -> None:
        super().__init__(f"{invariant}: {found}")
        self.invariant = invariant
