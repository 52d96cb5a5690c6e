"""What is known of how a task was worked on, over all of its attempts."""

from errand_scheduler.store.query import Query, number


def models(task_id: str) -> Query[str]:
    """The models whose replies stand in the transcript, in the order of their first."""
    return Query(
        """
        SELECT model
        FROM messages
        WHERE task_id = :task_id AND model != ''
        GROUP BY model
        ORDER BY min(event_id)
        """,
        lambda row: str(row["model"]),
        {"task_id": task_id},
    )


def time_us(task_id: str, *, now_us: int) -> Query[int]:
    """For how long runners had it, from accepting to the end of each attempt or until now, in microseconds."""
    return Query(
        """
        SELECT coalesce(sum(coalesce(completed_time, :now) - accepted_time), 0)
        FROM attempts
        WHERE task_id = :task_id AND accepted_time IS NOT NULL
        """,
        number,
        {"task_id": task_id, "now": now_us},
    )
