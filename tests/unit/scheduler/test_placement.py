"""Placement decides from what waits and what is free alone."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from errand_scheduler.placing import placement
from errand_scheduler.placing.placement import Line, Needs, Offer, Standings, Waiting, after
from errand_scheduler.placing.seats import ILL, Labels, Seat

GPU: Labels = (("gpu", "yes"),)
EU: Labels = (("region", "eu"),)
BOTH: Labels = (*GPU, *EU)


def seat(name: str, free: int, labels: Labels = (), condition: str = "", let_pass: Sequence[str] = ()) -> Seat:
    return Seat(
        runner_id=name,
        name=name,
        slots=max(free, 1),
        free=free,
        labels=labels,
        condition=condition,
        let_pass=frozenset(let_pass),
    )


def line(*task_ids: str, user: str = "ann", labels: Labels = (), only: str | None = None) -> Line:
    """Tasks whose names end in the number of their age."""
    tasks = [Waiting(each, user, queue_time=int(each[1:]), last_runner_id=only) for each in task_ids]
    return Line(user_id=user, needs=Needs(labels=labels, only=only), tasks=tasks)


def plan(
    lines: Sequence[Line],
    seats: Sequence[Seat],
    live: Mapping[str, int] | None = None,
    *,
    served: Mapping[str, int] | None = None,
    most_live: int = 20,
    most_offers: int = 1000,
) -> list[Offer]:
    standings = Standings(live=live or {}, served=served or {})
    return placement.plan(lines, seats, standings, most_live=most_live, most_offers=most_offers)


def pairs(offers: Sequence[Offer]) -> list[tuple[str, str]]:
    return [(offer.task_id, offer.runner_id) for offer in offers]


def test_users_take_turns_and_each_users_oldest_goes_first() -> None:
    offers = plan([line("a1", "a2", "a3"), line("b4", "b5", user="bob")], [seat("r", 4)])
    assert [offer.task_id for offer in offers] == ["a1", "b4", "a2", "b5"]


def test_a_user_with_less_at_work_goes_first() -> None:
    offers = plan([line("a1"), line("b2", user="bob")], [seat("r", 1)], {"ann": 2, "bob": 1})
    assert pairs(offers) == [("b2", "r")]


def test_of_two_with_as_much_at_work_the_one_served_longest_ago_goes_first() -> None:
    lines = [line("a1"), line("b2", user="bob"), line("c3", user="cyd")]
    assert pairs(plan(lines, [seat("r", 1)], served={"ann": 7, "bob": 3, "cyd": 5})) == [("b2", "r")]
    assert pairs(plan(lines, [seat("r", 1)], served={"ann": 7, "bob": 3})) == [("c3", "r")]


def test_of_two_never_served_the_one_who_waits_longer_goes_first() -> None:
    assert pairs(plan([line("a2"), line("b1", user="bob")], [seat("r", 1)])) == [("b1", "r")]


def test_nobody_gets_more_than_one_person_may_have() -> None:
    lines = [line("a1", "a2", "a3"), line("b4", user="bob")]
    assert pairs(plan(lines, [seat("r", 9)], {"ann": 1}, most_live=2)) == [("b4", "r"), ("a1", "r")]


def test_the_runner_with_most_room_is_chosen() -> None:
    offers = plan([line("a1", "a2", "a3")], [seat("small", 1), seat("large", 2)])
    assert sorted(offer.runner_id for offer in offers) == ["large", "large", "small"]


def test_a_runner_that_rests_gets_nothing() -> None:
    assert plan([line("a1")], [seat("r", 5, condition=ILL)]) == []


def test_a_task_goes_only_where_its_labels_are() -> None:
    seats = [seat("plain", 5), seat("gpu", 1, GPU), seat("all", 1, BOTH)]
    offers = plan([line("a1", labels=BOTH), line("a2", labels=GPU), line("a3", labels=GPU)], seats)
    assert pairs(offers) == [("a1", "all"), ("a2", "gpu")]


def test_the_oldest_goes_first_whatever_it_needs() -> None:
    seats = [seat("r", 1, GPU)]
    assert pairs(plan([line("a2"), line("a1", labels=GPU)], seats)) == [("a1", "r")]
    assert pairs(plan([line("a2", labels=GPU), line("a1")], seats)) == [("a1", "r")]


def test_what_cannot_go_holds_nobody_up_behind_it() -> None:
    offers = plan([line("a1", labels=GPU), line("a2", only="gone"), line("a3")], [seat("r", 3)])
    assert pairs(offers) == [("a3", "r")]


def test_a_follow_up_waits_for_the_runner_that_has_its_workspace() -> None:
    assert plan([line("a1", only="busy")], [seat("busy", 0), seat("free", 1)]) == []
    assert pairs(plan([line("a1", only="small")], [seat("small", 1), seat("large", 9)])) == [("a1", "small")]


def test_a_follow_up_prefers_its_runner_after_the_wait_too() -> None:
    again = Waiting("a1", "ann", 1, last_runner_id="small")
    offers = plan([Line("ann", Needs(), [again])], [seat("small", 1), seat("large", 9)])
    assert pairs(offers) == [("a1", "small")]


def test_a_runner_that_lost_the_label_is_not_waited_for() -> None:
    seats = [seat("old", 1), seat("new", 1, GPU)]
    assert pairs(plan([line("a1", labels=GPU, only="old")], seats)) == [("a1", "new")]


def test_a_retry_goes_where_it_has_not_failed_if_it_can() -> None:
    retry = Waiting("a1", "ann", 1, last_runner_id="bad", failed_on=("bad",))
    lines = [Line("ann", Needs(), [retry])]
    assert pairs(plan(lines, [seat("bad", 9), seat("good", 1)])) == [("a1", "good")]
    assert pairs(plan(lines, [seat("bad", 9), seat("good", 0)])) == [("a1", "bad")]


def test_a_task_that_a_runner_let_pass_goes_elsewhere_if_it_can() -> None:
    blocked = seat("blocked", 9, let_pass=["a1"])
    assert pairs(plan([line("a1", "a2")], [blocked, seat("good", 1)])) == [("a1", "good"), ("a2", "blocked")]
    assert pairs(plan([line("a1")], [blocked, seat("good", 0)])) == [("a1", "blocked")]


def test_a_workspace_is_no_reason_to_offer_again_what_was_let_pass() -> None:
    again = Waiting("a1", "ann", 1, last_runner_id="blocked")
    offers = plan([Line("ann", Needs(), [again])], [seat("blocked", 9, let_pass=["a1"]), seat("good", 1)])
    assert pairs(offers) == [("a1", "good")]


def test_one_plan_makes_so_many_offers_at_most() -> None:
    assert len(plan([line(*(f"a{number}" for number in range(9)))], [seat("r", 9)], most_offers=4)) == 4


LABELS: st.SearchStrategy[Labels] = st.sampled_from([(), GPU, EU, BOTH])
SEATS = st.lists(st.tuples(st.integers(-1, 4), LABELS, st.sampled_from(["", "", ILL])), max_size=6).map(
    lambda found: [seat(f"r{number}", *each) for number, each in enumerate(found)]
)
TASKS = st.lists(
    st.tuples(st.sampled_from("abcd"), LABELS, st.sampled_from([None, None, "r0", "r1", "gone"])), max_size=30
)
LIVE = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 4))


def lines_of(tasks: Sequence[tuple[str, Labels, str | None]]) -> list[Line]:
    found: dict[tuple[str, Needs], list[Waiting]] = {}
    for number, (user, labels, only) in enumerate(tasks):
        waiting = Waiting(f"t{number}", user, number, last_runner_id=only)
        found.setdefault((user, Needs(labels=labels, only=only)), []).append(waiting)
    return [Line(user, needs, waiting) for (user, needs), waiting in found.items()]


@given(TASKS, SEATS, LIVE, st.integers(1, 5))
def test_no_limit_slot_or_label_is_ever_passed_and_no_slot_is_wasted(
    tasks: list[tuple[str, Labels, str | None]], seats: list[Seat], live: dict[str, int], most_live: int
) -> None:
    lines = lines_of(tasks)
    offers = plan(lines, seats, live, most_live=most_live)

    needs = {waiting.task_id: each.needs for each in lines for waiting in each.tasks}
    by_id = {each.runner_id: each for each in seats}
    assert len({offer.task_id for offer in offers}) == len(offers)
    for runner_id, count in Counter(offer.runner_id for offer in offers).items():
        assert count <= by_id[runner_id].free
        assert by_id[runner_id].condition == ""
    for offer in offers:
        assert by_id[offer.runner_id].fits(needs[offer.task_id].labels)
    total = Counter(live) + Counter(offer.user_id for offer in offers)
    for user, count in Counter(offer.user_id for offer in offers).items():
        assert live.get(user, 0) + count <= most_live

    offered = {offer.task_id for offer in offers}
    left = [each for each in after(seats, offers) if each.free > 0 and not each.condition]
    for each in lines:
        if total[each.user_id] >= most_live or each.needs.only is not None:
            continue
        if any(waiting.task_id not in offered for waiting in each.tasks):
            assert not any(free.fits(each.needs.labels) for free in left)


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(0, 12), LIVE)
def test_whoever_is_served_has_never_more_than_one_above_another_who_waits(
    users: list[str], free: int, live: dict[str, int]
) -> None:
    lines = lines_of([(user, (), None) for user in users])
    offers = plan(lines, [seat("r", free)], live)
    total = Counter(live)
    total.update(offer.user_id for offer in offers)
    served = Counter(offer.user_id for offer in offers)
    for waiting, queued in Counter(users).items():
        if served[waiting] < queued:
            assert all(total[other] <= total[waiting] + 1 for other in served)


@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=24, max_size=24), st.integers(2, 4))
def test_nobody_starves_beside_people_with_endless_tasks(slots: int, ends: list[int], people: int) -> None:
    """Slots fall free in any order: whoever has nothing at work is served before anybody is served twice meanwhile."""
    crowd = "abcd"[:people]
    at_work: list[str] = []
    served: dict[str, int] = {}
    since: dict[str, list[str]] = {user: [] for user in crowd}
    for end in ends:
        lines = lines_of([(user, (), None) for user in crowd for _ in range(5)])
        for offer in plan(lines, [seat("r", slots - len(at_work))], Counter(at_work), served=served):
            served[offer.user_id] = len(served) + max(served.values(), default=0) + 1
            at_work.append(offer.user_id)
            for user, others in since.items():
                others.append(offer.user_id)
                if user in at_work:
                    others.clear()
                assert len(set(others)) == len(others)
        at_work.pop(end % len(at_work))
