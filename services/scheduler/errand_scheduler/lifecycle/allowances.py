"""What a task may spend: decisions about it."""

from errand_scheduler.store.allowance import Allowance


def allowance_for(asked: Allowance | None, project: Allowance, default: Allowance) -> Allowance:
    """Of a new task: all as asked; where nothing is, each limit as the project has it, else as by default."""
    if asked is not None:
        return asked
    return Allowance(
        cost_nanodollars=project.cost_nanodollars or default.cost_nanodollars,
        tokens=project.tokens or default.tokens,
        requests=project.requests or default.requests,
        work_us=project.work_us or default.work_us,
    )
