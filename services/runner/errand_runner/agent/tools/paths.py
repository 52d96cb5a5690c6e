"""Paths as Claude gives them."""

import posixpath


def absolute(path: str, folder: str) -> str:
    """The path from the root; a relative one starts from `folder`."""
    return posixpath.normpath(posixpath.join(folder, path))
