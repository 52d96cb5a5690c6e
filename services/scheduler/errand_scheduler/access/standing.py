"""Who is let in and shut out, and as what: what admins change, as operations."""

from dataclasses import replace

from errand_common.errors import Conflict, Exhausted, NotFound
from errand_common.values import UserRole
from errand_scheduler.access.callers import SCHEDULER, Caller
from errand_scheduler.access.entrance import Entrance
from errand_scheduler.store import admissions, audit, users
from errand_scheduler.store.admissions import MOST, Admission, Kind
from errand_scheduler.store.notices import AccessChanged, CredentialBrought
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User


def allow_user(tx: Tx, name: str, role: UserRole, by: Caller) -> None:
    """Let an account in: who signed in before, with the role that they have; who did not, by name. Raises Exhausted."""
    found = tx.all(users.by_github_username(name))
    if not found:
        _allow(tx, Admission(Kind.USER, name, True, role, by.name, tx.now_us), by)
        return
    user = found[0]
    if user.admitted_time is None or user.disallowed_time is not None:
        _set(tx, replace(user, admitted_time=user.admitted_time or tx.now_us, disallowed_time=None))
        tx.notice(CredentialBrought(user_id=user.user_id))
        by.note(tx, "allow_user", user.user_id)


def disallow_user(tx: Tx, name: str, by: Caller) -> None:
    """Shut an account out, whatever it is called from then on; by name, where it never signed in.

    Raises Conflict for the last admin.
    """
    found = tx.all(users.by_github_username(name))
    if not found:
        _say(tx, Admission(Kind.USER, name, False, UserRole.MEMBER, by.name, tx.now_us), by)
        return
    for user in found:
        if user.disallowed_time is None:
            _check_not_the_last(tx, user)
            _set(tx, replace(user, admitted_time=None, organisation="", disallowed_time=tx.now_us))
            by.note(tx, "disallow_user", user.user_id)


def allow_organisation(tx: Tx, name: str, role: UserRole, by: Caller) -> None:
    """Let in whoever is in it when they sign in. Raises Exhausted."""
    _allow(tx, Admission(Kind.ORGANISATION, name, True, role, by.name, tx.now_us), by)


def disallow_organisation(tx: Tx, name: str, by: Caller) -> None:
    """Take it off, and with it whoever is in by it alone. Raises Conflict where the last admin is among them."""
    if not admissions.remove(tx, Kind.ORGANISATION, name):
        return
    for user in tx.all(users.of_organisation(name)):
        _check_not_the_last(tx, user)
        users.set_access(tx, replace(user, organisation=""))
        # One whom the setting names too is cut off for a moment, and comes back.
        tx.notice(AccessChanged(user_id=user.user_id, role=None))
    by.note(tx, "disallow_organisation", name)


def settle_membership(tx: Tx, seen: User, entered: Entrance | None, *, named: bool) -> bool:
    """Go by what GitHub says now of somebody who was seen to be in by an organisation alone: by which they are in
    still, if by any. `named`: the setting lets them in too. False where they are the last admin, who stays."""
    user = tx.one(users.by_id(seen.user_id))
    if user != seen:
        # Decided otherwise meanwhile.
        return True
    if entered is not None:
        users.set_access(tx, replace(user, organisation=entered.organisation))
        return True
    if _is_the_last_admin(tx, user):
        return False
    users.set_access(tx, replace(user, organisation=""))
    if not named:
        tx.notice(AccessChanged(user_id=user.user_id, role=None))
    audit.record(tx, caller=SCHEDULER, action="leave_organisation", subject_id=user.user_id)
    return True


def set_role(tx: Tx, name: str, role: UserRole, by: Caller) -> None:
    """Give a person another role, or who is let in by name the one to begin with. Raises NotFound, and Conflict for the
    last admin."""
    found = tx.all(users.by_github_username(name))
    said = tx.one(admissions.of(Kind.USER, name))
    if not found and (said is None or not said.allowed):
        raise NotFound(f"nobody called {name} has signed in or was let in by name; allow them first")
    if not found:
        assert said is not None
        _say(tx, replace(said, role=role, made_by=by.name, created_time=tx.now_us), by, action="set_role")
        return
    user = found[0]
    if user.role is role:
        return
    if role is not UserRole.ADMIN:
        _check_not_the_last(tx, user)
    _set(tx, replace(user, role=role))
    by.note(tx, "set_role", user.user_id)


def _allow(tx: Tx, admission: Admission, by: Caller) -> None:
    """A name that is let in already keeps its role: a repeated call changes nothing."""
    known = tx.one(admissions.of(admission.kind, admission.name))
    if known is None or not known.allowed:
        _say(tx, admission, by)


def _say(tx: Tx, admission: Admission, by: Caller, *, action: str = "") -> None:
    known = tx.one(admissions.of(admission.kind, admission.name))
    if known is not None and (known.allowed, known.role) == (admission.allowed, admission.role):
        return
    if known is None and (tx.one(admissions.count()) or 0) >= MOST:
        raise Exhausted(f"{MOST} names are let in or shut out already, which is the most; take some off first")
    admissions.put(tx, admission)
    verb = "allow" if admission.allowed else "disallow"
    by.note(tx, action or f"{verb}_{admission.kind}", admission.name)


def _set(tx: Tx, user: User) -> None:
    users.set_access(tx, user)
    role = user.role if user.disallowed_time is None else None
    tx.notice(AccessChanged(user_id=user.user_id, role=role))


def _is_the_last_admin(tx: Tx, user: User) -> bool:
    return user.role is UserRole.ADMIN and user.disallowed_time is None and tx.one(users.admins()) == 1


def _check_not_the_last(tx: Tx, user: User) -> None:
    if _is_the_last_admin(tx, user):
        raise Conflict(f"{user.github_username} is the only admin; make somebody else one first")
