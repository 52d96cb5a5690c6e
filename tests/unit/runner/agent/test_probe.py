"""A wrong key or model is told when the runner starts; a service that is away, or says little, does not stop it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from errand_common.service import StartError
from errand_runner.agent.model import Model
from errand_runner.agent.probe import probe
from tests.standins.claude import ClaudeStandin, in_turn
from tests.unit.runner.agent.harness import MODEL, closing, make_model


@asynccontextmanager
async def service(*routes: web.RouteDef) -> AsyncGenerator[Model]:
    """A model's service of somebody else's, with these routes alone."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with closing(Model(api_key="sk-any", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}")) as model:
            yield model
    finally:
        await runner.cleanup()


async def warned(model: Model, *, limit_s: float = 10.0) -> str:
    """Probes; gives what was warned of."""
    with capture_logs() as logs:
        await probe(model, "their-model", limit_s=limit_s)
    (found,) = [line for line in logs if line["log_level"] == "warning"]
    assert (found["event"], found["model"]) == ("model_not_checked", "their-model")
    return str(found["error"])


async def test_a_good_key_and_a_known_model_start_in_silence() -> None:
    async with ClaudeStandin(in_turn()) as claude, closing(make_model(claude)) as model:
        with capture_logs() as logs:
            await probe(model, MODEL)
    assert logs == []


async def test_a_wrong_key_stops_the_start_with_where_to_get_one() -> None:
    async with ClaudeStandin(in_turn()) as claude, closing(make_model(claude, key="sk-ant-wrong-wrong")) as model:
        with pytest.raises(StartError) as caught:
            await probe(model, MODEL)
        words = str(caught.value)
        assert words.startswith(f"ANTHROPIC_API_KEY: the model's service at {claude.url} refuses the key")
    assert "(401: invalid bearer token)" in words
    assert "make one at https://platform.claude.com/settings/keys" in words
    assert "sk-ant-wrong-wrong" not in words


async def test_an_unknown_model_stops_the_start_with_those_that_there_are() -> None:
    async with ClaudeStandin(in_turn()) as claude, closing(make_model(claude)) as model:
        with pytest.raises(StartError) as caught:
            await probe(model, "claude-sonet-5-5")
        assert str(caught.value) == (
            f"ERRAND_MODEL=claude-sonet-5-5 is not a model of the service at {claude.url}, which has"
            " claude-sonnet-5-5, claude-opus-5-5, claude-haiku-5-5; for example ERRAND_MODEL=claude-sonnet-5-5"
        )


async def test_a_service_without_a_list_of_models_starts_with_a_warning() -> None:
    async with ClaudeStandin(in_turn(), has_models=False) as claude, closing(make_model(claude)) as model:
        assert "404" in await warned(model)


async def test_a_service_that_lists_its_models_its_own_way_is_believed() -> None:
    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "their-model"}, {"id": "another"}]})

    async with service(web.get("/v1/models", models)) as model:
        await probe(model, "their-model")
        with pytest.raises(StartError, match="which has their-model, another"):
            await probe(model, "not-theirs")


async def test_a_service_that_answers_all_with_a_page_starts_with_a_warning() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>", content_type="text/html")

    async with service(web.get("/{path:.*}", page)) as model:
        assert await warned(model) == "the service lists no models"
        assert (await model.abilities("their-model")).thinking is None


async def test_a_service_that_is_away_starts_with_a_warning(unused_tcp_port: int) -> None:
    async with closing(Model(api_key="sk-any", base_url=f"http://127.0.0.1:{unused_tcp_port}")) as model:
        assert "All connection attempts failed" in await warned(model)


async def test_a_service_in_trouble_starts_with_a_warning() -> None:
    async def overloaded(request: web.Request) -> web.Response:
        return web.json_response({"error": {"type": "overloaded_error", "message": "Overloaded"}}, status=529)

    async with service(web.get("/{path:.*}", overloaded)) as model:
        assert "is overloaded" in await warned(model)


async def test_a_service_that_does_not_answer_holds_the_start_up_for_a_moment_only() -> None:
    asked = asyncio.Event()

    async def asleep(request: web.Request) -> web.Response:
        asked.set()
        await asyncio.sleep(60)
        return web.Response()

    async with service(web.get("/{path:.*}", asleep)) as model:
        assert await warned(model, limit_s=3.0) == "no answer in 3 s"
    assert asked.is_set()


async def test_a_service_that_only_forbids_to_list_its_models_may_still_serve_them() -> None:
    async def forbidden(request: web.Request) -> web.Response:
        return web.json_response({"type": "error", "error": {"type": "permission_error", "message": "no"}}, status=403)

    async with service(web.get("/v1/models", forbidden), web.get("/v1/models/{model}", forbidden)) as model:
        assert "403" in await warned(model)
