"""`errand-scheduler healthy`: asks the running scheduler of this host whether it serves."""

import sys

from grpc_health.v1 import health_pb2, health_pb2_grpc

from errand.v1 import task_service_pb2
from errand_common import rpc
from errand_common.addresses import on_this_host
from errand_common.errors import ErrandError
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import DataFolder

_ANSWER_S = 4.0
_TASKS = task_service_pb2.DESCRIPTOR.services_by_name["TaskService"].full_name
_SERVING = health_pb2.HealthCheckResponse.SERVING


async def healthy(settings: SchedulerSettings) -> int:
    """Returns 0 when it does, else 1 with words."""
    folder = DataFolder(settings.data)
    try:
        address, ca = on_this_host(folder.address.read_text().strip()), folder.credential("operator").ca.read_bytes()
        async with rpc.channel(address, ca=ca) as channel:
            with rpc.renamed_errors():
                stub = health_pb2_grpc.HealthStub(channel)
                whole = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_S)
                tasks = await stub.Check(health_pb2.HealthCheckRequest(service=_TASKS), timeout=_ANSWER_S)
    except (OSError, ValueError) as exc:
        print(f"no scheduler has served from {settings.data} ({exc}); is it running?", file=sys.stderr)
        return 1
    except ErrandError as exc:
        print(f"{exc.message} ({exc.transport})", file=sys.stderr)
        return 1
    if whole.status != _SERVING:
        print("the scheduler is stopping", file=sys.stderr)
        return 1
    if tasks.status != _SERVING:
        print(
            f"the disk of {settings.data} is full: what is there can be read and tasks can be stopped, nothing else is"
            " taken; free some, and it goes on by itself",
            file=sys.stderr,
        )
        return 1
    return 0
