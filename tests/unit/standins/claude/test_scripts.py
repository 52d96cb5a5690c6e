"""The scripts that fail and that work in steps, as far as the wire shows."""

from typing import Any

from tests.standins.claude import Failure, Reply, Request, Text, ToolUse
from tests.standins.claude.scripts import faults, steps


def request(*messages: tuple[str, list[dict[str, Any]]]) -> Request:
    return Request({"messages": [{"role": role, "content": content} for role, content in messages]}, 1)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def ran(call: str) -> tuple[tuple[str, list[dict[str, Any]]], tuple[str, list[dict[str, Any]]]]:
    use = {"type": "tool_use", "id": call, "name": "bash", "input": {"command": call}}
    return ("assistant", [use]), ("user", [{"type": "tool_result", "tool_use_id": call, "content": "ok"}])


def command(reply: Reply) -> object:
    (call,) = [block for block in reply.blocks if isinstance(block, ToolUse)]
    return call.input["command"]


def words(reply: Reply) -> str:
    return "\n".join(block.text for block in reply.blocks if isinstance(block, Text))


ORDER = ("user", [text("Today is Monday."), text("Steps: echo a; echo b")])


def test_steps_run_one_a_turn_whatever_is_said_between_them() -> None:
    assert command(steps.script(request(ORDER))) == "echo a"
    asked, answered = ran("1")
    steered = (answered[0], [*answered[1], text("Use tabs.")])
    assert command(steps.script(request(ORDER, asked, steered))) == "echo b"
    assert "Use tabs." in words(steps.script(request(ORDER, asked, steered, *ran("2"))))


def test_steps_may_be_ordered_again() -> None:
    done = (*ran("1"), *ran("2"), ("assistant", [text("Done.")]))
    again = request(ORDER, *done, ("user", [text("Steps: echo c")]))
    assert command(steps.script(again)) == "echo c"
    told = steps.script(request(ORDER, *done, ("user", [text("And now?")])))
    assert "And now?" in words(told)


def test_a_step_may_be_a_call_of_any_tool() -> None:
    order = ("user", [text('Steps: sleep 9; !kill {"id": "$bg"}')])
    asked, (role, (result,)) = ran("1")
    started = (role, [result | {"content": "up\n[bg_ab12 has run in the background for 1.0 s]"}])
    (call,) = [block for block in steps.script(request(order, asked, started)).blocks if isinstance(block, ToolUse)]
    assert (call.name, call.input) == ("kill", {"id": "bg_ab12"})


def test_a_fault_comes_once_for_each_request() -> None:
    script = faults.Faults()
    first = request(("user", [text("Fault: 529 Run: echo a")]))
    assert isinstance(script(first), Failure)
    reply = script(first)
    assert isinstance(reply, Reply)
    assert command(reply) == "echo a"
    assert isinstance(script(request(("user", [text("Fault: 401 Run: echo a")]))), Failure)
    assert isinstance(script(request(("user", [text("Run: echo a")]))), Reply)
