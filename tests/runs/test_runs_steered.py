"""Steered runs: what the model is given, what is recorded and hashed, what is refused before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
import tiny
from commands import refused
from made_concepts import bound_to, made
from selfcorrect import strategies
from selfcorrect.concepts import Concept, steer, write
from selfcorrect.converse import Arm, converse
from selfcorrect.errors import UserError
from selfcorrect.records import transcript
from selfcorrect.report.numbers import short
from selfcorrect.runs import make_spec, prepare, run
from selfcorrect.strategies import Steering, under
from selfcorrect.tasks import make
from servers.stub import Able, Stub

TASK = make("sample", seed=0)
CHOOSY = """about = "asks whether it holds"
max_rounds = 1
[[first]]
say = "{question}"
[[first]]
elicit = "critique"
choices = ["yes, it does", "no"]
[[first]]
elicit = "answer"
"""


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.model("llama")


@pytest.fixture(scope="module")
def concept(model: Any) -> Concept:
    return made(3, 32, name="kind", bound=bound_to(model), norms=np.full(3, 4.0, "f4"))


@pytest.fixture
def file(concept: Concept, tmp_path: Path) -> Path:
    path = tmp_path / "kind.safetensors"
    write(concept, path)
    return path


def _rows(model: Any, strategy: Any, steers: Any, n: int = 3, rounds: int = 3) -> Any:
    arm = Arm("arm", strategy, rounds)
    return converse(model, TASK, TASK.examples()[:n], [arm], seed=1, steers=steers)["arm"]


@pytest.mark.parametrize("at", ["transcript", "reply"])
def test_each_answer_is_that_of_a_fresh_transcript_under_the_steer(
    model: Any, concept: Concept, at: Any
) -> None:
    import polars as pl

    stated = Steering("kind", 1.5, (0, 1), at)
    mine = {stated: steer(concept, 1.5, (0, 1), at)}
    rows = _rows(model, under(strategies.load("intrinsic"), stated), mine)
    plain = _rows(model, strategies.load("intrinsic"), {})
    assert [row["option_logp"] for row in rows] != [row["option_logp"] for row in plain]
    frame = pl.DataFrame(rows, strict=False)
    for row in rows:
        answer = next(step for step in row["steps"] if step["kind"] == "answer")
        before = transcript(frame.filter(pl.col("example") == row["example"]), row["round"])[:-1]
        talk = model.open(1)
        talk.restart([before])
        request = sc.models.Request(
            answer["prefill"], len(answer["token_ids"]), options=("a", "b", "c"), steer=mine[stated]
        )
        (reply,) = talk.elicit([request])
        assert list(reply.token_ids) == answer["token_ids"]
        assert [each.logp for each in reply.options] == pytest.approx(row["option_logp"], abs=1e-4)
        (note,) = (note["text"] for note in row["notes"] if note["code"] == "steered")
        assert note == f"steered by kind:1.5@0,1:{at}"


def test_choices_are_taken_under_the_steer(model: Any, concept: Concept) -> None:
    stated = Steering("kind", 3.0, "all", "reply")
    mine = {stated: steer(concept, 3.0, "all", "reply")}
    strategy = under(strategies.parse(CHOOSY, "choosy.toml"), stated)
    for row in _rows(model, strategy, mine, rounds=1):
        (critique,) = (step for step in row["steps"] if step["kind"] == "critique")
        talk = model.open(1)
        talk.say([sc.models.message("user", row["steps"][0]["text"])])
        request = sc.models.Request("", 1, options=("yes, it does", "no"), steer=mine[stated])
        (reply,) = talk.elicit([request])
        logps = [each.logp for each in reply.options]
        assert critique["choice_logp"] == pytest.approx(logps, abs=1e-4)
        assert critique["text"] == ("yes, it does", "no")[int(logps[1] > logps[0])]


def test_a_steered_run_says_so_wherever_it_is_shown(model: Any, tmp_path: Path, file: Path) -> None:
    from selfcorrect.report.contents import title

    named = {"concepts": {"kind": str(file)}}
    table = {"task": "sample", "rounds": 2, "limit": 4, "steer": "kind:40", **named}
    done = run(make_spec(table), out=tmp_path / "runs", model=model)
    told = done.summary()
    (steer_,) = told["steered"]
    assert steer_.startswith("kind:40@")
    assert f"Replies are steered by {steer_}: this is a model that is pushed" in told["verdict"]
    assert title(told)["strategy"] == f"intrinsic, steered by {steer_}"
    assert f"steered by {steer_}" in done.report().read_text("utf-8").split("<main", 1)[-1]
    # what is taken away from a reading of it, as the control is steered, too
    notes = [note for note in told["notes"] if note.startswith("activation of “kind”")]
    assert len(notes) == 2
    assert "is seen from round 1 of repeat, which is steered by it, too" in notes[0]
    first = done.control("repeat").records.filter(round=1)
    values = [
        a["value"]
        for row in first["activations"]
        for a in row
        if (a["layer"], a["at"]) == (told["activations"]["kind"]["layer"], "before_answer")
    ]
    assert f"There it is {short(float(np.mean(values)), 4)} in layer" in notes[0]
    plain = run(make_spec({**table, "steer": None, **named}), out=tmp_path / "runs", model=model)
    told = plain.summary()
    assert told["steered"] == []
    said = " ".join([told["verdict"], *told["notes"], *title(told).values()])
    assert "steered" not in said.replace(str(tmp_path), "")


def test_an_interval_is_never_written_without_a_width() -> None:
    from selfcorrect.report.numbers import interval, written_interval

    thin = {"value": 0.0, "low": -1e-5, "high": 3e-5}
    assert interval(thin) == "[−.00001, .00003]"
    assert written_interval(thin, "score") == "[−.00001, .00003]"
    assert interval({"low": 0.2, "high": 0.3}) == "[.20, .30]"
    assert interval({"low": 0.5, "high": 0.5}) == "[.50, .50]"
    assert written_interval({"low": 99.9, "high": 100.2}, "tokens") == "[99.9, 100]"


def test_a_dose_that_overflows_is_left_out_and_counted(
    model: Any, tmp_path: Path, file: Path
) -> None:
    strategy = tmp_path / "wild.toml"
    text = strategies.path_of("intrinsic").read_text("utf-8")
    strategy.write_text(text + "steer = { concept = 'kind', alpha = 1e30 }\n", "utf-8")
    table = {"task": "sample", "rounds": 3, "limit": 4, "strategy": str(strategy),
             "concepts": {"kind": str(file)}}  # fmt: skip
    done = run(make_spec(table), out=tmp_path / "runs", model=model, controls=False)
    rows = done.records.to_dicts()
    for row in rows:
        codes = [note["code"] for note in row["notes"]]
        match row["round"]:
            case 1:
                assert row["problem"] != "overflow"
            case 2:
                assert codes[0] == "overflow"
                assert row["steps"][-1]["finish"] == "overflow"
            case 3:
                assert codes == ["overflowed"]
        if row["round"] > 1:
            assert (row["problem"], row["key"], row["option_p"]) == ("overflow", None, [])
    told = " ".join(done.summary()["notes"])
    assert "hidden states under the steer were not finite" in told
    assert "4 of 12" in told or "in 4 " in told


def test_a_steer_is_in_the_hash_only_where_there_is_one(model: Any, file: Path) -> None:
    concepts = {"concepts": {"kind": str(file)}}
    base = {"task": "sample", "limit": 4}
    plain = prepare([make_spec({**base, **concepts})], model)
    steered = prepare([make_spec({**base, **concepts, "steer": "kind:2"})], model)
    other = prepare([make_spec({**base, **concepts, "steer": "kind:2:reply"})], model)
    hashes = {each.arms[0].hash for each in (plain, steered, other)}
    assert len(hashes) == 3
    # the controls are steered, too: what is left between them is the instruction
    assert [arm.name for arm in steered.arms] == ["intrinsic", "repeat", "baseline"]
    for arm in steered.arms:
        assert list(arm.strategy.steered) == ["kind"]
    for arm in plain.arms:
        assert arm.strategy.steered == {}
    # neither key nor value of a spec without a steer
    assert "steer" not in make_spec(base).toml()
    assert make_spec(make_spec({**base, "steer": "kind:2@1:reply"}).toml()).steer == {
        "concept": "kind", "alpha": 2.0, "layers": [1], "at": "reply"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("steer", "told"),
    [
        ("kind", "a steer is NAME:ALPHA"),
        ({"concept": "kind"}, "a steer needs `alpha`"),
        ({"concept": "kind", "alpha": 1, "leyers": [1]}, "steer.leyers"),
        (3, "steer must be a table"),
    ],
)
def test_a_bad_steer_of_a_spec_is_one_sentence(steer: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_spec({"steer": steer})


def test_what_is_wrong_is_said_before_anything_is_made(
    model: Any, tmp_path: Path, file: Path
) -> None:
    named = {"concepts": {"kind": str(file)}}
    for table, told in [
        ({"steer": "mood:2"}, "no concept 'mood' was trained"),
        ({"steer": "kind:2@7", **named}, "no direction in layer 7"),
        ({"steer": "kind:1e300", **named}, "smaller alpha"),
        ({"steer": "kind:2", "model": {"name": "planted:chain"}, "task": "planted"}, "steered"),
    ]:
        mine = None if "model" in table else model
        with pytest.raises(UserError, match=told):
            run(make_spec({"task": "sample", **table}), out=tmp_path / "runs", model=mine)
    assert not (tmp_path / "runs").exists()


def test_a_server_asked_to_steer(tmp_path: Path, file: Path) -> None:
    stub = Stub(Able())
    told = {"name": "openai:stub", "base_url": stub.url}
    for extra in ({}, {"concepts": {"kind": str(file)}}):
        with pytest.raises(UserError, match="'openai:stub' can't be steered"):
            run(make_spec({"task": "sample", "model": told, "steer": "kind:2", **extra}),
                   out=tmp_path / "runs")  # fmt: skip
    assert not (tmp_path / "runs").exists()
    talk = sc.models.load("openai:stub", base_url=stub.url).open(1)
    talk.say([sc.models.message("user", "Who?")])
    vector = steer(made(3, 8), 1.0)
    with pytest.raises(UserError, match="can't be steered"):
        talk.elicit([sc.models.Request(steer=vector)])


def test_the_command_takes_it_and_says_what_is_wrong(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "runs")]
    assert "a steer is NAME:ALPHA[@LAYERS][:reply]" in refused("run", "--steer", "kind", *out)
    chain = ["--model", "planted:chain", "--task", "planted"]
    assert "can't be steered" in refused("run", "--steer", "kind:2", *chain, *out)
    assert not (tmp_path / "runs").exists()
