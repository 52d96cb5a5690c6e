"""The services' own credentials: for each a folder that holds its token and the CA to trust."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from errand_common import durable
from errand_common.credentials import hash_token, new_token, read_secret, write_secret
from errand_common.ids import Ids
from errand_common.service import StartError
from errand_scheduler.access.scopes import OPERATOR, written
from errand_scheduler.folder import Credential, DataFolder
from errand_scheduler.store import runners, service_tokens
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_TOKEN_PREFIX = "esv"  # noqa: S105  what people recognise the token by


@dataclass(frozen=True)
class _Found:
    """A credential as it lies in the folder. `runner` is the name of the runner that it is for."""

    name: str
    scopes: str
    token_hash: str
    runner: str | None = None


async def ensure(writer: Writer, ids: Ids, folder: DataFolder, *, ca: bytes, runner_names: Sequence[str]) -> None:
    """The gateway's, the operator's and each runner's, as files beside their hashes.

    A file that was deleted is made anew, and the old token is revoked; the gateway's and the operator's is too where a
    call revoked it. A runner that is named no more loses its token and its files. Raises StartError.
    """
    found = [
        _found(folder, ca, "gateway", scopes="sessions:create"),
        _found(folder, ca, "operator", scopes=written(OPERATOR)),
        *(_found(folder, ca, f"runners/{name}", scopes="dispatch", runner=name) for name in runner_names),
    ]
    revoked = await writer.write(lambda tx: _revoked(tx, found))
    usable = [_anew(folder, each) if each in revoked else each for each in found]
    await writer.write(lambda tx: _store(tx, usable, ids))
    _remove_others(folder.credential("runners").folder, runner_names)


def _found(folder: DataFolder, ca: bytes, name: str, *, scopes: str, runner: str | None = None) -> _Found:
    credential = folder.credential(name)
    try:
        _make_folders(credential.folder, folder.credentials)
        if not credential.token.exists():
            write_secret(credential.token, new_token(_TOKEN_PREFIX))
        token = read_secret(credential.token)
        _give_ca(credential, ca)
    except (OSError, ValueError) as exc:
        raise StartError(f"the credential in {credential.folder} cannot be used: {exc}") from exc
    return _Found(name=name, scopes=scopes, token_hash=hash_token(token), runner=runner)


def _revoked(tx: Tx, found: Sequence[_Found]) -> list[_Found]:
    """Those that a call revoked and that come back by themselves. A runner does not: a host is not let in again because
    the scheduler was started, and all others need no runner."""
    revoked = [each for each in found if tx.one(service_tokens.revoked_name(each.token_hash)) is not None]
    for each in revoked:
        if each.runner is not None:
            log.warning("runner_is_revoked", runner=each.runner, folder=f"credentials/{each.name}")
    return [each for each in revoked if each.runner is None]


def _anew(folder: DataFolder, found: _Found) -> _Found:
    """The same with a token that nobody has seen."""
    credential = folder.credential(found.name)
    token = new_token(_TOKEN_PREFIX)
    try:
        # Killed in between it is missing, and made at the next start.
        credential.token.unlink()
        write_secret(credential.token, token)
    except OSError as exc:
        raise StartError(
            f"the token in {credential.folder} was revoked and cannot be replaced ({exc}); delete it and start again"
        ) from exc
    log.warning(
        "revoked_credential_made_anew",
        folder=str(credential.folder),
        advice="whoever uses a copy of it elsewhere needs the new token",
    )
    return replace(found, token_hash=hash_token(token))


def _make_folders(lowest: Path, highest: Path) -> None:
    """Each by itself: those that `mkdir` makes on its way have no mode of ours."""
    for folder in [*reversed(lowest.parents), lowest]:
        if folder.is_relative_to(highest):
            folder.mkdir(exist_ok=True, mode=0o700)


def _give_ca(credential: Credential, ca: bytes) -> None:
    if credential.ca.exists() and credential.ca.read_bytes() == ca:
        return
    durable.put(credential.ca, ca)


def _store(tx: Tx, found: Sequence[_Found], ids: Ids) -> None:
    for each in found:
        runner_id = None if each.runner is None else _runner(tx, each.runner, ids.new("rnr"))
        _store_token(tx, each, ids.new("stk"), runner_id)
    service_tokens.revoke_runners_but(tx, [each.name for each in found if each.runner])


def _store_token(tx: Tx, found: _Found, service_token_id: str, runner_id: str | None) -> None:
    known = tx.one(service_tokens.by_hash(found.token_hash))
    if known is not None and known.name != found.name:
        raise StartError(
            f"credentials/{found.name} holds the token of {known.name}: a copied folder; delete it and start again, "
            "and a token of its own is made"
        )
    if known is None:
        if tx.one(service_tokens.revoked_name(found.token_hash)) is not None:
            return
        row = ServiceToken(
            service_token_id=service_token_id,
            name=found.name,
            token_hash=found.token_hash,
            scopes=found.scopes,
            runner_id=runner_id,
        )
        service_tokens.insert(tx, row)
    else:
        service_tokens.set_scopes(tx, token_hash=found.token_hash, scopes=found.scopes)
    service_tokens.revoke_others(tx, name=found.name, token_hash=found.token_hash)


def _runner(tx: Tx, name: str, runner_id: str) -> str:
    known = tx.one(runners.by_name(name))
    if known is not None:
        return known.runner_id
    runners.insert(tx, Runner(runner_id=runner_id, name=name))
    return runner_id


def _remove_others(folder: Path, names: Sequence[str]) -> None:
    """Only what was made here goes: somebody may keep notes in a folder."""
    for each in folder.iterdir():
        if each.name in names or not each.is_dir():
            continue
        credential = Credential(each)
        try:
            credential.token.unlink(missing_ok=True)
            credential.ca.unlink(missing_ok=True)
            _remove_if_empty(each)
        except OSError as exc:
            raise StartError(f"{each} is no runner's any more and cannot be removed ({exc}); remove it") from exc


def _remove_if_empty(folder: Path) -> None:
    if any(folder.iterdir()):
        return
    try:
        folder.rmdir()
    except OSError as exc:
        # A volume of compose is mounted there: empty is all that it can be.
        if exc.errno != errno.EBUSY:
            raise
