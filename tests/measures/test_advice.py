"""Advice: "do" only where it is shown, "don't" as readily, and whom it hurts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from panels import MARGINS, made
from selfcorrect.measures import advice, arms, paired
from selfcorrect.measures.advice import Arms
from selfcorrect.measures.choice import Choice, choose
from selfcorrect.measures.intervals import LEVEL
from selfcorrect.measures.looks import level
from selfcorrect.measures.paired import holm, mcnemar, tango
from selfcorrect.measures.panel import Panel

N = 300


def dialogues(rng: np.random.Generator, *chances: float, n: int = N) -> Panel:
    """Independent answers, right with these chances, a round each."""
    return made((rng.random((n, len(chances))) < np.array(chances)).astype(float))


def beginning(first: Panel, last: Panel) -> Panel:
    """A panel with the first round of one, and the last of another."""
    columns = [panel.columns["outcome"] for panel in (first, last)]
    return made(np.stack([columns[0][:, 0], columns[1][:, -1]], axis=1))


def of(panels: Sequence[Panel], tokens: Sequence[float] = (), **more: Any) -> Arms:
    n = len(panels)
    tokens = tokens or range(100, 100 + n)
    pairs = {(i, j): [N] for i in range(n) for j in range(i + 1, n)}
    best = arms.best(panels, MARGINS, pairs) if n > 1 else [{"worse_than": []}]
    return Arms(
        panels,
        [np.full(len(panels[0].examples), float(each)) for each in tokens],
        more.get("votes", [False] * n),
        more.get("repeats", [False] * n),
        [not each["worse_than"] for each in best],
        MARGINS,
        lambda i, j: [N],  # noqa: ARG005
    )


def chosen(found: Arms) -> tuple[str, int]:
    told = choose(found, advice.gains(found))
    return told.word, told.arm


def test_a_gain_is_the_paired_difference_from_the_first_round() -> None:
    panel = dialogues(np.random.default_rng(0), 0.4, 0.7)
    (told,) = advice.gains(of([panel]))
    y = panel.columns["outcome"]
    gained, lost = int((y[:, 1] > y[:, 0]).sum()), int((y[:, 1] < y[:, 0]).sum())
    assert told is not None
    assert told["value"] == pytest.approx((gained - lost) / N)
    assert told["moved"] == gained + lost
    assert told["decides"] == pytest.approx(tango(gained, lost, N, level([N])))
    assert told["over"] == 0
    assert chosen(of([panel])) == ("do", 0)


def test_the_cheapest_of_those_that_may_be_the_best_is_chosen() -> None:
    rng = np.random.default_rng(1)
    one = dialogues(rng, 0.4, 0.75)
    other = beginning(one, dialogues(rng, 0.4, 0.74))
    worse = beginning(one, dialogues(rng, 0.4, 0.55))
    assert chosen(of([one, other, worse], [300, 200, 100])) == ("do", 1)
    assert chosen(of([one, other, worse], [200, 300, 100])) == ("do", 0)


def test_a_gain_has_to_be_one_over_every_single_answer() -> None:
    rng = np.random.default_rng(2)
    method = dialogues(rng, 0.4, 0.7)
    plain = dialogues(rng, 0.71)  # asked once, in other words
    found = of([method, plain])
    told = advice.gains(found)
    assert told[1] is None
    assert told[0] is not None
    assert (told[0]["over"], told[0]["verdict"]) == (1, "undecided")
    assert chosen(found) == ("undecided", 0)
    assert chosen(of([method, dialogues(rng, 0.95)])) == ("don't", 0)


def test_it_says_dont_where_it_hurts_and_where_nothing_is_gained() -> None:
    rng = np.random.default_rng(3)
    assert chosen(of([dialogues(rng, 0.7, 0.4)])) == ("don't", 0)
    right = np.repeat((rng.random(2_000) < 0.5).astype(float)[:, None], 2, axis=1)
    found = of([made(right)])
    assert chosen(found) == ("don't", 0)
    (told,) = advice.gains(found)
    assert told is not None
    assert (told["moved"], told["verdict"]) == (0, "same")
    assert chosen(of([made(right[:60])])) == ("undecided", 0)


def test_unread_answers_leave_no_do() -> None:
    rng = np.random.default_rng(4)
    right = (rng.random((N, 2)) < np.array([0.3, 0.7])).astype(float)
    read = np.ones((N, 2))
    read[:150, 0] = 0
    found = of([made(np.where(read == 1, right, 0.0), parse_rate=read)])
    (told,) = advice.gains(found)
    assert told is not None
    assert told["hangs"]
    assert chosen(found) == ("undecided", 0)


def test_a_majority_is_the_one_nearest_in_tokens() -> None:
    rng = np.random.default_rng(5)
    method, few, many = dialogues(rng, 0.4, 0.7), dialogues(rng, 0.5), dialogues(rng, 0.6)
    found = of([method, few, many], [100, 40, 105], votes=[False, True, True])
    told = advice.sampled(found, 0)
    assert told is not None
    assert (told["arm"], told["equal"]) == (2, True)
    assert told["ratio"]["value"] == pytest.approx(1.05)
    y = method.columns["outcome"][:, -1] - many.columns["outcome"][:, -1]
    assert told["difference"]["value"] == pytest.approx(y.mean())
    told = advice.sampled(of([method, few], [100, 40], votes=[False, True]), 0)
    assert told is not None
    assert not told["equal"]
    assert advice.sampled(of([method]), 0) is None
    # a majority in one round is no single answer, and is a gain over one
    assert advice.gains(found)[1] is not None


def test_harm_is_counted_among_answers_that_were_right_and_read() -> None:
    first = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0.0])
    last = np.array([1, 0, 1, 0, 1, 0, 0, 0, 0, 1.0])
    read = np.ones((10, 2))
    read[[3, 8], 1] = 0  # a right and a wrong one, unread at last
    read[9, 0] = 0
    panel = made(np.stack([first, last], axis=1), parse_rate=read)
    told = advice.moved(panel, 0.03)
    assert told is not None
    assert (told["harm"]["value"], told["harm"]["n"]) == (pytest.approx(1 / 3), 3)
    assert told["harm"]["unread"] == pytest.approx([1 / 4, 2 / 4])
    assert (told["mend"]["value"], told["mend"]["n"]) == (pytest.approx(1 / 4), 4)
    assert told["mend"]["unread"] == pytest.approx([1 / 5, 2 / 5])
    assert advice.moved(made(last[:, None]), 0.03) is None  # it has no first answer of its own


def test_a_method_has_to_be_better_than_asking_again_and_a_majority_for_no_more_tokens() -> None:
    """Each with how the single answer, the method, and the plain arm beside it fare."""
    rng = np.random.default_rng(9)

    def advised(tokens: Sequence[float], *chances: float, **kind: Sequence[bool]) -> Choice:
        one = dialogues(rng, *chances[:2])
        plain = beginning(one, dialogues(rng, 0.0, chances[2]))
        if "votes" in kind:
            plain = made(plain.columns["outcome"][:, 1:])
        found = of([one, plain], tokens, **kind)
        return choose(found, advice.gains(found))

    again, vote = {"repeats": [False, True]}, {"votes": [False, True]}
    for kind in (again, vote):
        assert advised([100, 100], 0.4, 0.75, 0.4, **kind) == Choice("do", 0, (), True)
        # as good: it is the plain one, though it takes a little more, unless it takes much more
        for ratio in (0.3, 0.9, 1.1):
            told = advised([100, 100 * ratio], 0.4, 0.75, 0.75, **kind)
            assert (told.word, told.arm, told.alike) == ("do", 1, (0,))
    told = advised([100, 150], 0.4, 0.75, 0.75, **again)
    assert told == Choice("do", 0, (1,), True)
    # a majority that takes more isn't asked of
    assert advised([100, 150], 0.4, 0.75, 0.75, **vote) == Choice("do", 0, (), True)
    # neither told apart from the method nor shown to gain
    told = advised([100, 95], 0.4, 0.53, 0.47, **again)
    assert (told.word, told.arm, told.alike) == ("undecided", 0, (1,))


def test_advice_is_about_the_method_where_no_control_is_shown_to_gain() -> None:
    """The method stays as it is; asking again, of which little is known, looks better by chance."""
    rng = np.random.default_rng(3)
    first = (rng.random(400) < 0.5).astype(float)
    method = made(np.stack([first, first], axis=1))
    again = first.copy()
    again[:60] = 1 - again[:60]
    again[np.flatnonzero(first[:60] == 1)[:4]] = 1.0
    repeat = made(np.stack([first, again], axis=1))
    found = of([method, repeat], [100, 100], repeats=[False, True])
    gained = advice.gains(found)
    assert [each and each["verdict"] for each in gained] == ["same", "undecided"]
    assert choose(found, gained) == Choice("don't", 0, open=(1,))
    alone = of([repeat], [100], repeats=[True])
    assert choose(alone, advice.gains(alone)) == Choice("undecided", 0)


def test_a_method_that_loses_is_what_it_is_about_though_its_control_may_gain() -> None:
    rng = np.random.default_rng(5)
    method = dialogues(rng, 0.8, 0.6)
    repeat = beginning(method, dialogues(rng, 0.0, 0.8))
    found = of([method, repeat], [100, 100], repeats=[False, True])
    gained = advice.gains(found)
    assert [each and each["verdict"] for each in gained] == ["worse", "undecided"]
    assert not found.left[0]
    assert choose(found, gained) == Choice("don't", 0, open=(1,))


def test_tokens_that_nobody_counted_are_not_none() -> None:
    rng = np.random.default_rng(10)
    one = dialogues(rng, 0.4, 0.75)
    other = beginning(one, dialogues(rng, 0.4, 0.75))
    for tokens in ([np.nan, np.nan], [100, np.nan], [np.nan, 100]):
        found = of([one, other], tokens)
        assert choose(found, advice.gains(found)) == Choice("do", 0, (), None)
        found = of([one, other], tokens, repeats=[False, True])
        assert choose(found, advice.gains(found)) == Choice("do", 1, (0,), None)
    vote = made(other.columns["outcome"][:, 1:])
    told = advice.sampled(of([one, vote], [100, np.nan], votes=[False, True]), 0)
    assert told is not None
    assert (told["ratio"], told["equal"]) == (None, False)


def test_what_is_shown_but_within_the_margin_counts_as_none() -> None:
    y = np.zeros((20_000, 3))
    y[:10_000] = 1
    y[10_000:10_100, 1] = 1  # .5 points
    y[10_000:10_190, 2] = 1  # and .45 more
    found = of([made(y)])
    (told,) = advice.gains(found)
    assert told is not None
    assert told["decides"][0] > 0
    assert (told["verdict"], told["small"]) == ("same", "better")
    assert chosen(found) == ("don't", 0)
    assert advice.enough(made(y), MARGINS, [20_000]) == 1


def test_a_category_that_is_hurt_is_named_and_a_small_one_is_not() -> None:
    rng = np.random.default_rng(6)
    names = ["good"] * 120 + ["bad"] * 120 + ["small"] * 5
    chances = np.array([[0.5, 0.8]] * 120 + [[0.8, 0.4]] * 120 + [[1.0, 0.0]] * 5)
    panel = made((rng.random((245, 2)) < chances).astype(float))
    (single,) = [each for _, each in of([panel]).singles()]
    told = advice.hurts(panel, single, MARGINS, names)
    assert told["few"] == {"small": 5}
    assert [(each["name"], each["hurts"]) for each in told["groups"]] == [
        ("bad", True),
        ("good", False),
    ]
    y = panel.columns["outcome"]
    ps = [
        mcnemar(int((y[rows, 1] > y[rows, 0]).sum()), int((y[rows, 1] < y[rows, 0]).sum()))
        for rows in (slice(120, 240), slice(120))
    ]
    assert [each["p_holm"] for each in told["groups"]] == pytest.approx(holm(ps).tolist())
    assert all(each["could"] for each in told["groups"])
    # with four clusters nothing could be shown, though all of a category is undone
    lost = made(np.repeat([[1.0, 0.0], [1.0, 1.0]], 60, axis=0))
    lost = replace(lost, clusters=np.repeat(np.arange(8, dtype=np.uint64), 15))
    (first,) = [each for _, each in of([lost]).singles()]
    blind = advice.hurts(lost, first, MARGINS, ["a"] * 60 + ["b"] * 60)
    assert [(each["hurts"], each["could"]) for each in blind["groups"]] == [(False, False)] * 2
    # an earlier look leaves less of the 5 %
    seen = advice.hurts(panel, single, MARGINS, names, [100, 150, 200, 245])
    assert seen["groups"][0]["decides"][0] < told["groups"][0]["decides"][0]


@pytest.mark.parametrize("clusters", [1, 4])
def test_copies_of_few_questions_show_no_loss(clusters: int) -> None:
    """All of a category's 60 answers are undone, but they are of so few templates, or copies of so
    few questions, that this is as good as 1 to 4 answers."""
    right = np.repeat([[1.0, 0.0], [1.0, 1.0]], 60, axis=0)
    of_templates = np.r_[np.arange(60) % clusters, 100 + np.arange(60)].astype(np.uint64)
    panel = replace(made(right), clusters=of_templates)
    (single,) = [each for _, each in of([panel]).singles()]
    lost, kept = advice.hurts(panel, single, MARGINS, ["a"] * 60 + ["b"] * 60)["groups"]
    assert (lost["name"], lost["value"], lost["clusters"]) == ("a", -1, clusters)
    assert not lost["hurts"]
    assert not lost["could"]
    assert kept["could"]
    # as many questions of their own show it
    apart = replace(panel, clusters=np.arange(120, dtype=np.uint64))
    told = advice.hurts(apart, replace(single, clusters=apart.clusters), MARGINS, ["a"] * 120)
    assert told["groups"][0]["hurts"]


@pytest.mark.slow
@pytest.mark.parametrize("templates", [1, 8])
def test_templates_that_vary_hurt_no_category(
    templates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven categories in which nothing changes on average, each of a few templates whose answers
    go together (correlation .5): any is called hurt in 5 % of 100 runs at most, and by chance 6 %
    more."""
    monkeypatch.setattr(paired, "FLIPS", 1_999)
    each, runs, hurt = 160 // templates, 100, 0
    template = np.repeat(np.arange(11 * templates), each)
    names = [f"c{k // (templates * each)}" for k in range(len(template))]
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        y = [rng.random(len(template)) < rng.beta(0.5, 0.5, 11 * templates)[template] for _ in "ab"]
        panel = replace(made(np.stack(y, axis=1)), clusters=template.astype(np.uint64))
        (single,) = [first for _, first in of([panel]).singles()]
        told = advice.hurts(panel, single, MARGINS, names)
        hurt += any(group["hurts"] for group in told["groups"])
    assert hurt / runs <= 1 - LEVEL + 0.06


def test_how_many_rounds_are_enough() -> None:
    rng = np.random.default_rng(7)
    y = (rng.random((2_000, 4)) < 0.6).astype(float)
    y[:, 0] = rng.random(2_000) < 0.3
    y[:, 2:] = y[:, 1:2]
    assert advice.enough(made(y), MARGINS, [2_000]) == 2
    assert advice.enough(made(y[:40]), MARGINS, [40]) is None
    assert advice.enough(made(y[:, :1]), MARGINS, [2_000]) is None


@pytest.mark.slow
def test_nothing_is_advised_where_nothing_was_gained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three arms and a majority that gain nothing: "do" in 5 % of 400 at most."""
    monkeypatch.setattr(paired, "FLIPS", 1_999)
    rng = np.random.default_rng(8)
    done = 0
    for _ in range(400):
        one = dialogues(rng, 0.5, 0.5)
        others = [beginning(one, dialogues(rng, 0.5, 0.5)) for _ in range(2)]
        panels = [one, *others, dialogues(rng, 0.5)]
        done += chosen(of(panels, votes=[False, False, False, True]))[0] == "do"
    assert done / 400 <= 1 - LEVEL + 0.02
