"""The hand-built transformers descend as autograd does."""

from __future__ import annotations

import pytest

from selfcorrect.errors import UserError
from selfcorrect.theory.construction import construct


def test_twenty_steps_equal_those_of_autograd() -> None:
    made = construct(quick=True)["constructions"]
    assert {each["blocks"] for each in made} == {1, 7}
    for each in made:
        assert each["steps"] == 20
        assert each["max_error"] <= 1e-12
        # the steps move the predictions, and the wrong direction would be seen
        assert each["moved"]["median"] > 0.1
        assert each["error_if_reversed"] > 0.1


def test_one_response_is_no_ranking() -> None:
    with pytest.raises(UserError):
        construct(n=1, quick=True)
