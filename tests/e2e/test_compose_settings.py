"""What compose and Caddy are told: a missing or wrong setting is told by name, before anything starts."""

import pytest
import yaml

from tests.e2e.composing import compose, execute, plain_environment

WHOLE = {"ANTHROPIC_API_KEY": "sk-ant-x", "ERRAND_PUBLIC_URL": "https://errand.example.org"}
RUNNER_ALONE = {"ANTHROPIC_API_KEY": "sk-ant-x"}
REQUIRED = {"compose.yaml": WHOLE, "deploy/runner.compose.yaml": RUNNER_ALONE}

CADDY = '#!/bin/sh\necho "$SITE $SITE_HOST"\n'


def without(found, names):
    return {name: value for name, value in found.items() if name not in names}


async def services(file, tmp_path):
    """The services of a compose file, as compose reads it."""
    done = await compose(tmp_path / "env", REQUIRED[file], "-f", file, "config")
    assert done.code == 0, done.err
    return yaml.safe_load(done.out)["services"]


async def start_caddy(tmp_path, url, **settings):
    """`deploy/caddy/start`, with a caddy that tells what it was given."""
    fake = tmp_path / "caddy"
    fake.write_text(CADDY)
    fake.chmod(0o755)
    given = {"ERRAND_PUBLIC_URL": url, "ERRAND_HTTP_PORT": "80", "ERRAND_HTTPS_PORT": "443"} | settings
    path = f"{tmp_path}:{plain_environment()['PATH']}"
    return await execute("/bin/sh", "deploy/caddy/start", env=plain_environment() | given | {"PATH": path})


@pytest.mark.parametrize(("file", "missing"), [(file, name) for file, names in REQUIRED.items() for name in names])
async def test_a_missing_setting_is_told_by_name_with_an_example(file, missing, tmp_path):
    done = await compose(tmp_path / "env", without(REQUIRED[file], {missing}), "-f", file, "config")

    assert done.code != 0
    assert f"set {missing} in .env to" in done.err
    assert f"for example {missing}=" in done.err


async def test_a_runner_alone_is_the_runner_of_the_whole(tmp_path):
    whole, alone = [await services(file, tmp_path) for file in REQUIRED]
    here, there = whole["runner"], alone["runner"]
    elsewhere = {"depends_on", "environment", "networks", "volumes"}

    assert alone["sandbox"] == whole["sandbox"]
    assert without(there, elsewhere) == without(here, elsewhere)
    assert without(there["environment"], {"ERRAND_SCHEDULER"}) == without(here["environment"], {"ERRAND_SCHEDULER"})


async def test_every_service_bounds_its_log(tmp_path):
    for file in REQUIRED:
        for name, service in (await services(file, tmp_path)).items():
            assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name


@pytest.mark.parametrize(
    ("url", "settings", "told"),
    [
        ("https://errand.example.org", {}, "https://errand.example.org errand.example.org"),
        ("https://errand.example.org/", {}, "https://errand.example.org errand.example.org"),
        ("https://203.0.113.7", {}, "https://203.0.113.7 203.0.113.7"),
        ("https://[2001:db8::7]", {}, "https://[2001:db8::7] 2001:db8::7"),
        ("https://localhost:8443", {"ERRAND_HTTPS_PORT": "8443"}, "https://localhost:8443 localhost"),
        ("http://192.168.1.20:8080", {"ERRAND_HTTP_PORT": "8080"}, "http://192.168.1.20:8080 192.168.1.20"),
        ("https://[::1]:8443", {"ERRAND_HTTPS_PORT": "8443"}, "https://[::1]:8443 ::1"),
    ],
)
async def test_caddy_serves_the_public_address(url, settings, told, tmp_path):
    done = await start_caddy(tmp_path, url, **settings)

    assert (done.out.strip(), done.code) == (told, 0)


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("errand.example.org", "for example ERRAND_PUBLIC_URL=https://"),
        ("https://", "for example ERRAND_PUBLIC_URL=https://"),
        ("https://errand.example.org/errand", "for example ERRAND_PUBLIC_URL=https://"),
        ("https://errand.example.org:8443", "set ERRAND_HTTPS_PORT=8443 as well"),
        ("http://errand.example.org:8080", "set ERRAND_HTTP_PORT=8080 as well"),
    ],
)
async def test_an_address_that_caddy_cannot_serve_is_told_with_the_cure(url, cure, tmp_path):
    done = await start_caddy(tmp_path, url)

    assert done.code == 2
    assert f"ERRAND_PUBLIC_URL is {url}: " in done.err
    assert cure in done.err
