"""By what somebody comes in who signs in with GitHub: a decision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from errand_common.values import UserRole
from errand_scheduler.access.admission import Listed, shut_out
from errand_scheduler.store.admissions import Admission
from errand_scheduler.store.users import User


@dataclass(frozen=True)
class Entrance:
    """What is kept of it. `admits`: whatever the lists say later. `role` is for those who have none yet."""

    admits: bool = False
    organisation: str = ""
    role: UserRole = UserRole.MEMBER


OF_THE_OWNER = Entrance(admits=True, role=UserRole.ADMIN)
"""The only user of an Errand with one."""


def by_name(listed: Listed, username: str, *, known: User | None, said: Admission | None) -> Entrance | None:
    """How an account comes in for what it is called, or was; none where that does not do.

    Raises Denied NOT_ADMITTED for one that was shut out.
    """
    if (known is not None and known.disallowed_time is not None) or (said is not None and not said.allowed):
        raise shut_out(username)
    if said is not None:
        return Entrance(admits=True, role=said.role)
    if known is not None and known.admitted_time is not None:
        return Entrance(admits=True)
    return Entrance() if listed.names(username) else None


def by_organisation(allowed: Sequence[Admission], of_account: Sequence[str]) -> Entrance | None:
    """How an account comes in for the organisations that it is in: the one that gives the most."""
    theirs = {name.lower() for name in of_account}
    found = [each for each in allowed if each.name.lower() in theirs]
    if not found:
        return None
    best = max(found, key=lambda each: list(UserRole).index(each.role))
    return Entrance(organisation=best.name, role=best.role)


def by_link(entered: Entrance | None, *, admins: int) -> Entrance:
    """How an account comes in that has a link: as an admin while there is none, else as it does without it."""
    if admins:
        return entered or Entrance(admits=True)
    return replace(entered or Entrance(admits=True), role=UserRole.ADMIN)
