"""Plans: whatever is killed, and whenever, an arm's records come from the same batches."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.runs.header import Plan
from selfcorrect.runs.pieces import Piece, gaps
from selfcorrect.runs.plans import plans_to_store, share_out

CHUNK = 4
ARMS = "abcd"


class Disk:
    """Folders of arms: the plans stored in each, and from which batch each position came."""

    def __init__(self) -> None:
        self.plans: dict[str, tuple[Plan, ...]] = {}
        self.batches: dict[str, dict[int, object]] = {}

    def copy(self) -> Disk:
        other = Disk()
        other.plans = dict(self.plans)
        other.batches = {arm: dict(held) for arm, held in self.batches.items()}
        return other

    def missing(self, arm: str, wanted: int) -> list[tuple[int, int]]:
        held = [Piece(0, at, at + 1) for at in self.batches.get(arm, ())]
        return gaps(held, 0, wanted)

    def command(self, arms: str, wanted: int) -> Iterator[None]:
        """What a command does, one write at a time; it may be killed before any of them."""
        missing = {arm: self.missing(arm, wanted) for arm in arms}
        stored = {arm: self.plans.get(arm, ()) for arm in arms}
        shares = share_out(missing, stored)
        for arm in arms:
            if missing[arm]:
                yield
                self.plans[arm] = plans_to_store(arm, stored[arm], shares)
        for share in shares:
            for piece, parts in share.pieces(wanted, CHUNK):
                for arm in share.plan.arms:
                    for start, end in parts[arm]:
                        yield
                        held = self.batches.setdefault(arm, {})
                        for at in range(start, end):
                            assert at not in held  # nothing is stored twice
                            held[at] = (share.plan.arms, piece)


COMMANDS = st.tuples(
    st.lists(st.sampled_from(ARMS), min_size=1, max_size=4, unique=True).map("".join),
    st.integers(1, 14),
)


@given(st.lists(COMMANDS, min_size=1, max_size=4), st.lists(st.integers(0, 12), max_size=3))
def test_a_kill_changes_no_batch(history: list[tuple[str, int]], kills: list[int]) -> None:
    *before, (arms, wanted) = history
    disk = Disk()
    for earlier, limit in before:
        list(disk.command(earlier, limit))
    killed = disk.copy()
    list(disk.command(arms, wanted))
    for writes in kills:
        writing = killed.command(arms, wanted)
        for _ in range(writes):
            next(writing, None)
        writing.close()
    list(killed.command(arms, wanted))
    assert killed.batches == disk.batches
    assert all(set(disk.batches[arm]) >= set(range(wanted)) for arm in arms)


@given(st.lists(COMMANDS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_arms_does_not_matter_after_a_kill(
    history: list[tuple[str, int]], random: st.DataObject
) -> None:
    *before, (arms, wanted) = history
    disk = Disk()
    for earlier, limit in before:
        list(disk.command(earlier, limit))
    killed = disk.copy()
    list(disk.command(arms, wanted))
    writing = killed.command(arms, wanted)
    for _ in arms:  # every plan is stored
        next(writing, None)
    writing.close()
    other = "".join(random.sample(arms, len(arms)))  # type: ignore[attr-defined]
    list(killed.command(other, wanted))
    assert killed.batches == disk.batches


def test_what_is_new_goes_alone_and_what_all_lack_together() -> None:
    first = share_out({"a": [(0, 8)], "b": [(0, 8)]}, {})
    assert [share.plan for share in first] == [Plan(0, 8, ("a", "b"))]
    stored = {arm: plans_to_store(arm, (), first) for arm in "ab"}
    later = share_out({"a": [(8, 12)], "b": [(8, 12)], "c": [(0, 12)]}, stored)
    assert [share.plan for share in later] == [Plan(0, 8, ("c",)), Plan(8, 12, ("a", "b", "c"))]


def test_an_arm_that_lost_its_folder_goes_with_those_it_went_with() -> None:
    plan = Plan(0, 8, ("a", "b"))
    (share,) = share_out({"a": [], "b": [(0, 8)]}, {"a": (plan,)})
    assert share.plan == plan
    assert share.missing == {"b": [(0, 8)]}


def test_a_plan_whose_arms_are_not_all_there_is_made_anew() -> None:
    plan = Plan(0, 8, ("a", "b", "c"))
    shares = share_out({"a": [(4, 8)], "b": [(4, 8)]}, {"a": (plan,), "b": (plan,)})
    assert [share.plan for share in shares] == [Plan(4, 8, ("a", "b"))]


def test_of_two_plans_that_could_be_followed_the_latest_is() -> None:
    # All three were killed, then two of them alone: what these began is what all three go on with.
    every, two = Plan(0, 8, ("a", "b", "c")), Plan(0, 8, ("a", "b"))
    missing = {"a": [(4, 8)], "b": [(4, 8)], "c": [(0, 8)]}
    stored = {"a": (every, two), "b": (every, two), "c": (every,)}
    shares = share_out(missing, stored)
    assert {share.plan: share.missing for share in shares} == {
        two: {"a": [(4, 8)], "b": [(4, 8)]},
        every: {"c": [(0, 8)]},
    }
