"""What a project allows is asked for each host, and told to Claude in a line."""

from errand_common.values import EgressMode
from errand_runner.broker.egress.rules import Rules


def test_a_list_allows_what_it_names_and_says_so() -> None:
    rules = Rules.of("allow_list", ["*.example.org", "api.example.com"])
    assert rules.refusal("a.example.org") == rules.refusal("api.example.com") == ""
    assert rules.refusal("example.org").startswith("example.org is not among the hosts")
    assert rules.told() == "HTTPS to these hosts, and no others: api.example.com, *.example.org."


def test_open_is_every_host_and_none_is_no_host() -> None:
    assert Rules.of("open", []).refusal("example.org") == ""
    assert Rules.of("open", []).told() == "HTTPS to any public host."
    for off in (Rules.of("none", ["example.org"]), Rules.of("", ["example.org"]), Rules.of("newer", ["example.org"])):
        assert off.mode is EgressMode.NONE
        assert "switched off" in off.refusal("example.org")
        assert off.told() == Rules.of("allow_list", []).told() == "none, but for git and this repository."


def test_a_long_list_is_told_in_part() -> None:
    told = Rules.of("allow_list", [f"h{number:03}.example.com" for number in range(100)]).told()
    assert "h059.example.com and 40 more." in told
