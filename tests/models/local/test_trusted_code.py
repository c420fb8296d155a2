"""A model folder's Python runs where the user says so, and nobody else can say it for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tiny
from commands import printed, refused
from selfcorrect.errors import UserError
from selfcorrect.models.local import files
from selfcorrect.runs import make_spec, open_run, read_spec
from selfcorrect.runs.identity import ModelFacts

CAUSAL = "AutoModelForCausalLM"


def _folder(folder: Path) -> Path:
    tokens = tiny.tokenizer()
    tiny.network("llama", len(tokens)).save_pretrained(folder)
    tokens.save_pretrained(folder)
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w').write('x')\n")
    return folder


def _needy(folder: Path) -> Path:
    """A folder that only its own Python can load."""
    code = (_folder(folder) / "own.py").read_text()
    (folder / "own.py").write_text(
        f"{code}from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class Own(LlamaConfig):\n    model_type = 'nosuch'\n"
        "class Net(LlamaForCausalLM):\n    config_class = Own\n"
    )
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.Own", CAUSAL: "own.Net"}
    (folder / "config.json").write_text(
        json.dumps({**config, "model_type": "nosuch", "auto_map": own})
    )
    return folder


def _words(folder: Path, *more: str) -> list[str]:
    out = str(folder.parent / "runs")
    words = ["--task", "sample", "--model", str(folder), "--limit", "1", "--rounds", "1"]
    return [*words, "--dtype", "float32", "--no-controls", "--out", out, *more]


def test_code_runs_where_the_user_says_so_and_that_is_recorded(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = _needy(tmp_path / "model")
    assert "needs Python code of its own" in refused("run", *_words(folder))
    assert not (folder / "ran").exists()
    printed("run", *_words(folder, "--trust-remote-code"))
    assert (folder / "ran").exists()
    (run,) = (file.parent for file in tmp_path.glob("runs/sample-*/run.toml"))
    header = open_run(run).header
    assert header.spec.model.trust_remote_code
    assert "--trust-remote-code" in str(header.about["opened"])
    assert header.about["fingerprints"]["model"]["trusted"] is True


def test_it_is_in_the_hash_only_where_it_is_on(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model")
    plain = ModelFacts(str(folder), files.fingerprint(folder), "float32", "cpu").deciding
    assert "trusted" not in plain
    trusted = files.locate(str(folder), trust=True)
    assert (
        ModelFacts(str(folder), trusted.fingerprint, "float32", "cpu", "", True).deciding != plain
    )
    assert "trust_remote_code" not in make_spec({"model": str(folder)}).toml()["model"]
    (folder / "own.py").write_text("other = 1")
    assert files.locate(str(folder), trust=True).fingerprint != trusted.fingerprint
    assert files.locate(str(folder)).fingerprint == plain["fingerprint"]


@pytest.mark.parametrize("part", ["model", "models.feedback"])
def test_a_file_cannot_say_so_for_its_user(tmp_path: Path, part: str) -> None:
    file = tmp_path / "sent.toml"
    file.write_text(f"[{part}]\nname = '{tmp_path}'\ntrust_remote_code = true\n")
    option = "--trust-remote-code" if part == "model" else f"{part}.trust_remote_code=true"
    assert option in refused("run", str(file))
    with pytest.raises(UserError, match="read it, and say so yourself"):
        read_spec(file)
    key = f"{part}.trust_remote_code"
    assert read_spec(file, [f"{key}=true"])
    assert read_spec(file, values={key: True})


def test_a_run_that_was_sent_cannot_say_so_either(tmp_path: Path) -> None:
    """What opens a model goes by the spec that this user gives; a run's own is another's."""
    folder = _folder(tmp_path / "model")
    printed("run", *_words(folder))
    (run,) = (file.parent for file in tmp_path.glob("runs/sample-*/run.toml"))
    file = run / "run.toml"
    text = file.read_text()
    file.write_text(text.replace("[spec.model]\n", "[spec.model]\ntrust_remote_code = true\n"))
    assert open_run(run).header.spec.model.trust_remote_code
    printed("run", *_words(folder, "--limit", "2"))
    assert not open_run(run).header.spec.model.trust_remote_code
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("name", ["openai:x", "planted:chain"])
def test_only_a_folders_code_can_be_run(name: str) -> None:
    words = ["run", "--model", name, "--trust-remote-code"]
    words += ["--base-url", "http://127.0.0.1:9/v1"] if name == "openai:x" else []
    assert "trust_remote_code is for a model in a folder" in refused(*words)
