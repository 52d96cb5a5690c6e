"""What the integration tests share: the sandbox image."""

import pytest

from tests.demo.stack import image_tag


@pytest.fixture(scope="session")
def sandbox_image() -> str:
    """The tag of the sandbox image, which `make image` built."""
    return image_tag()
