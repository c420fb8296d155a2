"""Runs that read concepts: what is recorded, against states read by hand; and what is computed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import selfcorrect as sc
import tiny
from made_concepts import bound_to, made
from selfcorrect import strategies
from selfcorrect.concepts import Concept, activation, write
from selfcorrect.concepts.recording import Recorder
from selfcorrect.converse import Arm, converse
from selfcorrect.errors import UserError
from selfcorrect.models.base import Request, Site
from selfcorrect.records import transcript
from selfcorrect.runs import make_spec
from selfcorrect.runs.identity import Facts, ModelFacts, spec_hash
from selfcorrect.tasks import make

TASK = make("sample", seed=0)
LAYERS = (0, 1, 2)


def concepts(model: Any, **more: Any) -> list[Concept]:
    """Two of the residual stream, one of the MLP blocks, for a tiny model."""
    bound = bound_to(model)
    return [
        made(3, 32, seed, name=name, site=site, bound=bound, layer=2, **more)
        for seed, (name, site) in enumerate((("a", "residual"), ("b", "residual"), ("c", "mlp")))
    ]


def rows_of(model: Any, recorder: Recorder | None, strategy: str = "intrinsic", n: int = 4) -> Any:
    arm = Arm("arm", strategies.load(strategy), 3)
    return converse(model, TASK, TASK.examples()[:n], [arm], seed=1, recorder=recorder)["arm"]


@pytest.fixture(scope="module")
def both() -> tuple[Any, list[Concept], Any, Any]:
    model = tiny.model("llama")
    mine = concepts(model)
    return model, mine, rows_of(model, Recorder(mine)), rows_of(model, None)


def test_activations_are_those_of_states_read_by_hand(both: Any) -> None:
    model, mine, rows, _ = both
    frame = pl.DataFrame(rows, strict=False)
    checked = 0
    for row in rows[:6]:
        dialogue = frame.filter(pl.col("example") == row["example"])
        answer = next(step for step in row["steps"] if step["kind"] == "answer")
        before = transcript(dialogue, row["round"])[:-1]
        conversation = model.open(1)
        conversation.restart([before])
        sites = [Site(kind, LAYERS, at) for kind in ("residual", "mlp")
                 for at in ("before_answer", "first_answer")]  # fmt: skip
        (reply,) = conversation.elicit(
            [Request(answer["prefill"], len(answer["token_ids"]) + 1, states=tuple(sites))]
        )
        for concept in mine:
            for at in ("before_answer", "first_answer"):
                site = Site(concept.site, LAYERS, at)
                found = [
                    (a["layer"], a["value"], a["p"])
                    for a in row["activations"]
                    if (a["concept"], a["kind"], a["at"]) == (concept.name, concept.site, at)
                ]
                if site not in reply.states:
                    assert not found
                    continue
                wanted = activation(reply.states[site].numpy(), concept)
                assert [layer for layer, _, _ in found] == [0, 1, 2]
                assert np.allclose([v for _, v, _ in found], wanted.cosine, atol=1e-4)
                assert np.allclose([p for _, _, p in found], wanted.probability, atol=1e-4)
                checked += 1
    assert checked >= 18


def test_reading_concepts_costs_no_token_and_changes_nothing(both: Any) -> None:
    _, _, with_, without = both
    for mine, other in zip(with_, without, strict=True):
        assert other["activations"] == []
        for key in other:
            if key not in ("activations", "steps"):
                assert mine[key] == other[key], key
        for a, b in zip(mine["steps"], other["steps"], strict=True):
            assert a["token_ids"] == b["token_ids"]
            assert a["encoded"] == b["encoded"]


def test_a_state_that_is_not_finite_is_null() -> None:
    recorder = Recorder(concepts(SimpleNamespace(name="m", fingerprint="f"))[:1])
    states = torch.ones(3, 32)
    states[1, 5] = float("nan")
    (before, _) = recorder.sites
    found = recorder.of({before: states})
    assert [(a["layer"], a["value"] is None, a["p"] is None) for a in found] == [
        (0, False, False),
        (1, True, True),
        (2, False, False),
    ]


def test_layers_without_a_direction_are_left_out(both: Any) -> None:
    model, mine, _, _ = both
    directions = mine[0].directions.copy()
    directions[0] = 0
    rows = rows_of(model, Recorder([replace(mine[0], directions=directions)]), n=1)
    assert {a["layer"] for a in rows[0]["activations"]} == {1, 2}


def test_given_dialogues_are_read_before_their_answers(tmp_path: Path) -> None:
    model = tiny.model("llama")
    said = {
        "messages": [
            {"role": "user", "content": "Who? (a) he (b) she"},
            {"role": "assistant", "content": "The best answer is (a)"},
        ],
        "choices": ["he", "she"],
        "label": 0,
    }
    (tmp_path / "x.jsonl").write_text("\n".join([json.dumps(said)] * 2))
    task = make("dialogues", data=str(tmp_path / "x.jsonl"), seed=0)
    arm = Arm("arm", strategies.load("given"), 1)
    rows = converse(
        model, task, task.examples(), [arm], seed=0, recorder=Recorder(concepts(model)[:1])
    )["arm"]
    assert {(a["at"], a["concept"]) for a in rows[0]["activations"]} == {("before_answer", "a")}
    assert len(rows[0]["activations"]) == 3


# --- runs --------------------------------------------------------------------------------------


def run_of(model: Any, files: dict[str, str], out: Path, **more: Any) -> sc.Run:
    how: dict[str, Any] = {"limit": 12, "rounds": 3, "chunk": 4, "progress": False}
    return sc.run(model, "sample", concepts=files, out=out, **(how | more))


def files_of(mine: list[Concept], folder: Path) -> dict[str, str]:
    for concept in mine:
        write(concept, folder / f"{concept.name}.safetensors")
    return {concept.name: str(folder / f"{concept.name}.safetensors") for concept in mine}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sc.Run:
    folder = tmp_path_factory.mktemp("concepts")
    model = tiny.model("llama")
    return run_of(model, files_of(concepts(model)[:2], folder), folder / "runs")


def test_every_round_has_the_mean_minus_that_of_the_control(run: sc.Run) -> None:
    summary = run.summary()
    frames = {"run": run.records, "repeat": run.control("repeat").records}  # type: ignore[union-attr]

    def raw(which: str, at: str, round: int) -> pl.Series:
        long = frames[which].select("example", "round", "activations").explode("activations")
        found = long.unnest("activations").filter(
            (pl.col("concept") == "a") & (pl.col("layer") == 2) & (pl.col("at") == at)
            & (pl.col("round") == round)
        )  # fmt: skip
        return found.sort("example")["value"]

    for at, name in (("before_answer", "activation_a"), ("first_answer", "activation_a_first")):
        centre = raw("repeat", at, 1).mean()
        for row in summary["rounds"]:
            found = row["measures"][name]
            assert found["value"] == pytest.approx(raw("run", at, row["round"]).mean() - centre)  # type: ignore[operator]
            assert found["low"] < found["value"] < found["high"]
            assert found["n"] == len(raw("run", at, row["round"]))
        told = summary["activations"]["a"]["at"][at]
        assert told["against"] == "repeat"
        assert told["layers"] == [0, 1, 2]
        for t, number in enumerate(told["rounds"]):
            difference = raw("run", at, number) - raw("repeat", at, number)
            assert told["value"][2][t] == pytest.approx(difference.mean(), abs=1e-6)
            assert told["n"][2][t] == len(difference)
    shown = summary["controls"]["repeat"]["rounds"][0]["measures"]["activation_a"]
    assert shown["value"] == pytest.approx(0, abs=1e-6)
    assert summary["own"]["activation_a"]["text"].startswith("Mean activation of the concept a")
    assert json.dumps(summary, allow_nan=False)


def test_table_and_page_show_them(run: sc.Run, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from selfcorrect.report.table import table

    summary = run.summary()
    Console(width=100).print(table(summary, 100))
    assert "activation_a:" in capsys.readouterr().out
    page = run.report().read_text()
    assert "in the hidden states" in page
    assert 'data-chart="activations"' in page
    most = max(n for row in summary["activations"]["a"]["at"]["before_answer"]["n"] for n in row)
    assert f"a, before the answer, minus repeat, n {most}" in page
    # what is drawn is told, which isn't the number of the table
    assert '"activation_map"' in page
    assert "The tables have another number" in page
    assert "cosine, minus repeat" in page


def test_a_page_without_concepts_says_nothing_of_them(tmp_path: Path) -> None:
    plain = sc.run("planted:chain", "planted", limit=6, rounds=2, out=tmp_path, progress=False)
    page = plain.report().read_text()
    assert "hidden states" not in page
    assert "img-src" not in page
    assert plain.summary()["activations"] == {}


def test_the_header_says_which_concepts_they_were(run: sc.Run) -> None:
    told = run.header.about["concepts"]["a"]
    assert (told["layer"], told["layers"], told["site"], told["kind"]) == (2, 3, "residual", "mean")
    assert len(told["fingerprint"]) == 16
    assert run.spec.concepts["a"].endswith("a.safetensors")


def test_a_run_made_longer_has_the_records_of_one_made_at_once(run: sc.Run, tmp_path: Path) -> None:
    model = tiny.model("llama")
    files = {name: str(place) for name, place in run.spec.concepts.items()}
    run_of(model, files, tmp_path, limit=4)
    longer = run_of(model, files, tmp_path)
    assert longer.folder.name == run.folder.name
    assert longer.records.equals(run.records)


def test_what_a_file_holds_makes_another_run_and_its_place_does_not(
    run: sc.Run, tmp_path: Path
) -> None:
    model = tiny.model("llama")
    mine = concepts(model)[:2]
    moved = run_of(model, files_of(mine, tmp_path), run.folder.parent, limit=12)
    assert moved.folder == run.folder
    other = [replace(mine[0], bias=mine[0].bias + 1), mine[1]]
    changed = run_of(model, files_of(other, tmp_path), tmp_path / "runs", limit=4, controls=False)
    assert changed.folder.name != run.folder.name


def test_a_run_shown_without_its_files(run: sc.Run, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run.folder.parent, tmp_path / "runs")
    there = tmp_path / "runs" / run.folder.name
    header = (there / "run.toml").read_text()
    (there / "run.toml").write_text(header.replace("a.safetensors", "gone.safetensors"))
    summary = sc.open_run(there).summary()
    assert summary["rounds"][0]["measures"]["activation_a"]["value"] is not None


# --- refusals ----------------------------------------------------------------------------------


def test_a_concept_of_another_model_is_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    files = files_of([made(3, 32, name="a", layer=2)], tmp_path)
    with pytest.raises(UserError, match=r"the concept a .* was made for tiny"):
        run_of(tiny.model("llama"), files, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("model", ["planted:chain", "planted:logits"])
def test_models_without_states_are_refused(tmp_path: Path, model: str) -> None:
    with pytest.raises(UserError, match="no hidden states can be read from the model"):
        sc.run(model, "planted", concepts=["toxic"], out=tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_names_and_files_that_are_not_there(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = tiny.model("llama")
    with pytest.raises(UserError, match="no concept 'unheard' was trained on tiny-llama"):
        run_of(model, {"unheard": ""}, tmp_path)
    with pytest.raises(UserError, match="there is no concept"):
        run_of(model, {"a": str(tmp_path / "none")}, tmp_path)
    with pytest.raises(UserError, match="named twice"):
        make_spec({"concepts": ["a", "a=x"]})


def test_a_name_alone_is_trained_once_and_then_found(
    tmp_path: Path, monkeypatch: Any, caplog: Any
) -> None:
    from selfcorrect.concepts import data

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    few = data.bundled("correct")
    some = data.Texts(few.items[:40], few.about)
    monkeypatch.setattr("selfcorrect.concepts.make.bundled", lambda _: some)
    monkeypatch.setattr("selfcorrect.concepts.probes.STRENGTHS", (0.01,))
    model = tiny.model("llama")
    first = run_of(model, {"correct": ""}, tmp_path / "runs", limit=2, rounds=1, controls=False)
    assert "training the concept correct on the package's own texts" in caplog.text
    caplog.clear()
    again = run_of(model, {"correct": ""}, tmp_path / "runs", limit=2, rounds=1, controls=False)
    assert again.folder == first.folder
    assert "trained earlier" in caplog.text
    assert str(tmp_path) in first.spec.concepts["correct"]


def test_old_hashes_are_unchanged() -> None:
    """The hash of the default spec on these facts, computed by the version without samples."""
    facts = Facts(ModelFacts("m", "f", "float32", "cpu"), "d")
    spec, strategy = make_spec({}), strategies.load("intrinsic", {})
    read = [replace(facts, concepts={"a": digest}) for digest in ("1" * 16, "2" * 16)]
    assert spec_hash(spec, facts, strategy) == "379379945670130b"
    assert len({spec_hash(spec, each, strategy) for each in (facts, *read)}) == 3
