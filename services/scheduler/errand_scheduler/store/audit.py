"""The audit log: who changed what."""

from errand_scheduler.store.transaction import Tx


def record(tx: Tx, *, caller: str, action: str, subject_id: str) -> None:
    """Note a change beside it, in its transaction."""
    tx.run(
        """
        INSERT INTO audit_log (caller, action, subject_id, created_time)
        VALUES (:caller, :action, :subject_id, :now)
        """,
        {"caller": caller, "action": action, "subject_id": subject_id, "now": tx.now_us},
    )
