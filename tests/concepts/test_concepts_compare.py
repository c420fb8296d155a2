"""Cosines of two concepts by layer, against random pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_concepts import BOUND, made
from selfcorrect.concepts.compare import PAIRS, compare
from selfcorrect.errors import UserError


def test_cosines_by_hand_and_what_chance_gives() -> None:
    a, b = made(3, 60, 1), made(3, 60, 2)
    table = compare(a, b)
    assert [each["layer"] for each in table["layers"]] == [0, 1, 2]
    for each in table["layers"]:
        x, y = (c.directions[each["layer"]] * c.scale[each["layer"]] for c in (a, b))
        cosine = float(x @ y) / float(np.linalg.norm(x) * np.linalg.norm(y))
        assert each["cosine"] == pytest.approx(cosine, abs=1e-5)
        # cosines of random directions in 60 dimensions have a spread of 1/√60
        assert each["random_high"] == pytest.approx(1.96 / 60**0.5, rel=0.15)
        assert each["random_low"] == pytest.approx(-1.96 / 60**0.5, rel=0.15)
        assert 1 / (PAIRS + 1) <= each["p"] <= 1
    same = compare(a, a)["layers"][0]
    assert (same["cosine"], same["p"]) == (pytest.approx(1, abs=1e-6), 1 / (PAIRS + 1))


def test_those_of_different_models_are_refused() -> None:
    other = made(bound=replace(BOUND, fingerprint="0" * 16))
    with pytest.raises(UserError, match="of different models"):
        compare(made(), other)
    with pytest.raises(UserError, match="of different sites"):
        compare(made(), made(site="mlp"))
