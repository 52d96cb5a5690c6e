"""What the integration tests share: the sandbox image."""

import subprocess
from pathlib import Path

import pytest

IMAGE_BUILD = Path(__file__).parents[2] / "services/runner/image/build"


@pytest.fixture(scope="session")
def sandbox_image() -> str:
    """The tag of the sandbox image, built first if this host lacks it."""
    tag = subprocess.run([IMAGE_BUILD, "--print-tag"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([IMAGE_BUILD, tag], check=True)
    return tag
