"""The supervisor's program as a folder that any sandbox can run."""

import ast
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from errand_runner.sandbox import guest
from errand_runner.sandbox.guest_install import install_guest


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_every_file_of_the_guest_is_installed_and_parses_on_python_3_8(tmp_path: Path) -> None:
    folder = install_guest(tmp_path / "state")
    assert guest.__file__
    sources = {path.name for path in Path(guest.__file__).parent.glob("*.py")}
    assert {path.name for path in (folder / "guest").iterdir()} == sources
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.usefixtures("narrow_umask")
def test_any_uid_may_read_it_and_none_but_ours_may_write(tmp_path: Path) -> None:
    folder = install_guest(tmp_path)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.py")}
    assert modes == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "guest")} == {0o755}


def test_runners_that_install_at_once_leave_one_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        installed = set(threads.map(install_guest, [tmp_path] * 32))
    assert list(tmp_path.iterdir()) == [*installed]
    assert install_guest(tmp_path) in installed
