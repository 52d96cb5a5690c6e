"""The OpenAPI document, the routes and the contract tell the same story."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from google.protobuf.descriptor import Descriptor
from pydantic import BaseModel

from errand.v1 import account_service_pb2, event_pb2, task_pb2, task_service_pb2
from errand_common.clock import Clock
from errand_gateway.address import PublicAddress
from errand_gateway.app import Parts, make_app
from errand_gateway.live.limits import LiveLimits
from errand_gateway.rest import answers, models
from errand_gateway.rest.account_routes import AllowHost, CreateProject, UpdateProject
from errand_gateway.rest.git_credential_routes import PutGitCredential
from errand_gateway.rest.input_routes import AddInput, EditInput
from errand_gateway.rest.secret_routes import SetProjectSecret
from errand_gateway.rest.task_routes import CreateTask
from errand_gateway.scheduler.connection import Connection
from errand_gateway.signin.tokens import SessionTokens
from tests.unit.gateway.gateway_under_test import settings

_OPERATIONS = {
    ("get", "/"),
    ("get", "/auth/callback"),
    ("post", "/auth/link"),
    ("get", "/auth/methods"),
    ("post", "/auth/sign-out"),
    ("get", "/auth/start"),
    ("post", "/auth/token"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/v1/git-credentials"),
    ("delete", "/v1/git-credentials/{host}"),
    ("put", "/v1/git-credentials/{host}"),
    ("delete", "/v1/inputs/{input_id}"),
    ("patch", "/v1/inputs/{input_id}"),
    ("post", "/v1/inputs/{input_id}/promote"),
    ("get", "/v1/egress-presets"),
    ("get", "/v1/me"),
    ("get", "/v1/projects"),
    ("post", "/v1/projects"),
    ("patch", "/v1/projects/{project_id}"),
    ("post", "/v1/projects/{project_id}/hosts"),
    ("get", "/v1/projects/{project_id}/secrets"),
    ("delete", "/v1/projects/{project_id}/secrets/{name}"),
    ("put", "/v1/projects/{project_id}/secrets/{name}"),
    ("get", "/v1/repositories"),
    ("get", "/v1/tasks"),
    ("post", "/v1/tasks"),
    ("get", "/v1/tasks/{task_id}"),
    ("get", "/v1/tasks/{task_id}/blobs/{sha256}"),
    ("get", "/v1/tasks/{task_id}/events"),
    ("get", "/v1/tasks/{task_id}/inputs"),
    ("post", "/v1/tasks/{task_id}/inputs"),
    ("get", "/v1/tasks/{task_id}/messages"),
    ("get", "/v1/tasks/{task_id}/pending"),
    ("post", "/v1/tasks/{task_id}/retry"),
    ("post", "/v1/tasks/{task_id}/allowance"),
    ("post", "/v1/tasks/{task_id}/stop"),
    ("get", "/v1/tasks/{task_id}/tool_calls"),
}


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    made = settings(tmp_path, "127.0.0.1:1")
    connection = Connection(made.scheduler, ca_file=made.ca_file, token_file=made.token_file)
    return make_app(Parts(made, connection, PublicAddress("http://127.0.0.1:8080"), Clock(), LiveLimits()))


def test_the_document_lists_every_route(app: FastAPI) -> None:
    operations = {(method, path) for path, item in app.openapi()["paths"].items() for method in item}

    assert operations == _OPERATIONS


def test_every_operation_says_that_it_may_refuse_with_a_problem(app: FastAPI) -> None:
    for path, item in app.openapi()["paths"].items():
        for operation in item.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"], path
            assert "422" not in operation["responses"], f"{path}: wrong requests are 400 here"


def test_what_acts_as_a_user_asks_for_a_token(app: FastAPI) -> None:
    guarded = {
        (method, path)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
        if operation.get("security")
    }

    assert guarded == {(m, p) for m, p in _OPERATIONS if p.startswith("/v1/")} | {("post", "/auth/sign-out")}


_MODELS = [
    model
    for module in (models, answers)
    for model in vars(module).values()
    if isinstance(model, type) and model.__module__ == module.__name__
]


@pytest.mark.parametrize("model", _MODELS)
def test_what_rest_answers_has_the_contracts_fields(model: type[BaseModel]) -> None:
    fields = set(model.model_fields)
    if model is models.Event:
        fields = fields - {"kind", "detail"} | {"body"}

    assert fields == {field.name for field in _message(model.__name__).fields}


@pytest.mark.parametrize("model", _MODELS)
def test_what_rest_may_leave_out_is_what_the_contract_may_leave_unset(model: type[BaseModel]) -> None:
    message = _message(model.__name__)
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    whole = {field.name for field in message.fields if field.has_presence} - {
        "body",
        "credential",
        "user",
        "project",
        "task",
        "input",
        "secret",
    }

    assert optional == whole


@pytest.mark.parametrize(
    "model",
    [CreateProject, UpdateProject, AllowHost, SetProjectSecret, CreateTask, AddInput, EditInput, PutGitCredential],
)
def test_what_rest_takes_has_the_contracts_fields(model: type[BaseModel]) -> None:
    of_path = {
        UpdateProject: {"project_id"},
        AllowHost: {"project_id"},
        SetProjectSecret: {"project_id", "name"},
        PutGitCredential: {"host"},
    }
    from_path_and_header = {"request_id", "task_id", "input_id"} | of_path.get(model, set())
    asked = {field.name for field in _message(f"{model.__name__}Request").fields} - from_path_and_header

    assert set(model.model_fields) == asked


def test_session_tokens_have_the_contracts_fields() -> None:
    assert set(SessionTokens.model_fields) == {field.name for field in _message("SessionTokens").fields}


def test_a_blob_is_told_to_be_bytes(app: FastAPI) -> None:
    document = app.openapi()["paths"]["/v1/tasks/{task_id}/blobs/{sha256}"]["get"]

    assert list(document["responses"]["200"]["content"]) == ["application/octet-stream"]


def test_limits_of_pages_are_told(app: FastAPI) -> None:
    document = app.openapi()["paths"]["/v1/tasks/{task_id}/events"]["get"]
    limits = {parameter["name"]: parameter["schema"].get("maximum") for parameter in document["parameters"]}

    assert limits["page_size"] == 500


def _message(name: str) -> Descriptor:
    for file in (task_pb2, event_pb2, task_service_pb2, account_service_pb2):
        if name in file.DESCRIPTOR.message_types_by_name:
            found: Descriptor = file.DESCRIPTOR.message_types_by_name[name]
            return found
    raise AssertionError(f"the contract has no message {name}")
