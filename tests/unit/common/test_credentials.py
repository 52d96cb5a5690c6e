"""Secret files are their owner's alone and are never replaced."""

import asyncio
import stat

import pytest
from structlog.testing import capture_logs

from errand_common.credentials import PEM_END, awaited, hash_token, new_token, read_secret, write_secret


def test_a_secret_file_is_private_and_comes_back(tmp_path):
    path = tmp_path / "deep" / "runner.token"
    token = new_token("esv")

    write_secret(path, token)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret(path) == token


def test_a_secret_file_is_never_replaced(tmp_path):
    path = tmp_path / "token"
    write_secret(path, "first")

    with pytest.raises(FileExistsError):
        write_secret(path, "second")
    assert read_secret(path) == "first"


def test_an_empty_secret_file_says_what_to_do(tmp_path):
    path = tmp_path / "token"
    path.touch()

    with pytest.raises(ValueError, match="is empty; delete it"):
        read_secret(path)


def test_tokens_are_long_unlike_and_hashed_one_way():
    first, second = new_token("ers"), new_token("ers")

    assert first != second
    assert len(first) >= 40
    assert first not in hash_token(first)
    assert hash_token(first) == hash_token(first) != hash_token(second)


async def test_a_file_is_awaited_until_it_is_whole(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nMIIB\n")
    with capture_logs() as logs:
        waiting = asyncio.ensure_future(awaited(path, setting="ERRAND_CA_FILE", ending=PEM_END))
        async with asyncio.timeout(20):
            while not logs:
                assert not waiting.done()
                await asyncio.sleep(0.01)
    path.write_bytes(whole := b"-----BEGIN CERTIFICATE-----\nMIIB\n" + PEM_END + b"\n")

    async with asyncio.timeout(20):
        assert await waiting == whole
    assert (logs[0]["event"], logs[0]["setting"]) == ("file_awaited", "ERRAND_CA_FILE")


def test_a_write_that_was_broken_off_is_made_anew(tmp_path):
    (tmp_path / "token.part").write_text("")

    write_secret(tmp_path / "token", "whole")

    assert read_secret(tmp_path / "token") == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
