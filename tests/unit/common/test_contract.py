"""The contract keeps its own rules."""

from pathlib import Path

from errand_common.contract import scopes, services


def test_every_method_declares_its_scope():
    assert {method for method, scope in scopes().items() if not scope} == set()


def test_every_service_of_the_folder_is_known():
    files = Path(__file__).parents[3].glob("protos/errand/v1/*_service.proto")

    assert {service.file.name for service in services()} == {f"errand/v1/{file.name}" for file in files}


def test_reads_ask_for_reading_and_the_rest_for_more():
    for method, scope in scopes().items():
        service, name = method.rsplit("/", 1)
        reads = name.startswith(("Get", "List", "Watch", "Explain"))
        if service.endswith(("TaskService", "AccountService")):
            assert scope.endswith(":read") == reads, method
