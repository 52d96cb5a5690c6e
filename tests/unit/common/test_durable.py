"""A small file is there whole or as it was before, whatever the disk says."""

import errno
import os

import pytest

from errand_common.durable import put


def test_what_is_put_replaces_what_was_there(tmp_path):
    put(tmp_path / "note", b"one")
    put(tmp_path / "note", b"two")

    assert (tmp_path / "note").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["note"]


def test_what_does_not_fit_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    put(tmp_path / "note", b"one")
    (tmp_path / ".note").symlink_to("/dev/full")

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        put(tmp_path / "note", b"two")

    assert (tmp_path / "note").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["note"]
