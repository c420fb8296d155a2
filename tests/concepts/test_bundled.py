"""The package's own texts: balanced, distinct, and words alone tell little of some."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from selfcorrect.concepts.data import BUNDLED, bundled
from selfcorrect.concepts.folds import OUTER, folds
from selfcorrect.concepts.words import by_words
from selfcorrect.errors import UserError
from selfcorrect.measures.auroc import auroc
from selfcorrect.models.planted.mixture import corpus
from selfcorrect.planted_words import LEAD_IN


@pytest.mark.parametrize("name", sorted(set(BUNDLED) - {"planted"}))
def test_they_are_balanced_and_distinct(name: str) -> None:
    items = bundled(name).items
    assert 150 <= len(items) <= 400
    assert sum(item.label for item in items) * 2 == len(items)
    assert len({item.text for item in items}) == len(items)
    clusters = {item.cluster for item in items}
    assert len(clusters) >= 16
    for cluster in clusters:  # each has both labels
        assert {item.label for item in items if item.cluster == cluster} == {0, 1}
    assert max(len(item.text) for item in items) < 120


def test_the_words_of_statements_do_not_say_whether_they_are_right() -> None:
    items = bundled("correct").items
    labels = np.array([item.label for item in items])
    clusters = [item.cluster for item in items]
    outer = folds(labels, clusters, OUTER, 0, "x")
    scores = by_words([item.text for item in items], labels, clusters, outer, 0)
    assert auroc(scores, labels, clusters).value < 0.65  # type: ignore[operator]


def test_those_of_the_planted_mixture_are_what_its_language_says() -> None:
    """First messages, as many of either concept; they don't change but with the language."""
    items = bundled("planted").items
    drawn = ((each.messages[0].text, int(each.plus)) for each in corpus(2024))
    said = list(islice(drawn, 800))
    assert sum(item.label for item in items) * 2 == len(items) == 400
    assert {(item.text, item.label) for item in items} <= set(said)
    assert (bundled("planted").shown, bundled("planted").prefill) == ("message", LEAD_IN)


def test_there_are_none_for_other_names() -> None:
    with pytest.raises(UserError, match="did you mean 'toxic'"):
        bundled("toxick")
