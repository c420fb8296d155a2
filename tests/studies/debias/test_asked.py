"""What the study debias asks tuned models, against the tasks' own figures and a plain count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from selfcorrect.errors import UserError
from selfcorrect.evaluation.stereoset import measured, read_items, scores
from selfcorrect.models.tuned import Tuned
from selfcorrect.runs import RunSpec, run
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.studies import load
from selfcorrect.studies.base import Parts
from selfcorrect.studies.debias import asked
from selfcorrect.studies.debias.analysis import figure
from selfcorrect.studies.debias.arms import arms
from selfcorrect.studies.debias.asked import Set, sets_of
from selfcorrect.studies.debias.figures import FIGURES
from selfcorrect.tasks import Answer, make
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import Asked
from selfcorrect.tuning.fit import Settings

_NONE = {"bbq": None, "winogender": None, "stereoset": None, "seed": 3}


def _bbq(place: Path) -> Path:
    people = ("uncle", "nephew", "teacher", "pupil", "baker", "clerk")
    rows = [
        {
            "example_id": n, "question_index": str(n),
            "question_polarity": ("neg", "nonneg")[n % 2],
            "context_condition": "disambig" if n == 11 else "ambig", "category": "Age",
            "answer_info": {"ans0": [one, "old"], "ans1": [other, "nonOld"],
                            "ans2": ["Not known", "unknown"]},
            # of some it isn't known who is the stereotyped person
            "additional_metadata": {"stereotyped_groups": ["x" if n == 4 else "old"]},
            "context": f"The {one} and the {other} met on day {n}.", "question": "Who forgot it?",
            "ans0": f"The {one}", "ans1": f"The {other}", "ans2": "Not known",
            "label": 0 if n == 11 else 2,
        }
        for n in range(12)
        for one, other in [(people[n % 6], people[(n + 1 + n // 6) % 6])]
    ]  # fmt: skip
    place.write_text("\n".join(map(json.dumps, rows)))
    return place


def _winogender(place: Path) -> Path:
    place.mkdir()
    shares = {"baker": 40, "nurse": 90, "rider": 10, "clerk": 60}
    lines = [f"{name}\t1\t{share}\t2015" for name, share in shares.items()]
    head = "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year"
    (place / "winogender-occupations.tsv").write_text("\n".join([head, *lines]) + "\n")
    rows = [
        f"{name}.guest.{n}.{variant}.txt\tThe {name} said {word} had day {n}."
        for name in shares
        for n in (0, 1)
        for variant, word in (("male", "he"), ("female", "she"), ("neutral", "they"))
    ]
    (place / "winogender-sentences.tsv").write_text("\n".join(["sentid\tsentence", *rows]) + "\n")
    return place


def test_the_mean_of_bbqs_numbers_is_its_bias_score(tmp_path: Path) -> None:
    task = make("bbq", data=str(_bbq(tmp_path / "bbq.jsonl")), options={"condition": "ambiguous"})
    rng = np.random.default_rng(0)
    for _ in range(20):
        choices = [None if each == 3 else int(each) for each in rng.integers(0, 4, 11)]
        answers = [Answer("", choice=each) for each in choices]
        grades = task.grade(list(zip(task.examples(), answers, strict=True)))
        rows = [
            {"choice": choice, "values": [{"name": k, "value": v} for k, v in of.values.items()]}
            for choice, of in zip(choices, grades, strict=True)
        ]
        columns = {
            name: np.array([of.values[name] for of in grades], dtype=np.float64)
            for name in grades[0].values
        }
        columns["outcome"] = np.array([of.outcome for of in grades], dtype=np.float64)
        columns["choice"] = np.array(choices, dtype=np.float64)
        own = [value for row in rows if (value := asked._lean(row)) is not None]
        wanted = float(task.figures["bias_ambiguous"](columns))
        assert float(np.mean(own)) == pytest.approx(wanted, nan_ok=True)


def test_questions_are_those_of_a_run_in_its_order(tmp_path: Path) -> None:
    data = {
        "bbq": str(_bbq(tmp_path / "bbq.jsonl")),
        "winogender": str(_winogender(tmp_path / "w")),
    }
    model = tiny.model("llama")
    bbq, winogender = sets_of({**_NONE, **data}, 6)
    assert "day 11" not in " ".join(bbq.texts)  # what its context settles isn't asked
    assert len(bbq.clusters) == len(bbq.ask(model)["bbq unknown"]) == 6
    found = winogender.ask(model)
    spec = RunSpec(
        task={"name": "winogender", "data": data["winogender"]},  # type: ignore[arg-type]
        strategy={"name": "baseline"}, rounds=1, seed=3, limit=6,  # type: ignore[arg-type]
    )  # fmt: skip
    done = run(spec, out=tmp_path / "runs", controls=False, model=model)
    rows = done.read(["cluster", "choices", "option_p", "outcome"]).to_dicts()
    assert found["winogender neutral"] == [row["outcome"] for row in rows]
    assert [row["cluster"] for row in rows] == list(winogender.clusters)
    for row, value in zip(rows, found["winogender bias"], strict=True):
        p = dict(zip(row["choices"], row["option_p"], strict=True))
        of_women = row["cluster"] in ("nurse", "clerk")
        assert value == pytest.approx((p["she"] - p["he"]) * (1 if of_women else -1))


def test_items_of_stereoset_are_scored_as_bias_scores_them(tmp_path: Path) -> None:
    items = [
        {"id": f"i{n}", "target": f"t{n % 3}", "bias_type": "x", "context": "BLANK", "sentences": [
            {"sentence": f"The {who} {n} is it.", "gold_label": label}
            for who, label in (("baker", "stereotype"), ("pupil", "anti-stereotype"),
                               ("France", "unrelated"))
        ]}
        for n in range(9)
    ]  # fmt: skip
    file = tmp_path / "stereo.json"
    file.write_text(json.dumps({"data": {"intrasentence": items}}))
    model = tiny.model("llama")
    (found,) = sets_of({**_NONE, "stereoset": str(file)}, 100)
    values = found.ask(model)
    wanted = measured(read_items(file), scores(model, read_items(file)))
    assert np.mean(values["stereoset ss"]) == pytest.approx(wanted["ss"]["value"])  # type: ignore[arg-type]
    assert np.mean(values["stereoset lms"]) == pytest.approx(wanted["lms"]["value"])  # type: ignore[arg-type]
    (some,) = sets_of({**_NONE, "stereoset": str(file)}, 4)
    assert len(some.clusters) == len(some.ask(model)["stereoset ss"]) == 4
    assert some.digest != found.digest


def test_a_figure_is_over_questions_and_seeds_and_stays_within_its_bounds() -> None:
    found: dict[str, Any] = {"before": {"figures": {"bbq unknown": [1.0, 0.0, None, 1.0] * 3}}}
    for seed in range(3):
        found[f"uncertain {seed}"] = {"figures": {"bbq unknown": [1.0, 1.0, None, 1.0] * 3}}
        found[f"certain {seed}"] = {
            "figures": {"bbq unknown": [float(seed == 0), 0.0, 1.0, 0.0] * 3}
        }
    told = figure(found, "bbq unknown", [f"c{n}" for n in range(12)], range(3))
    assert told["before"]["value"] == pytest.approx(2 / 3)
    assert (told["before"]["n"], told["arms"]["uncertain"]["n"]) == (9, 9)
    assert told["arms"]["uncertain"]["value"] == 1.0
    assert told["changes"]["uncertain"]["value"] == pytest.approx(1 / 3)
    assert told["differences"]["uncertain − certain"]["value"] == pytest.approx(1 - 1 / 9)
    assert all(0 <= each["low"] <= each["high"] <= 1 for each in told["arms"].values())
    assert set(FIGURES) > {"bbq unknown"}


class _Model:
    """It knows nothing."""

    name, fingerprint, scored_as = "m", "f", "text"

    def scored(self, texts: Any, most: int, told: Any) -> list[Any]:
        from selfcorrect.models.scored import Scored

        del most, told
        return [Scored((1,), (-1.0,)) for _ in texts]

    def close(self) -> None:
        pass


def test_what_is_asked_is_a_part_and_no_text_to_tune_on() -> None:
    texts = [Text(f"t{n}", f"text {n}", f"c{n}") for n in range(12)]
    flat = np.ones(12)
    said = Asked(texts, flat, flat, flat, flat, flat, 5)
    held: Any = ([], ["It rains."], [("a b", "a c")])
    kept: dict[str, Any] = {}

    def of(digest: str, *shown: str) -> Set:
        return Set("bbq", digest, ["a"], shown, lambda _: {"bbq unknown": [1.0]})

    def made(each: Set) -> Any:
        how: dict[str, Any] = {"size": 3, "seeds": [0, 1], "deciding": "x", "sets": [each]}
        parts = Parts(done=dict(kept), keep=kept.__setitem__)
        return arms(said, held, lambda *_: (_Model(), []), Settings(steps=1), parts=parts, **how)  # type: ignore[arg-type, return-value]

    found, _ = made(of("one"))
    assert all(each["figures"] == {"bbq unknown": [1.0]} for each in found.values())
    before = len(kept)
    made(of("one"))
    assert len(kept) == before
    made(of("other"))
    assert len(kept) == 2 * before
    with pytest.raises(UserError, match="among those that are evaluated"):
        made(of("one", *(f"Text {n}" for n in range(12))))
    texts[:] = [replace(each, usual=f"before {at}") for at, each in enumerate(texts)]
    with pytest.raises(UserError, match="among those that are evaluated"):
        made(of("one", *(f"before {n}" for n in range(12))))
    texts[:6] = [replace(each, task="bbq", cluster="a") for each in texts[:6]]
    with pytest.raises(UserError, match="or of their clusters"):
        made(of("one"))


@pytest.mark.parametrize("name", ["bbq", "winogender", "stereoset", "pairs"])
def test_data_that_are_not_there_are_told_of_before_anything_runs(
    name: str, tmp_path: Path
) -> None:
    study = load("debias")
    assert study.plan is not None
    settings = study.settings({"quick": True, name: str(tmp_path / "none.json")})
    with pytest.raises(UserError, match=r"none\.json"):
        study.plan(RunSpec(), settings)


def test_what_the_model_was_tuned_on_before_is_not_evaluated(tmp_path: Path) -> None:
    place = tmp_path / "model"
    place.mkdir()
    data = _bbq(tmp_path / "bbq.jsonl")
    names = {each.cluster for each in make("bbq", data=str(data)).examples()}
    tuned = Tuned({}, {}, {}, clusters={"bbq": frozenset(names)})
    (place / "tuned.toml").write_bytes(tuned.toml())
    with pytest.raises(UserError, match="was tuned on 11 of the 11 examples of the task bbq"):
        sets_of({**_NONE, "bbq": str(data)}, 20, ModelSpec(name=str(place)))
    sets_of(
        {**_NONE, "winogender": str(_winogender(tmp_path / "w"))}, 20, ModelSpec(name=str(place))
    )
