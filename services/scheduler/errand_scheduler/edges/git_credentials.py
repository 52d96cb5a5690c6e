"""What people bring for git hosts beside GitHub: kept, listed without its secret, replaced, removed."""

import re

from errand.v1 import account_service_pb2 as pb
from errand_common.errors import Invalid, NotFound
from errand_common.wire import timestamp
from errand_scheduler.access.callers import caller, person
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.git_hosts import Basic
from errand_scheduler.store import git_credentials
from errand_scheduler.store.git_credentials import GitCredential
from errand_scheduler.store.notices import CredentialBrought
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

# Basic authentication parts the two at the first colon (RFC 7617).
_USERNAME = re.compile(r"[^\x00-\x1f\x7f:]{1,255}")
_PASSWORD = re.compile(r"[^\x00-\x1f\x7f]{1,1024}")


class GitCredentials:
    """One for each person and host; a host must be one that the owner of this Errand named."""

    def __init__(self, *, reader: Reader, writer: Writer, others: OtherHosts) -> None:
        self._reader = reader
        self._writer = writer
        self._others = others

    async def put(self, request: pb.PutGitCredentialRequest) -> pb.PutGitCredentialResponse:
        """Keep it, in place of what was there. Raises Invalid."""
        user_id, note = person().user_id, caller().note
        host = self._host(request.host)
        if not _USERNAME.fullmatch(request.username):
            raise Invalid("username must be 1 to 255 characters, without a colon; for a token alone take any word")
        if not _PASSWORD.fullmatch(request.password):
            raise Invalid("password must be 1 to 1024 characters, without line breaks; copy it again")
        credential = Basic(request.username, request.password)
        # What is remembered of a request is a plain hash, by which a password could be guessed: it is left out.
        compared = pb.PutGitCredentialRequest(host=request.host, username=request.username)
        asked = sent(compared, user_id=user_id, method="PutGitCredential", request_id=request.request_id)

        def put(tx: Tx) -> GitCredential:
            kept = self._others.keep(tx, user_id, host, credential)
            tx.notice(CredentialBrought(user_id=user_id))
            note(tx, "put_git_credential", host)
            return kept

        kept = await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: put(tx),
                again=lambda known_host: _find(tx, user_id, known_host),
                id_of=lambda each: each.host,
            )
        )
        return pb.PutGitCredentialResponse(credential=_shown(kept))

    async def list(self) -> pb.ListGitCredentialsResponse:
        """What the caller brought, and for which hosts one may be brought."""
        kept = await self._reader.all(git_credentials.all_of(person().user_id))
        return pb.ListGitCredentialsResponse(
            credentials=[_shown(each) for each in kept], hosts=self._others.hosts.names
        )

    async def remove(self, request: pb.RemoveGitCredentialRequest) -> pb.RemoveGitCredentialResponse:
        """Forget it. Of a host that is named no more, too."""
        user_id, note, host = person().user_id, caller().note, request.host.lower()
        asked = sent(request, user_id=user_id, method="RemoveGitCredential", request_id=request.request_id)

        def remove(tx: Tx) -> str:
            if git_credentials.remove(tx, user_id, host):
                tx.notice(CredentialBrought(user_id=user_id))
                note(tx, "remove_git_credential", host)
            return host

        await self._writer.write(lambda tx: once(tx, asked, do=lambda: remove(tx), again=str, id_of=str))
        return pb.RemoveGitCredentialResponse()

    def _host(self, asked: str) -> str:
        host = asked.lower()
        if host not in self._others.hosts.names:
            known = ", ".join(self._others.hosts.names) or "none"
            raise Invalid(
                f'host "{asked[:160]}" is not one that this Errand may work with ({known}); its owner can add it to '
                "ERRAND_GIT_HOSTS"
            )
        return host


def _find(tx: Tx, user_id: str, host: str) -> GitCredential:
    found = tx.one(git_credentials.of(user_id, host))
    if found is None:
        raise NotFound(f"what you brought for {host} was removed since")
    return found


def _shown(kept: GitCredential) -> pb.GitCredential:
    return pb.GitCredential(host=kept.host, username=kept.username, created_time=timestamp(kept.created_time))
