"""Cutting a list into pages."""

import pytest
from yarl import URL

from tests.standins.github.pages import page_of


@pytest.mark.parametrize(
    ("query", "first", "size"),
    [
        ("", 0, 30),
        ("per_page=500", 0, 100),
        ("per_page=0&page=x", 0, 30),
        ("per_page=100&page=3", 200, 50),
        ("page=99", None, 0),
    ],
)
def test_a_page_holds_what_was_asked_for_and_at_most_a_hundred(query: str, first: int | None, size: int) -> None:
    shown, _ = page_of(range(250), URL(f"http://h/list?{query}"))

    assert len(shown) == size
    assert (shown[0] if shown else None) == first


def test_the_links_name_every_neighbour_and_keep_the_rest_of_the_query() -> None:
    _, headers = page_of(range(9), URL("http://h/list?state=all&per_page=2&page=3"))

    assert headers["Link"].split(", ") == [
        '<http://h/list?state=all&per_page=2&page=2>; rel="prev"',
        '<http://h/list?state=all&per_page=2&page=4>; rel="next"',
        '<http://h/list?state=all&per_page=2&page=5>; rel="last"',
        '<http://h/list?state=all&per_page=2&page=1>; rel="first"',
    ]
