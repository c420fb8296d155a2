"""Several arms compared: what is planted is found, and nothing where nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from panels import MARGINS, made
from selfcorrect.measures import arms, paired
from selfcorrect.measures.intervals import LEVEL
from selfcorrect.measures.own import Own
from selfcorrect.measures.paired import holm, joint_level, mcnemar, tango
from selfcorrect.measures.panel import Panel

N = 200


def drawn(rng: np.random.Generator, chances: Sequence[float], rounds: int = 2) -> list[Panel]:
    """Arms of independent answers, right with these chances in the last round and .5 before."""
    found = []
    for chance in chances:
        right = rng.random((N, rounds)) < np.array([0.5] * (rounds - 1) + [chance])
        noise = rng.normal(size=(N, rounds))
        found.append(made(right.astype(float), entropy=0.5 + 0.1 * noise))
    return found


def against(panels: Sequence[Panel], **more: Any) -> tuple[list[Any], int]:
    fair = more.get("ranked", [True] * len(panels))
    looks = more.get("looks", [[N]] * len(panels))
    own = Own(panels[0].outcome)
    return arms.differences(panels, more.get("reference", 0), fair, MARGINS, own, looks)


def best(panels: Sequence[Panel], looks: Sequence[int] = (N,)) -> list[Any]:
    pairs = combinations(range(len(panels)), 2)
    return arms.best(panels, MARGINS, dict.fromkeys(pairs, looks))


def test_two_arms_are_the_paired_difference_itself() -> None:
    panels = drawn(np.random.default_rng(1), [0.5, 0.7])
    (none, told), tests = against(panels)
    assert none is None
    x, y = (panel.columns["outcome"][:, -1] for panel in panels)
    gained, lost = int(((y == 1) & (x == 0)).sum()), int(((y == 0) & (x == 1)).sum())
    e = told["difference"]["accuracy"]
    assert e["value"] == pytest.approx((gained - lost) / N)
    assert (e["low"], e["high"]) == pytest.approx(tango(gained, lost, N))
    assert e["p"] == pytest.approx(mcnemar(gained, lost))
    level = 1 - (1 - told["level"]) / tests
    assert e["together"] == pytest.approx(tango(gained, lost, N, level))
    assert e["verdict"] == "better"


def test_p_is_adjusted_over_arms_and_measures() -> None:
    panels = drawn(np.random.default_rng(2), [0.5, 0.56, 0.62, 0.7])
    found, tests = against(panels)
    every = [
        each
        for told in found[1:]
        for each in (*told["difference"].values(), told["change"])
        if each["verdict"] is not None
    ]
    assert len(every) == tests == 9  # accuracy, entropy and the change, of three arms
    # step down by hand
    order = sorted(range(tests), key=lambda k: every[k]["p"])
    most = 0.0
    for place, k in enumerate(order):
        most = max(most, min(1.0, (tests - place) * every[k]["p"]))
        assert every[k]["p_holm"] == pytest.approx(most)
    for told in found[1:]:
        for each in told["difference"].values():
            if each["verdict"] in ("better", "worse", "higher", "lower"):
                assert each["p_holm"] <= 1 - told["level"]
    assert holm([e["p"] for e in every]) == pytest.approx([e["p_holm"] for e in every])


@pytest.mark.slow
def test_nothing_is_claimed_where_nothing_was_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "FLIPS", 1_999)
    rng = np.random.default_rng(3)
    panels, false, excluded, true_best = 200, 0, 0, 0
    for _ in range(panels):
        arms_of = drawn(rng, [0.5] * 4)
        found, _ = against(arms_of)
        every = [
            e for told in found[1:] for e in (*told["difference"].values(), told["change"]) if e
        ]
        false += any(e["verdict"] in ("better", "worse", "higher", "lower") for e in every)
        told = best(arms_of)
        # all are the best; whichever arm is looked at is excluded in 5 % at most
        excluded += bool(told[0]["worse_than"])
        true_best += told[0]["low"] is not None and told[0]["low"] <= 0 <= told[0]["high"]
    assert false <= 16  # of 200: the 97.5 % quantile at 5 % is 16
    assert excluded <= 16
    assert true_best == panels


def test_the_best_is_found_and_held_together() -> None:
    panels = drawn(np.random.default_rng(14), [0.5, 0.5, 0.75])
    told = best(panels)
    assert [each["worse_than"] for each in told] == [[2], [2], []]
    assert told[2]["value"] > 0
    assert told[2]["low"] == 0.0  # the only one that is left
    assert told[0]["high"] == 0.0
    ends = [panel.columns["outcome"][:, -1] for panel in panels]
    columns = np.stack([ends[0] - ends[1], ends[0] - ends[2]], axis=1)
    want = joint_level(columns, panels[0].clusters, level=told[0]["level"])
    assert LEVEL < told[0]["level"] < want  # the first look takes some width, the arms some more
    # a second look at larger runs takes more
    again = best(panels, [N // 2, N])
    assert again[0]["high"] - again[0]["low"] > told[0]["high"] - told[0]["low"]


def test_a_close_race_is_left_open() -> None:
    told = best(drawn(np.random.default_rng(5), [0.3, 0.7, 0.71]))
    assert [bool(each["worse_than"]) for each in told] == [True, False, False]


def test_an_arm_that_may_not_be_ranked_has_no_verdict_and_takes_no_tests() -> None:
    panels = drawn(np.random.default_rng(6), [0.5, 0.6, 1.0])
    found, tests = against(panels, ranked=[True, True, False])
    assert tests == against(panels[:2])[1]
    assert all(e["verdict"] is None for e in found[2]["difference"].values())
    assert found[2]["change"]["verdict"] is None
    assert found[2]["difference"]["accuracy"]["value"] > 0.3
    alone = against(panels[:2])[0][1]["difference"]
    assert found[1]["difference"]["accuracy"]["p_holm"] == alone["accuracy"]["p_holm"]


def test_unread_answers_leave_no_direction_and_exclude_nobody() -> None:
    rng = np.random.default_rng(7)
    one, other = drawn(rng, [0.6, 0.6])
    read = np.ones((N, 2))
    read[:80, 1] = 0  # recorded as wrong
    right = np.where(read == 1, one.columns["outcome"], 0.0)
    bad = made(right, parse_rate=read, answer=np.where(read == 1, right, -1))
    (_, told), _ = against([other, bad])
    e = told["difference"]["accuracy"]
    assert e["alone"] == e["verdict"] == "undecided"
    assert e["hangs"]
    assert told["change"]["hangs"]
    assert not any(each["worse_than"] for each in best([other, bad]))


def test_few_clusters_leave_no_direction() -> None:
    panels = drawn(np.random.default_rng(8), [0.4, 0.9])
    four = np.arange(N, dtype=np.uint64) % 4
    panels = [Panel(p.rounds, p.examples, four, p.columns, p.own) for p in panels]
    (_, told), _ = against(panels)
    e = told["difference"]["accuracy"]
    assert e["few"]
    assert e["verdict"] == "undecided"
    assert not any(each["worse_than"] for each in best(panels))


def test_arms_that_are_the_same_are_said_to_be() -> None:
    panels = drawn(np.random.default_rng(9), [0.5, 0.5])
    (_, told), _ = against([panels[0], panels[0]])
    assert told["difference"]["accuracy"]["verdict"] == "same"
    assert told["change"] is None
    assert told["by_round"] == []  # the same records show nothing by chance


def test_the_frontier_is_what_nobody_beats_in_both() -> None:
    panels = drawn(np.random.default_rng(10), [0.5, 0.75, 0.76, 0.45])
    rng = np.random.default_rng(11)
    costs = [mean + rng.normal(size=N) for mean in (100.0, 50.0, 200.0, 10.0)]
    told = arms.frontier(panels, costs, best(panels))
    gains = [float(p.columns["outcome"][:, -1].mean()) for p in panels]
    for k, each in enumerate(told):
        beaten = [
            j
            for j in range(4)
            if j != k and gains[j] >= gains[k] and costs[j].mean() <= costs[k].mean()
        ]
        assert each["beaten_by"] == beaten
        assert each["on"] == (not beaten)
    assert told[0] == {"on": False, "open": [], "beaten_by": [1], "shown": [1]}
    assert told[3]["on"]  # the worst, and the cheapest


def test_arms_share_the_examples_that_all_of_them_have() -> None:
    one, two, three = drawn(np.random.default_rng(12), [0.5, 0.6, 0.7])
    parts = arms.shared([one.only(np.arange(150)), two.only(np.arange(50, 200)), three])
    assert all(list(p.examples) == list(range(50, 150)) for p in parts)
    assert (parts[1].columns["outcome"] == two.columns["outcome"][50:150]).all()
