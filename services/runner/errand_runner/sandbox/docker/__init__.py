"""Sandboxes on a Docker engine. The only imports of the Docker SDK."""

from errand_runner.sandbox.docker.engine import Engine
from errand_runner.sandbox.docker.errors import EngineUnavailable, ImageMissing, SandboxFailed
from errand_runner.sandbox.docker.facts import EngineFacts
from errand_runner.sandbox.docker.images import Images
from errand_runner.sandbox.docker.sandbox import Sandbox
from errand_runner.sandbox.docker.workspaces import Volume
from errand_runner.sandbox.profile import SandboxSpec

__all__ = [
    "Engine",
    "EngineFacts",
    "EngineUnavailable",
    "ImageMissing",
    "Images",
    "Sandbox",
    "SandboxFailed",
    "SandboxSpec",
    "Volume",
]
