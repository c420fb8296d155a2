"""``selfcorrect concept`` and ``run --concept`` on a tiny model, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tiny
from commands import refused
from selfcorrect.cli import app

Trained = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, and labelled texts whose words say which are which."""
    folder = tmp_path_factory.mktemp("tiny")
    tokens = tiny.tokenizer()
    tiny.network("llama", len(tokens)).save_pretrained(folder / "model")
    tokens.save_pretrained(folder / "model")
    rows = [
        {
            "text": f"{'good' if i % 2 else 'bad'} day {i // 2}",
            "nice": bool(i % 2),
            "cluster": i // 4,
        }
        for i in range(80)
    ]
    (folder / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def done(*args: str | Path) -> str:
    """What a command prints."""
    ran = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    file = folder / "nice.safetensors"
    told = done(
        "concept", "train", "nice", "--model", folder / "model", "--data", folder / "texts.jsonl",
        "--kind", "mean", "--out", file, "--json",
    )  # fmt: skip
    return file, json.loads(told)


def test_training_prints_what_was_asked_for(trained: Trained) -> None:
    file, told = trained
    assert file.is_file()
    assert [each["layer"] for each in told["layers"]] == [0, 1, 2]
    for each in told["layers"]:
        assert {"auroc", "low", "high", "masked", "masked_low", "masked_high"} <= set(each)
        assert each["shuffled_least"] <= each["shuffled"] <= each["shuffled_most"]
    assert set(told["text_only"]) == {"auroc", "low", "high", "n", "clusters"}
    assert told["text_only"]["auroc"] > 0.9
    assert (told["n"], told["clusters"]) == (80, 20)
    assert {"good", "bad"} <= set(told["words"])


def test_show_says_the_same(trained: Trained, folder: Path) -> None:
    file, told = trained
    shown = json.loads(done("concept", "show", file, "--json", "--model", folder / "model"))
    assert shown == told
    text = done("concept", "show", file)
    assert "Words alone (TF-IDF on the same parts): AUROC" in text
    assert "masked: the same texts with 'thing'" in text


def test_compare_and_control_vectors(trained: Trained, folder: Path) -> None:
    file, _ = trained
    table = json.loads(done("concept", "compare", file, file, "--json"))
    assert [each["cosine"] for each in table["layers"]] == pytest.approx([1, 1, 1])
    assert "2 directions" in done("concept", "export", file, "--gguf", folder / "n.gguf")
    text = done(
        "concept", "import", "again", "--gguf", folder / "n.gguf", "--model", folder / "model",
        "--out", folder / "again.safetensors",
    )  # fmt: skip
    assert "says neither of which weights nor of which texts" in text
    table = json.loads(done("concept", "compare", file, folder / "again.safetensors", "--json"))
    assert [each["cosine"] for each in table["layers"]] == pytest.approx([1, 1], abs=1e-5)


def test_a_run_reads_a_concept(trained: Trained, folder: Path, tmp_path: Path) -> None:
    file, _ = trained
    text = done(
        "run", "--model", folder / "model", "--limit", "6", "--rounds", "2", "--out", tmp_path,
        "--concept", f"nice={file}",
    )  # fmt: skip
    assert "activation_nice:" in text
    (run,) = tmp_path.glob("*-intrinsic-*")
    shown = json.loads(done("show", run, "--json"))
    assert shown["activations"]["nice"]["at"]["before_answer"]["against"] == "repeat"


@pytest.mark.slow
def test_two_processes_record_the_same(trained: Trained, folder: Path, tmp_path: Path) -> None:
    file, _ = trained
    found = []
    for workers in ("1", "2"):
        out = tmp_path / workers
        done(
            "run", "--model", folder / "model", "--limit", "6", "--rounds", "2", "--chunk", "3",
            "--no-controls", "--out", out, "--concept", f"nice={file}", "--workers", workers,
        )  # fmt: skip
        (run,) = out.iterdir()
        found.append({p.name: p.read_bytes() for p in (run / "records").iterdir()})
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_bad_input_is_one_sentence(trained: Trained, folder: Path, tmp_path: Path) -> None:
    file, _ = trained
    model, data = folder / "model", folder / "texts.jsonl"
    train = ("concept", "train")
    assert "did you mean 'linear'" in refused(*train, "x", "--model", model, "--kind", "linea",
                                              "--data", data, "--label", "nice")  # fmt: skip
    assert "no field 'x'" in refused(*train, "x", "--model", model, "--data", data)
    assert "no texts come with the package" in refused(*train, "x", "--model", model)
    assert "needs BBQ's questions" in refused(*train, "x", "--kind", "statement")
    assert "leaves no text" in refused(*train, "nice", "--data", data, "--limit", "1")
    (tmp_path / "one.jsonl").write_text('{"text": "a", "label": 1}\n{"text": "b", "label": 1}')
    assert "only true" in refused(*train, "x", "--data", tmp_path / "one.jsonl")
    (tmp_path / "few.jsonl").write_text('{"text": "a", "label": 1}\n{"text": "b", "label": 0}')
    assert "fewer than the 5 parts" in refused(
        *train, "x", "--model", model, "--data", tmp_path / "few.jsonl"
    )
    (tmp_path / "no.safetensors").write_text("hello")
    assert "no file of safetensors" in refused("concept", "show", tmp_path / "no.safetensors")
    run = ("run", "--model", model, "--out", tmp_path / "runs", "--concept")
    assert "there is no concept" in refused(*run, f"nice={tmp_path}/none")
    assert "no concept 'unheard' was trained" in refused(*run, "unheard")
    assert "no hidden states can be read" in refused(
        "run", "--model", "planted:chain", "--task", "planted", "--concept", f"nice={file}",
        "--out", tmp_path / "runs",
    )  # fmt: skip
    assert not (tmp_path / "runs").exists()


def test_another_template_is_told_from_another_model(trained: Trained, tmp_path: Path) -> None:
    file, _ = trained
    tokens = tiny.tokenizer(tiny.ALTERNATING)
    tiny.network("llama", len(tokens)).save_pretrained(tmp_path / "model")
    tokens.save_pretrained(tmp_path / "model")
    said = refused("run", "--model", tmp_path / "model", "--concept", f"nice={file}", "--out",
                   tmp_path / "runs")  # fmt: skip
    assert "its template is another" in said
    assert "train it again: selfcorrect concept train nice --model" in said
