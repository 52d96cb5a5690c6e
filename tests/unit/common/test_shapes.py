"""What has the shape of a token or a private key is masked, and what merely looks a little like one is not."""

import re
import time
from pathlib import Path

import pytest

import errand_gateway
from errand_common.shapes import MASK, SHAPES, masked
from errand_common.values import summarise

# In two parts, so that no scanner takes this file for a leak.
KEY_BODY = "\n".join(["MIIEowIBAAKCAQEA" + "x+/9" * 12] * 5)
KEY = f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{KEY_BODY}\n-----END RSA {'PRIVATE'} KEY-----"
ENCRYPTED = KEY.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n", 1)
TOKENS = [
    "ghp_" + "a1B2" * 9,
    "gho_" + "a1B2" * 9,
    "ghu_" + "a1B2" * 9,
    "ghs_" + "a1B2" * 9,
    "ghs_123456_" + "eyJhbGciOiJSUzI1NiJ9" + ".eyJpc3MiOiIxIn0" * 20 + ".c2ln-bmF0_dXJl",
    "github_pat_" + "11ABCDEFG0" * 2 + "_" + "a1B2" * 14,
    "sk-ant-" + "api03-" + "a1B-_" * 18 + "AA",
    "ers_" + "a1B2c" * 8 + "abc",
    "ern_" + "a1B2c" * 8 + "abc",
    "ejt_" + "a1B2c" * 8 + "abc",
    "errand-join-" + "a1B2c" * 60,
    "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "aws_secret_access_key" + " = " + "a1B/" * 10,
    KEY,
    ENCRYPTED,
    KEY.replace("\n", "\\n"),
    KEY.replace("RSA PRIVATE", "OPENSSH PRIVATE"),
    KEY.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:14])
@pytest.mark.parametrize(("before", "after"), [("", ""), ('{"a": "', '"}'), ("It is (", "), see?"), ("x=", "\n- b")])
def test_a_token_is_masked_whole_wherever_it_stands(token: str, before: str, after: str) -> None:
    assert masked(f"{before}{token}{after}") == f"{before}{MASK}{after}"


def test_a_key_without_its_end_is_masked_as_far_as_it_may_go() -> None:
    assert masked(f"cut: {KEY.partition('-----END')[0]}(and more)") == f"cut: {MASK}(and more)"


@pytest.mark.parametrize(
    "text",
    [
        "the ghp_ prefix, and github_pat_ too",
        "sk-ant-... is how a key begins",
        "AKIA is a place, ASIA too",
        "high_and_low_and_more_words_like_these",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        f"-----BEGIN {'PUBLIC'} KEY-----\nMIIB\n-----END {'PUBLIC'} KEY-----",
        "",
    ],
)
def test_other_text_is_as_it_was(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" * 100_000,
        "ghp_a." * 70_000,
        "-" * 400_000 + "PRIVATE KEY",
        f"-----BEGIN {'PRIVATE'} KEY-----" * 13_000,
        f"-----BEGIN {'PRIVATE'} KEY-----" + "-a" * 200_000,
        "aws_secret_access_key" + " " * 400_000,
    ],
    ids=lambda text: text[:12],
)
def test_the_time_it_takes_grows_with_the_text_alone(text: str) -> None:
    started_s = time.process_time()
    masked(text)
    assert time.process_time() - started_s < 3


def test_a_summary_shows_no_token_nor_half_of_one() -> None:
    token = TOKENS[0]
    assert summarise(f"pushed with {token}") == f"pushed with {MASK}"
    for room in range(20, 60):
        for tail in (False, True):
            cut = summarise(f"{'x' * 20} {token} {'y' * 20}", limit_bytes=room, tail=tail)
            assert token[4:12] not in cut
            assert token[-8:] not in cut


def test_the_page_masks_the_same_shapes() -> None:
    script = (Path(errand_gateway.__file__).parent / "page" / "web" / "shapes.js").read_text()
    listed = re.findall(r"^    /(.*)/,$", script, re.MULTILINE)
    assert [each.replace(r"\/", "/") for each in listed] == [shape.replace(r"\"", '"') for shape in SHAPES]
    assert f'MASK = "{MASK}"' in script
