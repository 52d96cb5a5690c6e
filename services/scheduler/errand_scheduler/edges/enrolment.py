"""EnrolmentService: what hosts ask that are to become runners."""

import re
from typing import Any

import grpc
import structlog

from errand.v1 import enrolment_service_pb2 as pb
from errand.v1.enrolment_service_pb2_grpc import EnrolmentServiceServicer
from errand_common.clock import Clock
from errand_common.credentials import hash_token
from errand_common.errors import Invalid
from errand_common.ids import Ids
from errand_common.wire import timestamp
from errand_scheduler.access import joining
from errand_scheduler.access.auth import bearer_token
from errand_scheduler.edges.requests import check_request_id
from errand_scheduler.store import join_tokens
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Writer

Context = grpc.aio.ServicerContext[Any, Any]
log = structlog.get_logger()

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class EnrolmentEdge(EnrolmentServiceServicer):
    """The caller's credential is the join token itself."""

    def __init__(self, *, reader: Reader, writer: Writer, ids: Ids, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._clock = clock

    async def CheckJoinToken(self, request: pb.CheckJoinTokenRequest, context: Context) -> pb.CheckJoinTokenResponse:
        found = await self._reader.one(join_tokens.by_hash(hash_token(bearer_token(context))))
        now_us = self._clock.now_us()
        token = joining.look(found, now_us=now_us)
        return pb.CheckJoinTokenResponse(
            labels=token.labels, expire_time=timestamp(token.expire_time), server_time=timestamp(now_us)
        )

    async def Join(self, request: pb.JoinRequest, context: Context) -> pb.JoinResponse:
        secret = bearer_token(context)
        if not check_request_id(request.request_id):
            raise Invalid("request_id is empty; make one for each host that joins")
        if not _NAME.fullmatch(request.name):
            raise Invalid(f'name "{request.name[:64]}" is no runner\'s name: 1 to 32 of a-z, 0-9 and "-"')
        ids = joining.NewIds(runner_id=self._ids.new("rnr"), service_token_id=self._ids.new("stk"))
        runner, credential = await self._writer.write(
            lambda tx: joining.join(tx, secret=secret, request_id=request.request_id, name=request.name, ids=ids),
            urgent=True,
        )
        log.info("runner_joined", runner_id=runner.runner_id, runner=runner.name)
        return pb.JoinResponse(
            runner_id=runner.runner_id, name=runner.name, token=credential, labels=runner.given_labels
        )
