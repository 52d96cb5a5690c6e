"""A server takes as many connections as its descriptors allow, and some are always left."""

import pytest

from errand_common.crowd import MOST, within


@pytest.mark.parametrize(("descriptors", "connections"), [(1 << 20, MOST), (1280, 1024), (300, 150), (512, 256)])
def test_some_files_are_always_left(descriptors: int, connections: int) -> None:
    assert within(descriptors).connections == connections
