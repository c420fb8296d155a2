"""Contrasts of arms, on both scales: against regressions, and with unread answers."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from panels import made
from selfcorrect.measures.contrasts import columns_at, contrast, judged, unread_in
from selfcorrect.outcome import ACCURACY, Outcome

W = np.array([1.0, -1.0, -1.0, 1.0])  # how two factors interact, each on or off


def answers(p: list[float], n: int = 400, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random((n, len(p))) < np.array(p)).astype(float)
    return {"outcome": y, "parse_rate": np.ones_like(y), "gradable": np.ones_like(y)}


def test_both_scales_are_those_of_regressions_with_an_interaction() -> None:
    columns = answers([0.3, 0.5, 0.6, 0.9])
    found = contrast(columns, ACCURACY, W, np.arange(400))
    y = columns["outcome"]
    one, other = np.array([0, 1, 0, 1.0]), np.array([0, 0, 1, 1.0])
    x = sm.add_constant(np.tile(np.column_stack([one, other, one * other]), (400, 1)))
    logit = sm.Logit(y.ravel(), x).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(400), 4)}
    )
    e = found.log_odds.estimate
    assert e.value == pytest.approx(logit.params[-1], abs=1e-6)
    low, high = logit.conf_int()[-1]
    assert (e.low, e.high) == pytest.approx((low, high), abs=0.03)
    linear = sm.OLS(y.ravel(), x).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(400), 4)}
    )
    e = found.difference.estimate
    assert e.value == pytest.approx(linear.params[-1])
    assert (e.low, e.high) == pytest.approx(tuple(linear.conf_int()[-1]), abs=0.01)
    assert found.difference.p == pytest.approx(linear.pvalues[-1], abs=0.02)


def test_both_scales_must_show_it_on_one_side() -> None:
    # additive in log odds, 2 and 2 from −2: in probability they lack much
    columns = answers([0.119, 0.5, 0.5, 0.881])
    found = contrast(columns, ACCURACY, W, np.arange(400))
    assert abs(found.difference.estimate.value or 1) < 0.1
    columns = answers([0.5, 0.881, 0.881, 0.982], n=2_000)
    found = contrast(columns, ACCURACY, W, np.arange(2_000))
    assert found.difference.estimate.value == pytest.approx(-0.28, abs=0.03)
    assert found.difference.p is not None
    assert found.difference.p < 1e-6
    assert found.p_both is not None
    assert found.p_both > 0.05


def test_unread_answers_are_counted_either_way_and_may_undo_it() -> None:
    columns = answers([0.5, 0.5, 0.5, 0.8], n=200)
    known = contrast(columns, ACCURACY, W, np.arange(200))
    assert known.difference.unread is None
    columns["parse_rate"][:60, 3] = 0
    columns["outcome"][:60, 3] = 0
    y = columns["outcome"]
    found = contrast(columns, ACCURACY, W, np.arange(200))
    up, down = y.copy(), y.copy()
    up[:60, 3], down[:60, 3] = 1, 0
    ends = [float((each @ W).mean()) for each in (down, up)]
    assert found.difference.unread == pytest.approx(tuple(ends))
    assert found.difference.p is not None
    assert known.difference.p is not None
    assert found.difference.p > known.difference.p
    assert unread_in(columns, ACCURACY).tolist() == [0, 0, 0, 60]
    # arms that count nothing have no say
    other = contrast(columns, ACCURACY, [1, -1, 0, 0], np.arange(200))
    same = contrast({k: c[:, :2] for k, c in columns.items()}, ACCURACY, [1, -1], np.arange(200))
    assert other.difference.estimate.value == same.difference.estimate.value
    assert other.difference.p == pytest.approx(same.difference.p)


def test_a_share_of_all_or_none_has_no_odds_and_an_unbounded_outcome_neither() -> None:
    columns = answers([0.5, 0.5, 0.5, 1.1])
    found = contrast(columns, ACCURACY, W, np.arange(400))
    assert found.log_odds.estimate.value is None
    assert found.p_both is None
    endless = Outcome("length", bounds=(0.0, np.inf))
    found = contrast(columns, endless, W, np.arange(400))
    assert "no odds" in (found.log_odds.estimate.why or "")
    columns["outcome"][0, 0] = np.nan
    found = contrast(columns, endless, W, np.arange(400))
    assert found.difference.p is None
    assert found.difference.unread == (None, pytest.approx(found.difference.unread[1]))
    assert found.difference.at(0.99) is None


def test_several_are_judged_together() -> None:
    columns = answers([0.5, 0.5, 0.5, 0.5], n=4_000)
    both = {"a": W, "b": np.array([-1.0, 1.0, -1.0, 1.0]) / 2}
    found = judged(
        {name: contrast(columns, ACCURACY, w, np.arange(4_000)) for name, w in both.items()}, 0.2
    )
    for each in found.values():
        assert each["within"]
        assert each["together"][0] < each["difference"]["low"]
        assert each["difference"]["p_holm"] >= each["difference"]["p"]


def test_weights_that_are_no_contrast_are_refused() -> None:
    columns = answers([0.5, 0.5])
    for wrong in ([1.0, 1.0], [1.0, -1.0, 0.0]):
        with pytest.raises(ValueError, match="sum to 0"):
            contrast(columns, ACCURACY, wrong, np.arange(400))


def test_a_missing_record_is_an_answer_that_is_not_known() -> None:
    whole = made(np.ones((10, 2)))
    some = made(np.where(np.arange(10)[:, None] < 2, np.nan, 1.0) * np.ones((1, 2)))
    some.columns["parse_rate"][:2] = np.nan
    columns = columns_at([whole, some])
    assert unread_in(columns, ACCURACY).tolist() == [0, 2]
