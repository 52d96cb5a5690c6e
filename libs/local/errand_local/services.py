"""Each service's own environment: what the operator set for it, and what follows from running on one host."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from errand_common import addresses
from errand_common.config import ConfigError, Settings
from errand_gateway.config import GatewaySettings
from errand_local.layout import Layout
from errand_local.settings import LocalSettings, passed_on
from errand_runner.config import RunnerSettings
from errand_scheduler.config import SchedulerSettings

RUNNER_NAME = "local"
"""The runner of this host, as the scheduler's ERRAND_RUNNERS names it by default."""

_IMAGE_BUILD = Path(__file__).parents[3] / "services" / "runner" / "image" / "build"


def environments(settings: LocalSettings, layout: Layout) -> dict[str, dict[str, str]]:
    """The variables of every service, by its name. Raises ConfigError that tells of all that is wrong."""
    _check_runners()
    given: list[tuple[str, type[Settings], Mapping[str, str]]] = [
        ("scheduler", SchedulerSettings, _scheduler(settings, layout)),
        ("gateway", GatewaySettings, _gateway(settings, layout)),
        ("runner", RunnerSettings, _runner(settings, layout)),
    ]
    found: dict[str, dict[str, str]] = {}
    wrong: dict[str, None] = {}
    for name, kind, own in given:
        try:
            found[name] = passed_on(kind, own)
        except ConfigError as exc:
            wrong |= dict.fromkeys(str(exc).splitlines())
    if wrong:
        raise ConfigError("\n".join(wrong))
    return found


def _check_runners() -> None:
    named = os.environ.get("ERRAND_RUNNERS") or RUNNER_NAME
    if RUNNER_NAME not in (name.strip() for name in named.split(",")):
        raise ConfigError(
            f"ERRAND_RUNNERS={named} does not name this host's own runner; for example"
            f" ERRAND_RUNNERS={RUNNER_NAME},{named}"
        )


def _scheduler(settings: LocalSettings, layout: Layout) -> dict[str, str]:
    return {
        "ERRAND_DATA": str(layout.scheduler),
        "ERRAND_LISTEN": settings.scheduler_listen,
        "ERRAND_METRICS_LISTEN": settings.scheduler_metrics_listen,
        "ERRAND_PUBLIC_URL": settings.url,
    }


def _gateway(settings: LocalSettings, layout: Layout) -> dict[str, str]:
    return {
        "ERRAND_LISTEN": settings.gateway_listen,
        "ERRAND_METRICS_LISTEN": settings.gateway_metrics_listen,
        "ERRAND_PUBLIC_URL": settings.url,
        **_dialling(settings, layout.scheduler / "credentials" / "gateway"),
    }


def _runner(settings: LocalSettings, layout: Layout) -> dict[str, str]:
    own = {
        "ERRAND_DATA": str(layout.runner),
        "ERRAND_METRICS_LISTEN": settings.runner_metrics_listen,
        **_dialling(settings, layout.scheduler / "credentials" / "runners" / RUNNER_NAME),
    }
    image = _built_image()
    return own | {"ERRAND_SANDBOX_IMAGE": image} if image else own


def _dialling(settings: LocalSettings, credential: Path) -> dict[str, str]:
    return {
        "ERRAND_SCHEDULER": addresses.on_this_host(settings.scheduler_listen),
        "ERRAND_CA_FILE": str(credential / "ca.pem"),
        "ERRAND_TOKEN_FILE": str(credential / "token"),
    }


def _built_image() -> str | None:
    """The image that `make image` builds, unless another was chosen."""
    if os.environ.get("ERRAND_SANDBOX_IMAGE") or not _IMAGE_BUILD.exists():
        return None
    return subprocess.run([_IMAGE_BUILD, "--print-tag"], check=True, capture_output=True, text=True).stdout.strip()
