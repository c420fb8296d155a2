"""Directions that mean nothing: of the questions' states, and of the concept's texts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from selfcorrect.concepts.data import bundled
from selfcorrect.errors import UserError
from selfcorrect.studies.steering import directions as module
from selfcorrect.studies.steering.directions import directions, null, texts_of
from selfcorrect.studies.steering.place import check_place, layer_of

HIDDEN, LAYERS = 12, 3


def _concept(data: str, kind: str = "linear", about: str = "") -> Any:
    return SimpleNamespace(
        name="biased", kind=kind, site="residual", layer=1, hidden=HIDDEN,
        bound=SimpleNamespace(data=data, shown="text"), figures={"data": {"about": about}},
        vector=lambda _layer: np.eye(HIDDEN)[0],
    )  # fmt: skip


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Of questions; and those of texts, which vary along the first four numbers only."""

    def of_texts(_model: Any, texts: list[str], *_: str) -> np.ndarray:
        made = np.zeros((len(texts), LAYERS, HIDDEN))
        made[:, 1, :4] = np.random.default_rng(1).normal(size=(len(texts), 4))
        return made

    monkeypatch.setattr("selfcorrect.concepts.states.states_of", of_texts)
    questions = np.random.default_rng(0).normal(size=(30, HIDDEN))
    questions[:, :4] = 0
    return questions + 5.0


def test_all_are_made_as_the_concept_is_from_its_own_texts(states: np.ndarray) -> None:
    concept = _concept(bundled("biased").fingerprint)
    found = directions(SimpleNamespace(), concept, 1, states, 39, 0)  # type: ignore[arg-type]
    assert (found.of_texts, found.null.shape) == (39, (39, HIDDEN))
    assert np.linalg.norm(found.null, axis=1) == pytest.approx(np.ones(39))
    assert np.abs(found.null[:, 4:]).max() < 1e-9  # as the texts' states vary
    assert len(np.unique(found.null.round(9), axis=0)) == 39
    assert found.longer == pytest.approx(states.mean(0) / np.linalg.norm(states.mean(0)))


def test_without_the_texts_all_are_of_the_questions(states: np.ndarray) -> None:
    for concept in (_concept("other"), _concept(bundled("biased").fingerprint, "ccs")):
        assert texts_of(concept) is None
        found = directions(SimpleNamespace(), concept, 1, states, 39, 0)  # type: ignore[arg-type]
        assert found.of_texts == 0
        assert found.null == pytest.approx(null(states, 39, 0))


def test_a_push_is_put_where_layers_are_left_to_act() -> None:
    def concept(there: tuple[int, ...], areas: list[float | None], own: int = 8) -> Any:
        rows = [{"layer": n, "auroc": area} for n, area in enumerate(areas)]
        return SimpleNamespace(
            layers=9, there=there, layer=own, figures={"layers": rows} if rows else {},
            vector=lambda layer: _none(layer, there),
        )  # fmt: skip

    areas: list[float | None] = [0.6, 0.7, 0.9, 0.8, 0.9, 0.8, 0.95, 0.97, 0.99]
    assert layer_of(concept(tuple(range(9)), areas), None) == 2  # of equal ones the first
    assert layer_of(concept(tuple(range(9)), areas), 7) == 7
    assert layer_of(concept((1, 5, 8), [None] * 9), None) == 5
    assert layer_of(concept((1, 5, 8), [], own=1), None) == 1  # imported: nobody knows how it reads
    assert layer_of(concept((7, 8), areas), None) == 8
    with pytest.raises(UserError, match="no direction in layer 3"):
        layer_of(concept((7, 8), areas), 3)
    with pytest.raises(UserError, match="no place 'repl' to push at: did you mean 'reply'"):
        check_place("repl")


def _none(layer: int, there: tuple[int, ...]) -> None:
    if layer not in there:
        raise UserError(f"no direction in layer {layer}")


def test_texts_of_a_file_are_taken_where_they_are_the_same(tmp_path: Any) -> None:
    file = tmp_path / "mine.jsonl"
    lines = [f'{{"text": "text {n}", "label": {n % 2}}}' for n in range(8)]
    file.write_text("\n".join(lines))
    from selfcorrect.concepts.data import from_file

    concept = _concept(from_file(file, "biased").fingerprint, about=str(file))
    assert texts_of(concept) is not None
    file.write_text("\n".join(lines[:-2]))
    assert texts_of(concept) is None
    file.unlink()
    assert texts_of(concept) is None
    assert module.texts_of(_concept("other", about="\0")) is None
