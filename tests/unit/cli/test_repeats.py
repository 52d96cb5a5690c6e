"""A call that is sent again counts once: each request that can carry an id is given one."""

import ast
from pathlib import Path

import errand_cli
from errand_common import contract

SOURCES = sorted(Path(errand_cli.__file__).parent.glob("*.py"))
WITH_ID = {
    method.input_type.name
    for service in contract.services()
    for method in service.methods
    if "request_id" in method.input_type.fields_by_name
}


def test_every_request_that_may_come_twice_carries_an_id() -> None:
    made = [(call.func.id, call) for call in calls() if isinstance(call.func, ast.Name) and call.func.id in WITH_ID]
    assert {"CreateTaskRequest", "AllowUserRequest", "CreateTokenRequest"} <= {name for name, _ in made}
    assert [name for name, call in made if "request_id" not in {word.arg for word in call.keywords}] == []


def calls() -> list[ast.Call]:
    trees = [ast.parse(source.read_text()) for source in SOURCES]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
