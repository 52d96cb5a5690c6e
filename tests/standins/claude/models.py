"""The models that can be asked for, as the Models API tells of them."""

from collections.abc import Mapping
from typing import Any

CONTEXT_TOKENS = 1_000_000
_YES = {"supported": True}
_NO = {"supported": False}


def _model(model_id: str, name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model_id,
        "display_name": name,
        "created_at": "2026-09-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": CONTEXT_TOKENS,
        "max_tokens": 128_000,
        "capabilities": _CAPABILITIES,
    }


_CAPABILITIES: Mapping[str, Any] = {
    "batch": _NO,
    "citations": _NO,
    "code_execution": _NO,
    "context_management": {"supported": False, "clear_thinking_20251015": None, "clear_tool_uses_20250919": None},
    "effort": {"supported": True, "low": _YES, "medium": _YES, "high": _YES, "xhigh": _YES, "max": _YES},
    "image_input": _YES,
    "pdf_input": _NO,
    "server_tools": {"supported": False, "web_search": _NO, "code_execution": _NO},
    "structured_outputs": _YES,
    "thinking": {
        "supported": True,
        "types": {"adaptive": _YES, "between_tools": _YES, "disabled": _YES, "enabled": _NO},
    },
}

MODELS = {
    model["id"]: model
    for model in (
        _model("claude-sonnet-5-5", "Claude Sonnet 5.5"),
        _model("claude-opus-5-5", "Claude Opus 5.5"),
        _model("claude-haiku-5-5", "Claude Haiku 5.5"),
    )
}
