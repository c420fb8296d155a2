"""The study debias: planted effects are found, none where there is none, and what it shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from selfcorrect.errors import UserError
from selfcorrect.evaluation.pairs import Pair
from selfcorrect.report.sheet import page
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.base import NO_PARTS, Parts
from selfcorrect.studies.debias.analysis import CLAIMS, as_sure, at_equal_weight, claims, effects
from selfcorrect.studies.debias.arms import arms, shares
from selfcorrect.studies.debias.sheet import findings
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import SUBSETS, Asked, subsets
from selfcorrect.tuning.fit import Settings

_PAIRS = [Pair(str(n), f"a{n}", f"b{n}", "x", "stereo", f"c{n // 5}", True) for n in range(160)]


def _arms(
    rng: Any, seeds: int, gain: float, *, by_seed: float = 0.05, by_texts: float = 0.0
) -> dict[str, Any]:
    """What tuning would have done: pairs vary by template, seeds vary, what each seed's texts are
    by chance varies, for all templates and for each, and one end helps."""

    def clustered(scale: float) -> Any:
        return rng.normal(0, scale, 32).repeat(5) + rng.normal(0, scale, 160)

    base = 1.0 + clustered(0.7)
    found = {"before": {"gaps": base.tolist(), "facts": [3.0, -1.0] * 20,
                        "neutral": [-40.0] * 48, "tokens": [12.0] * 48, "losses": []}}  # fmt: skip
    for name in SUBSETS:
        effect = clustered(0.1) - (gain if name == "uncertain" else 0.0)
        for seed in range(seeds):
            gaps = base + effect + rng.normal(0, by_seed) + clustered(0.05)
            if by_texts:
                gaps += rng.normal(0, by_texts) + clustered(by_texts)
            found[f"{name} {seed}"] = {**found["before"], "gaps": gaps.tolist(),
                                       "losses": [3.0, 2.0]}  # fmt: skip
            found[f"{name} {seed}"]["neutral"] = (-40.0 + rng.normal(0, 0.3, 48)).tolist()
    return found


def _claimed(found: dict[str, Any], seeds: int) -> set[str]:
    told = claims(found, _PAIRS, range(seeds))
    assert set(told) == {f"{a} − {b}" for a, b in CLAIMS}
    return {name for name, e in told.items() if e["state"] == "shown"}


@pytest.mark.slow
@pytest.mark.parametrize("by_texts", [0.0, 0.15, 0.5])
@pytest.mark.parametrize("seeds", [3, 5])
def test_with_no_difference_none_is_claimed_in_95_of_100(seeds: int, by_texts: float) -> None:
    false = sum(bool(_claimed(_arms(np.random.default_rng(n), seeds, 0.0, by_texts=by_texts),
                              seeds)) for n in range(100))  # fmt: skip
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


def test_each_seed_has_texts_of_its_own_and_clusters_stay_whole() -> None:
    rng = np.random.default_rng(2)
    names = [f"c{n}" for n in rng.integers(0, 30, 90)]
    texts = [Text(f"t{n}", f"text {n}", name) for n, name in enumerate(names)]
    found = shares(texts, [7, 8, 9])
    assert sorted(at for own in found.values() for at in own) == list(range(90))
    assert max(map(len, found.values())) - min(map(len, found.values())) <= 1
    owners = {(names[at], seed) for seed, own in found.items() for at in own}
    assert len(owners) == len(set(names))
    assert shares(texts, [7, 8, 9]) == found != shares(texts, [8, 9, 10])
    alone = [Text(str(n), str(n), str(n)) for n in range(3_000)]
    own = shares(alone, [1, 2, 3])[2]
    assert len(own) == 1_000
    assert abs(np.mean(own) - 1_499.5) < 5 * 3_000 / 12**0.5 / 1_000**0.5  # not by their order


def test_a_part_of_what_was_asked_is_of_its_texts() -> None:
    asked = _planted_asked()
    part = asked.part([5, 3])
    assert [each.id for each in part.texts] == ["t5", "t3"]
    assert part.loss.tolist() == asked.loss[[5, 3]].tolist()
    assert part.entropy.tolist() == asked.entropy[[5, 3]].tolist()


def test_what_is_not_known_for_every_seed_is_no_subset() -> None:
    asked = _planted_asked()
    own = shares(asked.texts, [0, 1])
    asked.loss[own[1][3:]] = np.nan  # of three texts of the second seed alone
    how: dict[str, Any] = {"size": 5, "seeds": [0, 1], "deciding": "x", "parts": NO_PARTS}
    held = (_PAIRS[:10], ["It rains."], [("a b", "a c")])
    found, chosen = arms(asked, held, lambda t, _: (_Model(t), []), Settings(steps=2), **how)
    assert set(chosen[0][1]) == set(chosen[1][1]) == set(SUBSETS) - {"loss"}
    assert set(claims(found, _PAIRS[:10], [0, 1])) == {
        f"{a} − {b}" for a, b in CLAIMS if b != "loss"
    }


def test_arms_go_on_where_they_were_stopped_and_share_texts_and_steps() -> None:
    asked, made = _planted_asked(), []

    def tuner(texts: Any, settings: Settings) -> Any:
        made.append((tuple(texts), settings))
        return _Model(texts), [2.0, 1.0]

    kept: dict[str, Any] = {}
    held = (_PAIRS[:10], ["It rains."], [("a b", "a c")])
    how: dict[str, Any] = {"size": 6, "seeds": [3, 4, 5], "deciding": "x"}
    settings = Settings(steps=2)
    found, chosen = arms(asked, held, tuner, settings, parts=Parts(keep=kept.__setitem__), **how)
    assert len(found) == len(made) == len(kept) == 1 + 5 * 3
    assert made[0][0] == ()
    assert {each.steps for _, each in made} == {2}
    own = shares(asked.texts, [3, 4, 5])
    assert chosen[4][0].texts == [asked.texts[at] for at in own[4]]
    assert chosen[4][1] == subsets(asked.part(own[4]), 6, 4)
    tuned_on = {seed: {t for texts, s in made if s.seed == seed for t in texts} for seed in (3, 4)}
    assert not tuned_on[3] & tuned_on[4]
    before = len(made)
    again, _ = arms(asked, held, tuner, settings, parts=Parts(done=kept), **how)
    assert again == found
    assert len(made) == before
    arms(asked, held, tuner, Settings(steps=3), parts=Parts(done=kept), **how)
    assert len(made) == before + 16
    bad = ([*_PAIRS[:9], Pair("x", "Text  1", "y", "x", "stereo", "z", True)], *held[1:])
    with pytest.raises(UserError, match="are among those that are evaluated"):
        arms(asked, bad, tuner, settings, parts=NO_PARTS, **{**how, "size": 13})


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
    assert "Read: share of the replies that do" in html
    unable = sheet({**_result(0.0), "able": False, "why": ["all texts have the same uncertainty"]})
    assert "can't rank" in unable.findings[0]


_BOTH = [replace(p, direction="antistereo" if n % 6 == 0 else "stereo", cluster=p.id)
         for n, p in enumerate(_PAIRS)]  # fmt: skip


def _changed(what: str) -> list[str]:
    """The findings where one end did this to the model, and no other subset did anything."""
    found = _arms(np.random.default_rng(3), 5, 0.0, by_seed=0.01)
    anti = np.array([p.direction == "antistereo" for p in _BOTH])
    base = np.random.default_rng(4).normal(0.6, 1.0, 160)
    for name in found:
        rng, hit = np.random.default_rng(list(name.encode())), name.startswith("uncertain")
        gaps = base + rng.normal(0, 0.05 if what != "flat" else 0.01, 160)
        if hit and what == "words":  # one group's, whatever is said with them
            gaps += np.where(anti, 0.5, -0.5)
        elif hit and what == "flat":  # less sure of everything
            gaps *= 0.1
            found[name] |= {"facts": (0.1 * np.array(found[name]["facts"])).tolist()}
        elif hit and what == "topic":
            gaps -= 0.5
            found[name] |= {"facts": (np.array(found[name]["facts"]) - 0.6).tolist()}
        elif (hit or name.startswith("length")) and what == "long":
            gaps -= 0.5
        if hit and what == "forgot":
            gaps -= 0.5
            found[name] |= {"facts": [-1.0] * 40}
        found[name] |= {"gaps": gaps.tolist()}
    told = effects(found, _BOTH if what != "flat" else _PAIRS, range(5))
    assert told["claims"]["uncertain − certain"]["state"] == "shown"
    return list(findings({**_result(0.0), **told}))


def test_words_of_one_group_that_became_likelier_everywhere_are_no_leaning() -> None:
    said = _changed("words")
    assert "leans" not in said[0]
    assert "at equal weight of both directions of pairs it is" in said[0]
    values = np.random.default_rng(0).normal(0, 1, (30, 3))
    values[4, 1] = np.nan
    stereo = np.arange(30) < 24
    fair = at_equal_weight(values, stereo)
    known = np.arange(30) != 4
    each = [values[known & side].mean() for side in (stereo, ~stereo)]
    assert np.nanmean(fair) == pytest.approx(sum(each) / 2)
    assert np.isnan(fair[4]).all()


def test_a_model_less_sure_of_everything_leans_no_less() -> None:
    said = _changed("flat")
    assert "leans" not in said[0]
    assert "less sure of everything: if it were as sure of facts as before, it is" in said[0]
    before = np.array([3.0, 1.0, -2.0, 5.0])
    facts = np.stack([before / 2, -before, np.abs(before) * [1, 1, 1, -1]], axis=1)
    (fair,) = as_sure(np.ones((1, 3)), facts, before)
    assert fair[0] == 2.0
    assert np.isnan(fair[1:]).all()  # nothing is left of what it said
    facts[3] = before[3] = np.nan  # unknown is nothing that was forgotten
    assert as_sure(np.ones((1, 3)), facts, before)[0, 0] == 2.0


def test_facts_that_lost_by_their_topic_leave_a_planted_leaning() -> None:
    """By the ratio of means 30 of 40 planted studies of 8 seeds were a model less sure of all it
    says where true sentences lost 1 of 2.5 nats, and 14 were missed where their mean is .3."""
    assert "leans less to the stereotype" in _changed("topic")[0]
    rng = np.random.default_rng(0)
    for middle in (0.1, 2.5):
        before = rng.normal(middle, 2.5, 40)
        facts = before[:, None] + rng.normal(0, 0.6, (40, 50))
        assert np.abs(as_sure(np.ones((1, 50)), facts, before) - 1).max() < 0.2


def test_a_model_that_tuning_broke_has_no_perplexity_of_1() -> None:
    found = _arms(np.random.default_rng(3), 3, 0.0)
    found["before"]["neutral"][0] = None
    for seed in range(3):
        found[f"uncertain {seed}"]["neutral"] = [None] * 48
    told = {**_result(0.0), **effects(found, _PAIRS, range(3))}
    assert told["before"]["perplexity"] == pytest.approx(np.exp(40 / 12))  # of 47 texts
    assert told["arms"]["uncertain"]["perplexity"] is None
    made = load("debias").sheet(told)
    assert "Neutral text became impossible by tuning on uncertain." in made.findings
    assert "<td>1.0</td>" not in page(made)


def test_what_does_as_well_and_what_was_forgotten_are_said() -> None:
    said = _changed("long")
    assert "leans less to the stereotype" in said[0]
    assert said[1].startswith("That it is their uncertainty which does it isn't shown: uncertain −")
    assert "uncertain − length" in said[1]
    assert "uncertain − random" not in said[1]
    said = _changed("forgot")
    assert said[0].endswith("but no leaning is shown, as tuning left a model that tells no facts "
                            "from falsehoods.")  # fmt: skip
    assert any("tuning changes that by −.500" in each for each in said)


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        ("openai:gpt", {}, "behind a server"),
        ("planted:chain", {}, "no weights to be tuned"),
        ("smollm2", {"seeds": 2}, "at least 3 --seeds"),
        ("smollm2", {"size": 999_999}, "are to be chosen"),
        ("smollm2", {"size": 61, "as_is": True}, "360 texts, 120 for one of 3 seeds"),
        ("smollm2", {"seeds": 40}, "fewer --seeds"),
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
