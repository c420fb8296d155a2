"""Training on planted states: it finds what is there, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted_states import LAYERS, PlantedStates
from selfcorrect.cli.concept_lines import lines
from selfcorrect.concepts import Concept
from selfcorrect.concepts.data import Labelled, Texts, alike, balanced
from selfcorrect.concepts.folds import area, folds
from selfcorrect.concepts.judging import Steps, judge
from selfcorrect.concepts.probes import (
    STRENGTHS,
    Fitted,
    ccs,
    linear,
    mean,
    standardised,
    statement,
)
from selfcorrect.concepts.training import contrast, train
from selfcorrect.errors import UserError


def _texts(n: int = 120, word: str = "") -> Texts:
    """Texts whose words say nothing of their labels, but a word if one is given."""
    items = []
    for i in range(n):
        label = i % 2
        said = f"text {i} {word if label else 'plain'} w{i // 2 % 5}" if word else f"text {i}"
        items.append(Labelled(said, label, f"c{i // 4}"))
    return Texts(items, "planted texts")


def _train(meant: Mapping[str, float], texts: Texts, kind: str = "mean", **how: object) -> Concept:
    by_word = how.pop("by_word", None)
    model = PlantedStates(meant, by_word)  # type: ignore[arg-type]
    return train(model, "x", texts, kind=kind, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind", ["mean", "statement", pytest.param("linear", marks=pytest.mark.slow)]
)
def test_what_is_planted_is_found_in_its_layer(kind: str) -> None:
    texts = _texts()
    concept = _train({item.text: 4.0 * item.label for item in texts.items}, texts, kind)
    told = concept.figures
    assert concept.layer == 2
    assert told["nested"]["layers"] == [2] * 5
    assert told["nested"]["auroc"] > 0.95
    assert concept.vector(2) @ PlantedStates().direction > 0.9
    assert [set(each) for each in told["layers"]] == [
        {"layer", "auroc", "low", "high", "masked", "masked_low", "masked_high"}
        | {"shuffled", "shuffled_least", "shuffled_most"}
    ] * LAYERS
    for each in told["layers"]:
        assert each["low"] < each["auroc"] < each["high"]
        assert 0.25 < each["shuffled"] < 0.75
    assert set(told["text_only"]) == {"auroc", "low", "high", "n", "clusters"}
    assert (told["text_only"]["auroc"] or 0) < 0.6
    assert (told["n"], told["clusters"]) == (120, 30)
    # the probe's own probability agrees with the labels
    states = PlantedStates({i.text: 4.0 * i.label for i in texts.items}).states_of(
        [item.text for item in texts.items], "residual", 9
    )
    from selfcorrect.concepts import activation

    p = activation(states.numpy(), concept).probability[:, 2]
    labels = np.array([item.label for item in texts.items])
    assert abs(p.mean() - 0.5) < 0.1
    assert ((p > 0.5) == labels).mean() > 0.9


@pytest.fixture
def no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model of words, which takes longer than all else."""
    nothing = "selfcorrect.concepts.training.by_words"
    monkeypatch.setattr(nothing, lambda texts, *_: np.zeros(len(texts)))


def _levelled(states: np.ndarray, labels: np.ndarray, _seed: int, _only: object) -> Fitted:
    """What a logistic regression with a strong penalty comes to: a level of its own above all."""
    z, centre, scale = standardised(states)
    weights = 1e-4 * (z[labels == 1].mean(0) - z[labels == 0].mean(0))
    bias = np.full((1, len(centre)), np.log(labels.sum() / (1 - labels).sum()))
    return Fitted(centre, scale, weights[None], bias)


def test_noise_is_centred_at_a_half() -> None:
    """All parts together would be far below it, whatever labels they were dealt out by."""
    shuffled, outer, pooled = [], [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        clusters = [str(c) for c in np.sort(rng.integers(0, 25, 60))]
        labels = rng.permutation(np.arange(60) % 2)
        states = rng.standard_normal((60, 4, 8))
        parts = folds(labels, clusters, 5, seed, "noise")
        told = judge(_levelled, states, states, labels, clusters, parts, seed, Steps(None, 0),
                     by_labels=True)  # fmt: skip
        shuffled.append(told.shuffled.mean())
        outer += [area(told.scores[:, x], labels, told.parts) for x in range(4)]
        pooled += [area(told.scores[:, x], labels) for x in range(4)]
    assert np.mean(shuffled) == pytest.approx(0.5, abs=0.03)
    assert np.mean(outer) == pytest.approx(0.5, abs=0.03)
    assert np.mean(pooled) < 0.47


@pytest.mark.usefixtures("no_words")
def test_nothing_is_found_where_nothing_is() -> None:
    """The layer is chosen inside, so that the best of several is no news."""
    held = []
    for seed in range(4):
        texts = Texts([Labelled(f"{seed} {i}", i % 2, f"{i}") for i in range(100)], "noise")
        told = _train({}, texts, seed=seed).figures["nested"]
        held.append(told["low"] <= 0.5 <= told["high"])
    assert sum(held) >= 3


def test_a_probe_that_reads_a_word_is_shown_for_what_it_is() -> None:
    texts = _texts(word="bias")
    concept = _train({}, texts, by_word={"bias": 4.0, "plain": -4.0})
    told = concept.figures
    best = told["layers"][2]
    assert best["auroc"] > 0.95
    assert told["text_only"]["auroc"] > 0.95
    assert {"bias", "plain"} <= set(told["words"][:2])
    assert best["masked"] < 0.65
    assert told["when_masked"]["high"] < -0.2
    assert told["beyond_words"]["value"] == pytest.approx(
        told["nested"]["auroc"] - told["text_only"]["auroc"]
    )
    said = " ".join(lines(concept))
    assert "The probe is not shown to be better than words alone, by " in said
    assert "It falls where its words are masked, by −." in said


@pytest.mark.usefixtures("no_words")
def test_a_layer_below_others_in_the_table_has_its_reason() -> None:
    texts = _texts()
    concept = _train({item.text: 4.0 * item.label for item in texts.items}, texts)
    assert "Whether the probe is better than words alone can't be told" in " ".join(lines(concept))
    better = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 120, "clusters": 30}
    known = replace(concept, figures={**concept.figures, "beyond_words": better})
    assert "The probe is better than words alone, by +.20 [.10, .30]." in lines(known)
    assert "stand above the chosen one" not in " ".join(lines(concept))
    rows = [dict(row) for row in concept.figures["layers"]]
    rows[0]["auroc"], rows[2]["auroc"] = 0.9, 0.8
    other = replace(concept, figures={**concept.figures, "layers": rows, "chosen": 0.93})
    assert "1 of the 4 layers stand above the chosen one in the table" in " ".join(lines(other))
    older = {k: v for k, v in concept.figures.items() if k not in ("beyond_words", "when_masked")}
    assert "words alone, by" not in " ".join(lines(replace(concept, figures=older)))


@pytest.mark.usefixtures("no_words")
def test_the_users_own_words_are_masked() -> None:
    texts = _texts(word="bias")
    model = PlantedStates(by_word={"bias": 4.0})
    concept = train(model, "x", texts, kind="mean", words=["BIAS"])
    assert concept.figures["words"] == ["BIAS"]
    assert not any("bias" in text for text in model.asked[120:])
    assert any("plain" in text for text in model.asked[120:])


@pytest.mark.usefixtures("no_words")
def test_contrast_pairs_need_no_labels_but_those_of_the_anchors() -> None:
    texts = _texts()
    meant = {}
    for item in texts.items:
        true = 3.0 if item.label else -3.0
        meant[contrast(item.text, "x", True)] = true
        meant[contrast(item.text, "x", False)] = -true
    concept = _train(meant, texts, "ccs")
    told = concept.figures
    assert concept.layer == 2
    assert told["layers"][2]["auroc"] > 0.95
    assert concept.vector(2) @ PlantedStates().direction > 0.7
    assert len(told["anchors"]["with"]) == len(told["anchors"]["without"]) == 5
    # the labels of all others say nothing
    model = PlantedStates(meant)
    pairs = np.stack(
        [
            model.states_of(
                [contrast(t.text, "x", yes) for t in texts.items], "residual", 9
            ).numpy()
            for yes in (True, False)
        ],
        axis=1,
    ).astype(float)
    labels = np.array([item.label for item in texts.items])
    other = labels.copy()
    other[20:] = 1 - other[20:]
    assert np.array_equal(ccs(pairs, labels, 0).weights, ccs(pairs, other, 0).weights)


def test_a_linear_probe_is_where_the_penalised_loss_is_flat() -> None:
    rng = np.random.default_rng(0)
    states, labels = rng.standard_normal((80, 1, 6)) + 2, np.arange(80) % 2
    states[labels == 1, 0, 0] += 1
    made = linear(states, labels, 0)
    z = standardised(states)[0][:, 0]
    for s, strength in enumerate(STRENGTHS):
        w, b = made.weights[s, 0], made.bias[s, 0]
        p = 1 / (1 + np.exp(-(z @ w + b)))
        # the gradient of |w|²/2 + C Σ loss, and that of the bias, which has no penalty
        gradient = w + strength * z.T @ (p - labels)
        assert np.abs(gradient).max() < 2e-3 * strength * 80
        assert abs((p - labels).sum()) < 1e-2 * 80


def test_means_by_hand() -> None:
    rng = np.random.default_rng(0)
    states, labels = rng.standard_normal((40, 2, 5)) * 3 + 1, np.arange(40) % 2
    z = (states - states.mean(0)) / states.std(0)
    for fit, wanted in (
        (mean, z[1::2].mean(0) - z[::2].mean(0)),
        (statement, z[1::2].mean(0)),
    ):
        found = fit(states, labels, 0).weights[0]
        for layer in range(2):
            cosine = found[layer] @ wanted[layer]
            cosine /= np.linalg.norm(found[layer]) * np.linalg.norm(wanted[layer])
            assert cosine > 1 - 1e-9


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_no_cluster_lies_in_two_parts(data: st.DataObject) -> None:
    n = data.draw(st.integers(30, 60))
    clusters = [f"c{data.draw(st.integers(0, 14))}" for _ in range(n)]
    labels = [i % 2 for i in range(n)]
    try:
        made = folds(labels, clusters, 5, 0, "x")
    except UserError:
        return
    seen = np.concatenate([held for _, held in made])
    assert sorted(seen) == list(range(n))
    for train_part, held in made:
        assert not {clusters[i] for i in train_part} & {clusters[i] for i in held}


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=4, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    ones, zeros = [s for s, y in pairs if y], [s for s, y in pairs if not y]
    if ones and zeros:
        wins = sum((a > b) + (a == b) / 2 for a in ones for b in zeros)
        scores = np.array([float(s) for s, _ in pairs])
        found = area(scores, np.array([int(y) for _, y in pairs]))
        assert found == pytest.approx(wins / len(ones) / len(zeros))


def test_equal_texts_share_a_cluster() -> None:
    items = [
        Labelled("Same  text", 1, "a"),
        Labelled("other", 0, "a"),
        Labelled("same text", 0, "b"),
        Labelled("third", 1, "b"),
        Labelled("fourth", 1, "c"),
    ]
    clusters = [item.cluster for item in alike(items)]
    assert len(set(clusters[:4])) == 1
    assert clusters[4] != clusters[0]


def test_as_many_of_one_label_as_of_the_other() -> None:
    items = [Labelled(f"t{i}", int(i < 10), f"{i}") for i in range(50)]
    texts = balanced(items, "x", None, 0)
    assert [item.label for item in texts.items].count(1) == 10
    assert (len(texts.items), texts.left_out) == (20, 30)
    assert len(balanced(items, "x", 8, 0).items) == 8
    assert balanced(items, "x", 8, 1).fingerprint != balanced(items, "x", 8, 0).fingerprint


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([Labelled(f"{i}", 1, f"{i}") for i in range(30)], "only true"),
        ([Labelled(f"{i}", 0, f"{i}") for i in range(30)], "only false"),
        ([], "the labels are none"),
        ([Labelled("same", i % 2, f"{i}") for i in range(30)], "are the same"),
    ],
)
def test_texts_that_teach_nothing_are_refused(items: list[Labelled], said: str) -> None:
    with pytest.raises(UserError, match=said):
        balanced(items, "x", None, 0)


@pytest.mark.parametrize("clusters", [4, 2])
def test_too_few_clusters_are_refused(clusters: int) -> None:
    items = [Labelled(f"{i}", i % 2, f"{i % clusters}") for i in range(40)]
    with pytest.raises(UserError, match="fewer than the 5 parts"):
        _train({}, Texts(items, "x"))


def test_unknown_words_are_refused() -> None:
    with pytest.raises(UserError, match="no kind of concept 'lineal': did you mean 'linear'"):
        _train({}, _texts(), "lineal")
    with pytest.raises(UserError, match="no site 'residua'"):
        _train({}, _texts(), site="residua")
    with pytest.raises(UserError, match="a concept's name"):
        train(PlantedStates(), "a/b", _texts())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            '{"text": "a", "label": "maybe"}',
            r"x\.jsonl:1: the label must be true or false.*'maybe'",
        ),
        ('{"text": "a", "kind": true}', r"no field 'x'.*give --label FIELD, one of kind"),
        ('{"text": "a"}', "no field 'x'"),
        ('{"text": " ", "label": 1}', "'text' is empty"),
        ('{"label": 1}', "'text' is missing"),
        ('{"text": 3, "label": 1}', "'text' must be"),
        ('{"text": "a", "label": null}', "must be true or false"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: str, said: str) -> None:
    from selfcorrect.concepts.data import from_file

    (tmp_path / "x.jsonl").write_text(lines)
    with pytest.raises(UserError, match=said):
        from_file(tmp_path / "x.jsonl", "x")


def test_labels_are_read_in_several_ways(tmp_path: Path) -> None:
    from selfcorrect.concepts.data import from_file

    path = tmp_path / "x.csv"
    path.write_text("text,toxic\na,yes\nb,no\nc,TRUE\nd,0\n")
    found = from_file(path, "toxic")
    assert [item.label for item in found.items] == [1, 0, 1, 0]
    assert [item.label for item in from_file(path, "other", label="toxic").items] == [1, 0, 1, 0]
