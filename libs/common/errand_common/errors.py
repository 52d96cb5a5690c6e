"""The errors that cross the wire: each one gRPC code, one HTTP status and a reason from the contract's enum."""

from datetime import timedelta
from typing import ClassVar

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from errand_common import handshake

DOMAIN = "errand"


class ErrandError(Exception):
    """What was asked, what was found, what to do. `reason` is an ErrorReason name without its prefix."""

    code: ClassVar[grpc.StatusCode]
    http_status: ClassVar[int]
    default_reason: ClassVar[str]

    transport: str = ""
    """What gRPC said where no scheduler answered: addresses and TLS troubles, for logs and not for clients."""

    def __init__(self, message: str, *, reason: str | None = None, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.retry_after = retry_after


class Invalid(ErrandError):
    """The request breaks a rule of the contract."""

    code, http_status, default_reason = grpc.StatusCode.INVALID_ARGUMENT, 400, "INVALID"


class TooLarge(Invalid):
    """More than gRPC takes at once, which says RESOURCE_EXHAUSTED. Asked again it is refused again."""

    http_status = 413


class Unauthenticated(ErrandError):
    """No credential, or not a good one."""

    code, http_status, default_reason = grpc.StatusCode.UNAUTHENTICATED, 401, "UNAUTHENTICATED"


class Denied(ErrandError):
    """A good credential that may not do this."""

    code, http_status, default_reason = grpc.StatusCode.PERMISSION_DENIED, 403, "DENIED"


class NotFound(ErrandError):
    """No such thing, or not the caller's."""

    code, http_status, default_reason = grpc.StatusCode.NOT_FOUND, 404, "NOT_FOUND"


class Conflict(ErrandError):
    """The thing is not in a state in which this can be done."""

    code, http_status, default_reason = grpc.StatusCode.FAILED_PRECONDITION, 409, "WRONG_STATE"


class Exhausted(ErrandError):
    """A limit is reached; `retry_after` says when to come back."""

    code, http_status, default_reason = grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "EXHAUSTED"


class Internal(ErrandError):
    """A bug."""

    code, http_status, default_reason = grpc.StatusCode.INTERNAL, 500, "INTERNAL"


class Unimplemented(Internal):
    """The server does not know the call: it runs another version. It will not come to know it by being asked again."""


class Unavailable(ErrandError):
    """Something that is needed does not answer; nothing was changed; try again."""

    code, http_status, default_reason = grpc.StatusCode.UNAVAILABLE, 503, "UNAVAILABLE"


_KINDS = (Invalid, Unauthenticated, Denied, NotFound, Conflict, Exhausted, Internal, Unavailable)
_BY_CODE: dict[grpc.StatusCode, type[ErrandError]] = {kind.code: kind for kind in _KINDS}
_STATUS_KEY = "grpc-status-details-bin"


def to_status(error: ErrandError) -> status_pb2.Status:
    """The google.rpc.Status of an error, with ErrorInfo and, where set, RetryInfo."""
    details: list[any_pb2.Any] = [_pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))]
    if error.retry_after is not None:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromTimedelta(error.retry_after)
        details.append(_pack(info))
    return status_pb2.Status(code=_rpc_code(error.code), message=error.message, details=details)


def from_rpc_error(error: grpc.RpcError) -> ErrandError:
    """The error that a failed call stands for; one without our ErrorInfo came from the transport: Unavailable."""
    assert isinstance(error, grpc.Call | grpc.aio.AioRpcError)
    code = error.code()
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY:
            return _from_status(status_pb2.Status.FromString(value), code)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Unimplemented("the scheduler does not know this call; run the same version everywhere")
    transport = f"{code.name}: {error.details()}"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (words := _too_large(error.details() or "")):
        return _of_transport(TooLarge(words), transport)
    away = Unavailable(handshake.with_scheduler(transport) or "the scheduler does not answer; try again")
    return _of_transport(away, transport)


def _too_large(said: str) -> str | None:
    """In words, from what gRPC 1.85 says; of too many fields of metadata it says nothing."""
    if "larger than max" in said:
        return f"a message is larger than is taken at once ({said}); send less, or ask for less, in each call"
    if not said or "metadata size exceeds" in said:
        return "what goes with the call beside its message is too large; send its credential and little else"
    return None


def _of_transport(error: ErrandError, transport: str) -> ErrandError:
    error.transport = transport
    return error


def _from_status(status: status_pb2.Status, code: grpc.StatusCode) -> ErrandError:
    reason, retry_after = "INTERNAL", None
    for detail in status.details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
    kind = _BY_CODE.get(code, Internal)
    return kind(status.message, reason=reason, retry_after=retry_after)


def _pack(message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _rpc_code(code: grpc.StatusCode) -> int:
    return int(code_pb2.Code.Value(code.name))
