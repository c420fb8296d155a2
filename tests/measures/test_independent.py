"""Shares of different examples compared."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from selfcorrect.measures.independent import independent_difference


def test_shares_of_different_examples_are_put_together_as_newcombe_does() -> None:
    one = (np.arange(40) < 12) * 1.0, np.arange(40)
    other = (np.arange(60) < 6) * 1.0, np.arange(60)
    found = independent_difference(one, other)
    known = confint_proportions_2indep(12, 40, 6, 60, method="newcomb", compare="diff")
    assert found["value"] == pytest.approx(0.2)
    # a share's interval reaches a little further than Wilson's
    assert (found["low"], found["high"]) == pytest.approx(known, abs=1e-3)
    assert found["shown"]
    assert not independent_difference(one, other, 10)["shown"]
