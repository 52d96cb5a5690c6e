"""Which process of a runner told the last of an attempt: another that comes back does not have that."""


class Tellers:
    """Names processes by their nonces. Kept in memory for attempts that live."""

    def __init__(self) -> None:
        self._tellers: dict[str, str] = {}

    def told(self, attempt_id: str, nonce: str) -> None:
        """The process told events of the attempt, and they are stored."""
        self._tellers[attempt_id] = nonce

    def handed_on(self, attempt_id: str) -> None:
        """A process that just started has all that was told of the attempt, as has the one before it."""
        self._tellers.pop(attempt_id, None)

    def over(self, attempt_id: str) -> None:
        """Nothing is told of the attempt any more."""
        self._tellers.pop(attempt_id, None)

    def another(self, attempt_id: str, nonce: str) -> bool:
        """Whether events of the attempt were told that this process, which is not new, cannot have."""
        return self._tellers.get(attempt_id, nonce) != nonce
