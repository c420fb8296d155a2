"""Runs with samples: the spec, what is stored, what it means, and what is computed of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from commands import refused
from selfcorrect import strategies
from selfcorrect.errors import UserError
from selfcorrect.records import MEANINGS
from selfcorrect.runs import make_spec
from selfcorrect.runs.grade import Grader
from selfcorrect.runs.identity import Facts, ModelFacts, spec_hash
from selfcorrect.runs.scores import SCORES
from selfcorrect.scorers import Answered
from selfcorrect.scorers.meanings import VALUES

K = 6
#: the hash of the default spec on these facts, computed by the version without samples
BEFORE = "379379945670130b"


def planted(out: Path, **more: Any) -> sc.Run:
    how: dict[str, Any] = {"samples": K, "limit": 24, "rounds": 4, "chunk": 8, "progress": False}
    return sc.run(
        "planted:chain?stay=0.2,accuracy=0.6",
        "planted",
        task_options={"n": 48, "cluster_size": 2},
        out=out,
        **(how | more),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sc.Run:
    return planted(tmp_path_factory.mktemp("samples"))


def test_semantic_entropy_is_that_of_the_keys_that_were_drawn(run: sc.Run) -> None:
    frame = run.records
    assert set(MEANINGS) <= set(frame.columns)
    for row in frame.iter_rows(named=True):
        keys = [sample["key"] for sample in row["samples"]]
        shares = [n / K for n in Counter(keys).values()]
        assert row["semantic_entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares))
        assert row["meanings"] == len(shares)
        assert row["all_differ"] == (len(shares) == K)
        first: dict[Any, int] = {}
        assert row["meaning"] == [first.setdefault(key, len(first)) for key in keys]
        assert row["chao_shen"] >= row["semantic_entropy"] - 1e-12
        assert row["semantic_entropy_normalised"] is None  # a planted model tells no likelihoods


def test_every_round_has_it_with_interval_and_it_is_tested_for_convergence(run: sc.Run) -> None:
    summary = run.summary()
    assert summary["samples"] == {"k": K, "temperature": 1.0, "p_true": False}
    assert summary["meanings"]["name"] == "meanings:key"
    for at, row in enumerate(summary["rounds"], start=1):
        found = row["measures"]["semantic_entropy"]
        mean = run.records.filter(pl.col("round") == at)["semantic_entropy"].mean()
        assert found["value"] == pytest.approx(mean)
        assert found["low"] < found["value"] < found["high"]
        assert (found["n"], found["clusters"]) == (24, 24)
        assert found["band"][0] <= found["low"]
        for name in (
            "meanings",
            "all_differ",
            "chao_shen",
            "coverage_corrected",
            "agreement",
            "semantic_spearman",
            "semantic_risk_coverage",
            "sampled",
        ):
            assert row["measures"][name]["value"] is not None, name
        assert "p_true" not in row["measures"]
        rce = row["measures"]["semantic_rce"]
        assert (rce["value"] is None) == (rce["bins"] < 5) == ("needs 5" in rce.get("why", ""))
    for name in ("changes", "convergence"):
        assert summary[name]["semantic_entropy"]["margin"] == 0.05
    assert "semantic_entropy" in summary["controls"]["repeat"]["against"]["difference"]
    assert any(f"at most ln {K} = {math.log(K):.2f}" in note for note in summary["notes"])
    assert json.dumps(summary, allow_nan=False)


def test_samples_that_say_nothing_are_no_certainty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In round 2 all samples are empty, in round 3 half of them, in round 4 all differ."""
    run = planted(tmp_path, meanings="none", controls=False)
    rows = Grader._rows

    def emptied(self: Grader, frame: pl.DataFrame) -> Iterator[Answered | None]:
        def text(row: Answered, k: int) -> dict[str, Any]:
            if row.round == 2 or (row.round == 3 and k % 2 == 1):
                return {"text": " ", "key": None}
            return {"text": "x", "key": str(k)} if row.round == 4 else {}

        for row in rows(self, frame):
            assert row is not None
            drawn = [{**each, **text(row, k)} for k, each in enumerate(row.samples)]
            yield replace(row, samples=drawn)

    monkeypatch.setattr(Grader, "_rows", emptied)
    seen = run.grade("meanings:key")
    frame = seen.records
    assert frame.filter(pl.col("round") == 2)["semantic_entropy"].null_count() == 24
    assert frame.filter(pl.col("round") != 2)["semantic_entropy"].null_count() == 0
    summary = seen.summary()
    assert summary["rounds"][1]["measures"]["semantic_entropy"]["value"] is None
    empty = (
        "samples that are empty: 100 % in round 2, 50 % in round 3. They are one meaning; a record "
        "of which all are empty has no semantic entropy (24 of 96)."
    )
    assert empty in summary["notes"]
    differ = frame.filter(pl.col("all_differ") == 1).height
    assert differ >= 24
    assert (
        f"In {differ} of 96 records every sample has a meaning of its own, so that semantic "
        "entropy stands at its ceiling."
    ) in summary["notes"]


def test_costs_of_the_run_are_those_without_samples(run: sc.Run, tmp_path: Path) -> None:
    plain = planted(tmp_path, samples=0)
    assert plain.folder.name != run.folder.name
    assert "semantic_entropy" not in plain.records.columns
    assert "semantic_entropy" not in plain.summary()["rounds"][0]["measures"]
    for name in ("encoded", "generated", "reused", "outcome", "text"):
        assert plain.records[name].to_list() == run.records[name].to_list()
    assert plain.records["sampled"].sum() == 0 < run.records["sampled"].sum()


def test_a_run_extended_has_the_records_and_meanings_of_one_made_at_once(
    run: sc.Run, tmp_path: Path
) -> None:
    planted(tmp_path, limit=5, meanings="none")
    parts = planted(tmp_path)
    assert parts.records.equals(run.records)


def test_meanings_can_be_left_for_later(tmp_path: Path) -> None:
    later = planted(tmp_path, meanings="none", controls=False)
    assert later.meanings is None
    assert later.records["semantic_entropy"].null_count() == 96
    (note,) = [n for n in later.summary()["notes"] if "aren't grouped" in n]
    assert f"selfcorrect grade {later.folder} --scorer meanings:" in note
    seen = later.grade("meanings:key")
    assert seen.scores is None
    assert seen.outcome.name == "accuracy"
    assert seen.records["semantic_entropy"].null_count() == 0
    assert seen.summary()["meanings"]["name"] == "meanings:key"
    assert [f.name for f in (later.folder / SCORES).glob("*.json")] == [
        "meanings-key-00000000.json"
    ]


def test_text_tasks_group_by_what_text_says_and_lettered_ones_by_key() -> None:
    from selfcorrect import tasks

    for name, kind in (("sample", "key"), ("reasoning", "key"), ("commongen", "text")):
        assert tasks.make(name).meanings == kind


def test_samples_are_in_the_hash_where_there_are_any_and_meanings_never() -> None:
    facts = Facts(ModelFacts("m", "f", "float32", "cpu"), "d")
    strategy = strategies.load("intrinsic", {})

    def hashed(**table: Any) -> str:
        return spec_hash(make_spec(table), facts, strategy)

    assert hashed() == hashed(samples=0) == hashed(samples={"temperature": 0.5}) == BEFORE
    assert hashed(samples=5) == hashed(samples={"k": 5}) == hashed(samples=5, meanings="nli:x")
    other = [{"k": 6}, {"k": 5, "temperature": 0.5}, {"k": 5, "p_true": True}, {"p_true": True}]
    assert len({hashed(), hashed(samples=5), *(hashed(samples=each) for each in other)}) == 6


def test_a_scorer_of_meanings_gives_the_columns_that_records_have() -> None:
    # how many samples were empty or cut is told of a round, not of a record
    beside = {"empty", "cut"}
    assert {*VALUES, "semantic_entropy", "meaning"} == {*MEANINGS, *beside}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"samples": 1}, "one sample says nothing of uncertainty: give at least 2"),
        ({"samples": -1}, "samples.k must be at least 0, not -1"),
        ({"samples": True}, "samples.k must be a whole number, not True"),
        ({"samples": "many"}, "samples must be a whole number or a table, not 'many'"),
        ({"samples": {"k": 5, "temperature": 0}}, "samples.temperature must be above 0, not 0"),
        ({"samples": {"k": 5, "temperature": math.nan}}, "samples.temperature"),
        ({"samples": {"n": 5}}, "there is no key 'samples.n'"),
        ({"samples": 5, "meanings": "nil:x"}, "there are no meanings 'nil:x': did you mean 'nli'"),
        ({"samples": 5, "meanings": "nli"}, "meanings are written key, embedding:ID, nli:ID"),
        ({"samples": 5, "meanings": "key:x"}, "meanings are written key"),
        (
            {"samples": 5, "meanings": {"name": "key", "options": {"a": "b"}}},
            "meanings by key have no option 'a'",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_before_anything_is_run(
    tmp_path: Path, table: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        planted(tmp_path, **table)
    assert says in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_commands_take_samples_and_meanings(tmp_path: Path) -> None:
    args = ["run", "--model", "planted:chain", "--task", "planted", "--out", tmp_path]
    assert "give at least 2" in refused(*args, "--samples", "1")
    assert "did you mean 'key'" in refused(*args, "--samples", "3", "--meanings", "kee")


def test_runs_with_other_samples_are_compared_without_them(run: sc.Run, tmp_path: Path) -> None:
    other = planted(tmp_path, samples=4, strategy="negation")
    table = sc.compare([run, other])
    assert any("measures of samples are left out" in note for note in table["notes"])
    assert "semantic_entropy" not in table["comparisons"][0]["difference"]
    alike = planted(tmp_path, strategy="negation")
    table = sc.compare([run, alike])
    assert "semantic_entropy" in table["comparisons"][0]["difference"]


def test_the_page_shows_samples_by_meaning_and_nothing_of_them_is_markup(tmp_path: Path) -> None:
    from selfcorrect.report.dialogues import choose, embed

    made = planted(tmp_path, limit=4, controls=False)
    held = embed(made.chunks(), choose(made.read(["example", "round", "key"])))
    import base64
    import gzip

    lines = gzip.decompress(base64.b64decode(held["data"])).decode().splitlines()
    frame = made.records
    for line in map(json.loads, lines):
        for row in line["rounds"]:
            here = (pl.col("example") == line["example"]) & (pl.col("round") == row["round"])
            (record,) = frame.filter(here).to_dicts()
            assert sum(each["n"] for each in row["samples"]) == K
            shown = Counter({(s["m"], s["text"]): s["n"] for s in row["samples"]})
            texts = [s["text"] for s in record["samples"]]
            assert shown == Counter(zip(record["meaning"], texts, strict=True))
            assert row["sem"] == pytest.approx(record["semantic_entropy"], abs=1e-4)
    assert "semantic entropy" in made.report().read_text("utf-8")


def test_samples_of_a_dialogue_that_was_over_stand_as_its_answer_does(tmp_path: Path) -> None:
    stopping = tmp_path / "stopping.toml"
    stopping.write_text(
        'about = "stops when an answer stays"\nsource = "test"\n[stop]\nunchanged = 1\n'
        '[[first]]\nsay = "{question}"\n[[first]]\nelicit = "answer"\n'
        '[[again]]\nsay = "{review}"\n[[again]]\nelicit = "answer"\n'
    )
    run = planted(tmp_path, strategy=str(stopping), controls=[])
    drawn: dict[str, list[float]] = {}
    for example, entropy, samples in (
        run.records.sort("round").select("example", "semantic_entropy", "samples").iter_rows()
    ):
        seen = drawn.setdefault(example, [])
        seen.append(entropy if samples else seen[-1])
    rounds = run.summary()["rounds"]
    assert rounds[-1]["idle"] > 0
    for at, row in enumerate(rounds):
        told = row["measures"]["semantic_entropy"]
        assert told["n"] == len(drawn) == row["measures"]["agreement"]["n"]
        assert told["value"] == pytest.approx(sum(x[at] for x in drawn.values()) / len(drawn))
    last = run.records.filter(pl.col("round") == 4)
    assert rounds[-1]["measures"]["sampled"]["value"] == pytest.approx(last["sampled"].mean())
