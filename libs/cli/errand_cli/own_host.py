"""The scheduler's own host: whoever may read the scheduler's data folder is its operator, without signing in."""

from collections.abc import Mapping
from pathlib import Path

from errand_cli.profile import Profile
from errand_common import addresses
from errand_common.credentials import read_secret
from errand_common.errors import Invalid, Unavailable

DATA = "ERRAND_DATA"


def operator(environ: Mapping[str, str]) -> Profile | None:
    """The way in of the scheduler whose data folder ERRAND_DATA is or, as with `make up`, holds; None where it is none.

    Raises Invalid where it may not be read, Unavailable where the scheduler did not start yet.
    """
    named = environ.get(DATA)
    try:
        for data in (Path(named), Path(named) / "scheduler") if named else ():
            own = data / "credentials" / "operator"
            if own.is_dir():
                return Profile(_address(data), (own / "ca.pem").read_text(), read_secret(own / "token"))
    except PermissionError as exc:
        raise Invalid(
            f"{exc.filename} may not be read; run this as the user who runs the scheduler, or sign in (errand login)"
        ) from exc
    except (OSError, ValueError) as exc:
        raise Invalid(f"the operator's credential in {named} cannot be read ({exc}); start the scheduler anew") from exc
    return None


def _address(data: Path) -> str:
    try:
        return addresses.on_this_host((data / "scheduler.address").read_text().strip())
    except FileNotFoundError as exc:
        raise Unavailable(f"the scheduler of {data} does not run; start it first") from exc
