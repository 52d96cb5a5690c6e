"""How long things may take, all of them multiples of one beat."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Durations:
    """Seconds, from the length of one beat (ARCHITECTURE.md, Bounds)."""

    beat_s: float

    @property
    def offer_s(self) -> float:
        """Until an offer that nobody accepts is taken back."""
        return 3 * self.beat_s

    @property
    def silent_s(self) -> float:
        """Until a runner that does not beat is offered nothing."""
        return 3 * self.beat_s

    @property
    def lease_s(self) -> float:
        """Until an attempt without heartbeats is marked disconnected."""
        return 6 * self.beat_s

    @property
    def accepted_s(self) -> float:
        """Until an attempt that was accepted must have begun to start."""
        return 12 * self.beat_s

    @property
    def starting_s(self) -> float:
        """Until its image, sandbox, clone and setup must be ready: longer than the runner gives all of them."""
        return 720 * self.beat_s

    @property
    def running_s(self) -> float:
        """Until it must have ended."""
        return 17_280 * self.beat_s

    @property
    def pending_s(self) -> float:
        """Until a task that no runner takes is given up."""
        return 120_960 * self.beat_s

    @property
    def waiting_s(self) -> float:
        """Until a task that waits for a person is given up."""
        return 518_400 * self.beat_s

    @property
    def lost_s(self) -> float:
        """Until an attempt without heartbeats is lost."""
        return 120 * self.beat_s

    @property
    def stop_s(self) -> float:
        """Until a stop that the runner does not finish is finished without it."""
        return 24 * self.beat_s

    @property
    def affinity_s(self) -> float:
        """How long a follow-up waits for the runner that has its workspace."""
        return 6 * self.beat_s

    @property
    def github_retry_s(self) -> float:
        """Until GitHub is asked again after it did not answer."""
        return 6 * self.beat_s

    @property
    def quarantine_s(self) -> float:
        """How long a runner that two processes act as is refused, or one that fails all it is given is left alone."""
        return 60 * self.beat_s
