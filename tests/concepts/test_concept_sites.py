"""The same concept at another site: found, trained from the package's texts, or asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import planted_states
from made_concepts import made
from selfcorrect.concepts import write
from selfcorrect.concepts.data import bundled
from selfcorrect.concepts.file import HOOKS
from selfcorrect.concepts.make import at_site, cached, stored
from selfcorrect.errors import UserError


@pytest.fixture
def model(tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "selfcorrect" / "concepts").mkdir(parents=True)
    return planted_states.PlantedStates()


def _ours(model: Any, site: str = "residual", seed: int = 0) -> Any:
    """As if trained on the package's own texts."""
    data = bundled("correct").fingerprint
    known = {"fingerprint": model.fingerprint, "data": data, "seed": seed}
    bound = replace(made().bound, hook=HOOKS[site], **known)
    return made(name="correct", site=site, bound=bound)


def test_each_site_has_a_file_of_its_own(model: Any, monkeypatch: Any, caplog: Any) -> None:
    made_now: list[dict[str, Any]] = []

    def make(name: str, _model: Any, **how: Any) -> Any:
        made_now.append({"name": name, **how})
        return _ours(model, how["site"], how["seed"])

    monkeypatch.setattr("selfcorrect.concepts.make.make", make)
    residual = _ours(model)
    write(residual, cached("correct", model.fingerprint))
    assert at_site(residual, model, "residual") is residual
    assert at_site(residual, model, "mlp").site == "mlp"
    assert made_now == [
        {"name": "correct", "kind": "mean", "site": "mlp", "shown": "text", "seed": 0}
    ]
    assert "training the concept correct at the mlp blocks" in caplog.text
    # one that was made in another way isn't taken, and one that wasn't is
    place = cached("correct", model.fingerprint, "mlp")
    assert place != cached("correct", model.fingerprint)
    for seed, trained in ((1, 2), (0, 2)):
        write(_ours(model, "mlp", seed), place)
        assert at_site(residual, model, "mlp").bound.seed == 0
        assert len(made_now) == trained
    assert stored("correct", model.fingerprint).site == "residual"  # type: ignore[union-attr]


def test_texts_of_ones_own_are_asked_for(model: Any) -> None:
    concept = made(name="mine", bound=replace(made().bound, fingerprint=model.fingerprint))
    with pytest.raises(UserError, match="concept train mine --site mlp, or leave that site out"):
        at_site(concept, model, "mlp")
    theirs = replace(concept, site="mlp", bound=replace(concept.bound, hook=HOOKS["mlp"]))
    write(theirs, cached("mine", model.fingerprint, "mlp"))
    assert at_site(concept, model, "mlp").site == "mlp"
    write(replace(theirs, bound=replace(theirs.bound, data="e" * 16)),
          cached("mine", model.fingerprint, "mlp"))  # fmt: skip
    with pytest.raises(UserError, match="in the same way from the same texts"):
        at_site(concept, model, "mlp")
