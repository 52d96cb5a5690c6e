"""What is sent as a picture is one: known by its bytes, measured, whole, and within what Claude's API takes."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.gallery import ALL_BYTES, LONGEST_SIDE, LONGEST_SIDE_OF_MANY, MANY, Gallery
from errand_runner.agent.pictures import BrokenPicture, Picture, media_type_of, picture_of
from tests.unit.runner.agent.drawings import gif, jpeg, png, webp

WHOLE = {
    "png": ("image/png", png(640, 480)),
    "jpeg": ("image/jpeg", jpeg(640, 480)),
    "gif": ("image/gif", gif(640, 480)),
    "lossy webp": ("image/webp", webp(b"VP8 ", 640, 480)),
    "lossless webp": ("image/webp", webp(b"VP8L", 640, 480)),
    "extended webp": ("image/webp", webp(b"VP8X", 640, 480)),
}


def drawn(width: int = 10, height: int = 10, *, size: int = 300) -> Picture:
    return Picture("image/png", width, height, b"x" * size)


@pytest.mark.parametrize(("media_type", "data"), WHOLE.values(), ids=WHOLE.keys())
def test_a_picture_is_known_by_its_bytes_and_measured(media_type: str, data: bytes) -> None:
    assert media_type_of(data[:12]) == media_type
    picture = picture_of(data, media_type)
    assert (picture.width, picture.height) == (640, 480)
    block = picture.block()
    assert block == {
        "type": "image",
        "source": {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()},
    }
    assert picture.wire_bytes == len(base64.b64encode(data))


@pytest.mark.parametrize(("media_type", "data"), WHOLE.values(), ids=WHOLE.keys())
def test_a_picture_that_is_cut_off_is_none(media_type: str, data: bytes) -> None:
    for end in range(12, len(data) - 1):
        with pytest.raises(BrokenPicture):
            picture_of(data[:end], media_type)


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"<svg/>", b"BM", b"RIFF\0\0\0\0WAVE", b""])
def test_what_claude_cannot_see_is_no_picture(data: bytes) -> None:
    assert media_type_of(data) is None


def test_a_picture_whose_bytes_were_changed_or_that_is_empty_is_none() -> None:
    whole = png(4, 4)
    with pytest.raises(BrokenPicture, match="checksum"):
        picture_of(whole[:18] + b"\1" + whole[19:], "image/png")
    with pytest.raises(BrokenPicture, match="0 × 4"):
        picture_of(gif(0, 4), "image/gif")


@given(st.sampled_from(sorted({media_type for media_type, _ in WHOLE.values()})), st.binary(max_size=80), st.data())
def test_no_bytes_do_more_than_be_refused(media_type: str, junk: bytes, data: st.DataObject) -> None:
    beginning = next(whole for kind, whole in WHOLE.values() if kind == media_type)
    kept = data.draw(st.integers(0, 40))
    with suppress(BrokenPicture):
        picture_of(beginning[:kept] + junk, media_type)


def test_a_picture_has_bounds_of_its_own() -> None:
    gallery = Gallery()
    assert gallery.refusal(drawn(LONGEST_SIDE, 1)) == ""
    assert "a side may have 8,000 pixels" in gallery.refusal(drawn(1, LONGEST_SIDE + 1))
    assert "5,242,880 are the most" in gallery.refusal(drawn(size=4_000_000))


def test_after_many_pictures_each_must_be_small() -> None:
    gallery = Gallery()
    for _ in range(MANY):
        gallery.hang(drawn())
    assert gallery.refusal(drawn(LONGEST_SIDE_OF_MANY, 1)) == ""
    assert "a side may have 2,000 pixels" in gallery.refusal(drawn(LONGEST_SIDE_OF_MANY + 1, 1))


def test_after_many_pictures_with_a_large_one_there_is_no_more() -> None:
    gallery = Gallery()
    for number in range(MANY):
        gallery.hang(drawn(4_000 if number == 0 else 10))
    assert "one of them with a side of 4,000 pixels" in gallery.refusal(drawn())


def test_all_pictures_of_a_conversation_leave_its_words_room() -> None:
    gallery = Gallery()
    picture = drawn(size=3_900_000)
    while not gallery.refusal(picture):
        gallery.hang(picture)
    assert "holds 3 pictures already" in gallery.refusal(picture)
    assert gallery.refusal(drawn(size=(ALL_BYTES - 3 * picture.wire_bytes) // 4 * 3)) == ""


def test_pictures_that_were_shown_before_count() -> None:
    gallery, picture = Gallery(), picture_of(png(3_000, 1), "image/png")
    shown = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"}, picture.block()]}
    gallery.take([{"type": "text", "text": "Look"}, *[shown] * MANY, {"type": "tool_result", "content": "words"}])
    assert "one of them with a side of 3,000 pixels" in gallery.refusal(drawn())
