"""Labels that are shuffled as a control stay as alike within clusters as they were."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.concepts.folds import folds, shuffled

#: Of each cluster the labels of its texts.
LABELS = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=5), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(LABELS, st.integers(0, 99))
def test_clusters_of_one_label_swap_it_and_others_keep_what_they_have(
    given: list[list[int]], seed: int
) -> None:
    labels = np.array([label for cluster in given for label in cluster])
    clusters = [str(k) for k, cluster in enumerate(given) for _ in cluster]
    drawn = shuffled(labels, clusters, [], np.random.default_rng(seed))
    parts = [drawn[np.array(clusters) == str(k)].tolist() for k in range(len(given))]
    for before, after in zip(given, parts, strict=True):
        if len(set(before)) == 2:
            assert sorted(after) == sorted(before)
        else:
            assert len(set(after)) == 1
    alone = [(before[0], after[0]) for before, after in zip(given, parts, strict=True)
             if len(set(before)) == 1]  # fmt: skip
    assert sum(before for before, _ in alone) == sum(after for _, after in alone)


def test_what_clusters_share_is_no_news_of_shuffled_labels() -> None:
    """A state that says nothing but its cluster: shuffled text by text its labels would vary within
    a cluster, and the control would be narrower than what the true labels can do by chance."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(12), 10)
    labels = (clusters % 2).astype(np.int64)
    state = rng.standard_normal(12)[clusters]
    outer = folds(labels, [str(c) for c in clusters], 5, 0, "texts")

    def spread(draw: object) -> float:
        means = []
        for seed in range(200):
            y = draw(np.random.default_rng(seed))  # type: ignore[operator]
            means.append(state[y == 1].mean() - state[y == 0].mean())
        return float(np.std(means))

    names = [str(c) for c in clusters]
    by_cluster = spread(lambda rng: shuffled(labels, names, outer, rng))
    assert by_cluster > 2 * spread(lambda rng: rng.permutation(labels))
    for seed in range(50):  # and a probe can be made outside every part
        y = shuffled(labels, names, outer, np.random.default_rng(seed))
        assert all(len(np.unique(y[outside])) == 2 for outside, _ in outer)


def test_few_clusters_still_give_a_control() -> None:
    labels = np.array([1, 0, 0, 0, 0])
    outer = [(np.array([1, 2, 3, 4]), np.array([0])), (np.array([0, 2, 3, 4]), np.array([1]))]
    drawn = shuffled(labels, list("abcde"), outer, np.random.default_rng(0))
    assert sorted(drawn) == [0, 0, 0, 0, 1]
    assert drawn[2:].any()  # so that both parts have one outside
    impossible = [(np.array([2, 3]), np.array([0, 1, 4])), (np.array([0, 1]), np.array([2, 3, 4]))]
    drawn = shuffled(labels, list("abcde"), impossible, np.random.default_rng(0))
    assert sorted(drawn) == [0, 0, 0, 0, 1]
