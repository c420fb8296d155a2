"""The study debias: planted effects are found, none where there is none, and what it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from selfcorrect.errors import UserError
from selfcorrect.evaluation.pairs import Pair
from selfcorrect.report.sheet import page
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.base import NO_PARTS, Parts
from selfcorrect.studies.debias.analysis import CLAIMS, claims, effects
from selfcorrect.studies.debias.arms import arms
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import SUBSETS, Asked, subsets
from selfcorrect.tuning.fit import Settings

_PAIRS = [Pair(str(n), f"a{n}", f"b{n}", "x", "stereo", f"c{n // 5}", True) for n in range(160)]


def _arms(rng: Any, seeds: int, gain: float, *, by_seed: float = 0.05) -> dict[str, Any]:
    """What tuning would have done: pairs vary by template, seeds vary, and one end helps."""

    def clustered(scale: float) -> Any:
        return rng.normal(0, scale, 32).repeat(5) + rng.normal(0, scale, 160)

    base = 1.0 + clustered(0.7)
    found = {"before": {"gaps": base.tolist(), "facts": [1.0, -1.0] * 20,
                        "neutral": [-40.0] * 48, "tokens": [12.0] * 48, "losses": []}}  # fmt: skip
    for name in SUBSETS:
        effect = clustered(0.1) - (gain if name == "uncertain" else 0.0)
        for seed in range(seeds):
            gaps = base + effect + rng.normal(0, by_seed) + clustered(0.05)
            found[f"{name} {seed}"] = {**found["before"], "gaps": gaps.tolist(),
                                       "losses": [3.0, 2.0]}  # fmt: skip
            found[f"{name} {seed}"]["neutral"] = (-40.0 + rng.normal(0, 0.3, 48)).tolist()
    return found


def _claimed(found: dict[str, Any], seeds: int) -> set[str]:
    told = claims(found, _PAIRS, range(seeds))
    assert set(told) == {f"{a} − {b}" for a, b in CLAIMS}
    return {name for name, e in told.items() if e["state"] == "shown"}


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_with_no_difference_none_is_claimed_in_95_of_100(seeds: int) -> None:
    false = sum(bool(_claimed(_arms(np.random.default_rng(n), seeds, 0.0), seeds))
                for n in range(100))  # fmt: skip
    assert false <= 5


def test_with_no_difference_hardly_any_is_claimed() -> None:
    false = sum(bool(_claimed(_arms(np.random.default_rng(n), 3, 0.0), 3)) for n in range(12))
    assert false <= 2


def test_a_planted_difference_is_found() -> None:
    found = [_claimed(_arms(np.random.default_rng(n), 5, 0.4), 5) for n in range(6)]
    assert all("uncertain − certain" in each for each in found)
    assert sum("certain − random" in each for each in found) <= 1


def _planted_asked() -> Asked:
    texts = [Text(f"t{n}", f"text {n}", f"c{n}") for n in range(40)]
    rng = np.random.default_rng(0)
    entropy = rng.choice([0.0, 0.5], 40)
    return Asked(texts, entropy, np.ones(40), np.ones(40), rng.random(40), np.ones(40), 5)


class _Model:
    """Its likelihoods depend on which texts it was tuned on."""

    name, fingerprint, scored_as = "m", "f", "text"

    def __init__(self, texts: Any) -> None:
        self.shift = sum(map(len, texts)) % 7

    def scored(self, texts: Any, most: int, told: Any) -> list[Any]:
        from selfcorrect.models.scored import Scored

        del most, told
        return [Scored((1, 2), (-1.0 - len(t) * 0.01, -0.1 * self.shift)) for t in texts]

    def close(self) -> None:
        pass


def test_arms_go_on_where_they_were_stopped_and_share_texts_and_steps() -> None:
    asked, made = _planted_asked(), []

    def tuner(texts: Any, settings: Settings) -> Any:
        made.append((tuple(texts), settings))
        return _Model(texts), [2.0, 1.0]

    kept: dict[str, Any] = {}
    held = (_PAIRS[:10], ["It rains."], [("a b", "a c")])
    how: dict[str, Any] = {"size": 8, "seeds": [3, 4, 5], "deciding": "x"}
    settings = Settings(steps=2)
    found, chosen = arms(asked, held, tuner, settings, parts=Parts(keep=kept.__setitem__), **how)
    assert len(found) == len(made) == len(kept) == 1 + 5 * 3
    assert made[0][0] == ()
    assert {each.steps for _, each in made} == {2}
    assert chosen[3] == subsets(asked, 8, 3)
    before = len(made)
    again, _ = arms(asked, held, tuner, settings, parts=Parts(done=kept), **how)
    assert again == found
    assert len(made) == before
    arms(asked, held, tuner, Settings(steps=3), parts=Parts(done=kept), **how)
    assert len(made) == before + 16
    bad = ([*_PAIRS[:9], Pair("x", "Text  1", "y", "x", "stereo", "z", True)], *held[1:])
    with pytest.raises(UserError, match="are among those that are evaluated"):
        arms(asked, bad, tuner, settings, parts=NO_PARTS, **{**how, "size": 40})


def _result(gain: float) -> dict[str, Any]:
    asked = _planted_asked()
    from selfcorrect.tuning.choose import described

    return {
        "able": True, "why": [], "asked": asked.table(), "texts": {"words": 9, "untouched": 2},
        "model": "<b>m</b>", "fingerprint": "f", "folders": {"asked": "x"}, "pairs": "ours",
        "size": 8, "tuning": {"steps": 3, "rate": 1e-5, "seed": 0}, "settings": {},
        **effects(_arms(np.random.default_rng(1), 5, gain), _PAIRS, range(5)),
        "subsets": {f"{k} 0": v for k, v in described(asked, subsets(asked, 8, 0)).items()},
    }  # fmt: skip


def test_the_sheet_says_which_end_wins_or_that_none_is_shown() -> None:
    sheet = load("debias").sheet
    shown, nothing = sheet(_result(0.5)), sheet(_result(0.0))
    assert "leans less to the stereotype" in shown.findings[0]
    assert "uncertain − random" in shown.findings[1]
    assert "no difference is shown" in nothing.findings[0] or "as much" in nothing.findings[0]
    html = page(shown)
    assert "<b>m</b>" not in html
    assert "forest" in html
    unable = sheet({**_result(0.0), "able": False, "why": ["all texts have the same uncertainty"]})
    assert "can't rank" in unable.findings[0]


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        ("openai:gpt", {}, "behind a server"),
        ("planted:chain", {}, "no weights to be tuned"),
        ("smollm2", {"seeds": 2}, "at least 3 --seeds"),
        ("smollm2", {"size": 999_999}, "are to be chosen"),
    ],
)
def test_what_can_not_be_studied_is_said_before_anything_runs(
    model: str, more: dict[str, Any], said: str
) -> None:
    study = load("debias")
    settings = study.settings({"quick": True, **more})
    assert study.plan is not None
    with pytest.raises(UserError, match=said):
        study.plan(RunSpec(model={"name": model}), settings)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(("law", "wanted"), [
    ("uncertain", "uncertain − certain"), ("certain", "uncertain − certain"),
    ("loss", "uncertain − loss"),
])  # fmt: skip
def test_a_small_model_with_planted_texts_end_to_end(law: Any, wanted: str) -> None:
    from benchmarks.debias_world import claimed, study

    found = [claimed(study(law, seed)) for seed in range(3)]
    sign = -1 if law == "uncertain" else 1
    assert sum(sign * each.get(wanted, 0.0) > 0 for each in found) >= 2
    assert all(sign * each.get(wanted, 0.0) >= 0 for each in found)
