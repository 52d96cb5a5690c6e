"""What the contract says of itself: which scope each method asks for."""

from functools import cache

from google.protobuf.descriptor import ServiceDescriptor

from errand.v1 import (
    access_service_pb2,
    account_service_pb2,
    dispatch_service_pb2,
    enrolment_service_pb2,
    fleet_service_pb2,
    options_pb2,
    task_service_pb2,
)

_FILES = (
    task_service_pb2,
    account_service_pb2,
    access_service_pb2,
    dispatch_service_pb2,
    enrolment_service_pb2,
    fleet_service_pb2,
)


def services() -> list[ServiceDescriptor]:
    """Every service of the contract."""
    return [service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values()]


def streams() -> frozenset[str]:
    """The methods, by path, whose calls stream in either direction."""
    return frozenset(
        f"/{service.full_name}/{method.name}"
        for service in services()
        for method in service.methods
        if method.client_streaming or method.server_streaming
    )


@cache
def scopes() -> dict[str, str]:
    """The scope of each method by path, such as `/errand.v1.TaskService/CreateTask`; empty where none is declared."""
    return {
        f"/{service.full_name}/{method.name}": method.GetOptions().Extensions[options_pb2.scope]
        for service in services()
        for method in service.methods
    }
