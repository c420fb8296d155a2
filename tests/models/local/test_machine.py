"""Which number format a machine gets by itself, and what is said of one that it only emulates."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from selfcorrect import models, runs
from selfcorrect.models.local import machine
from selfcorrect.preview import preview

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from benchmarks import engine, side

OLD = {"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}
NEW = {**OLD, "avx512_bf16": True}
AMX = {**OLD, "amx_bf16": True, "avx512_fp16": True}
ARM = {"architecture": "aarch64"}
NAME = "Cascade Lake at 2.3 GHz"


def _fake(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any]) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(machine, "processor", lambda device: f"{NAME} ({device})")


@pytest.mark.parametrize(
    ("capabilities", "auto", "emulated"),
    [
        (OLD, "float32", {"bfloat16", "float16"}),
        (NEW, "bfloat16", {"float16"}),
        (AMX, "bfloat16", set()),
        (ARM, "float32", set()),  # torch doesn't tell what others can
        ({}, "float32", set()),
    ],
)
def test_auto_is_native_and_what_is_emulated_is_told(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], auto: str, emulated: set[str]
) -> None:
    _fake(monkeypatch, capabilities)
    assert machine.resolve("auto", "cpu") == (auto, "cpu")
    for dtype in ("float32", "bfloat16", "float16"):
        assert machine.resolve(dtype, "cpu") == (dtype, "cpu")  # never refused
        told = models.advice(dtype, "cpu")
        assert (told is not None) == (dtype in emulated)
        if told:
            assert told.startswith(f"{dtype} is only emulated on {NAME} (cpu), ")
            assert "\n" not in told
    assert models.advice("float64", "cpu") is models.advice("served", "host:1") is None


def test_this_processor_has_a_name() -> None:
    assert machine.processor("cpu").strip()


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_run_says_so_once_and_keeps_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dtype: str, tmp_path: Path
) -> None:
    _fake(monkeypatch, OLD)
    model = tiny.model("llama", dtype=dtype, max_position_embeddings=4096)
    spec = runs.make_spec({"task": "sample", "rounds": 2, "limit": 2})
    run = runs.run(spec, out=tmp_path, model=model)
    told = [record.getMessage() for record in caplog.records if record.name == "selfcorrect"]
    if dtype == "float32":
        assert told == []
        assert "opened" not in run.header.about
        return
    sentence = models.advice(dtype, "cpu")
    assert told == [f"selfcorrect: {sentence}"]
    assert caplog.records[-1].levelno == logging.WARNING
    assert run.header.about["opened"] == {"model": {"emulated": sentence}}
    runs.run(spec, out=tmp_path, model=model)  # a result that is there computes nothing
    assert len([r for r in caplog.records if r.name == "selfcorrect"]) == 1


def test_it_is_one_line_on_standard_error() -> None:
    """In a process of its own, as pytest sets up logging in this one."""
    code = (
        "from selfcorrect import models; from selfcorrect.cli import main;"
        "models.advice = lambda dtype, device: 'it is only emulated here.';"
        "main(['preview', '--model', 'planted:chain', '--task', 'planted', '--limit', '9'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # a slow machine has the command say that it is at work
    said = [line for line in done.stderr.splitlines() if "at work for" not in line]
    assert said == ["selfcorrect: it is only emulated here."]


def test_a_preview_says_it_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, smollm2: Any
) -> None:
    _fake(monkeypatch, OLD)
    for dtype in ("auto", "bfloat16"):
        preview(runs.make_spec({"model": {"name": smollm2.name, "dtype": dtype}, "limit": 1}))
    (told,) = [r.getMessage() for r in caplog.records if r.name == "selfcorrect"]
    assert told.startswith("selfcorrect: bfloat16 is only emulated on ")
    assert "use dtype auto" in told


# --- the benchmark ---------------------------------------------------------------------------


def test_the_benchmark_names_processor_and_dtype_and_mixes_no_machines(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    assert engine.begun(file, "A", "float32") == {"processor": "A", "dtype": "float32"}
    file.write_text(json.dumps({"processor": "A", "dtype": "float32", "speedup": 6.4}))
    assert engine.begun(file, "A", "float32")["speedup"] == 6.4
    assert "speedup" not in engine.begun(file, "A", "bfloat16")
    assert "speedup" not in engine.begun(file, "B", "float32")
    shown = engine.table(engine.begun(file, "A", "float32"))
    cells = [list(column.cells) for column in shown.columns]
    assert list(zip(*cells, strict=True)) == [
        ("processor", "A"),
        ("dtype", "float32"),
        ("speedup", "6.400"),
    ]


def test_the_kept_figures_name_theirs() -> None:
    kept = json.loads((engine.ROOT / "benchmarks" / "latest.json").read_text("utf-8"))
    assert kept["processor"]
    assert kept["dtype"] in ("float32", "bfloat16")


def test_a_side_is_told_its_dtype(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text("{}")
    words = ["side", str(tmp_path / "d.json"), "--model", "m", "--rounds", "1"]
    words += ["--max-new-tokens", "1"]
    monkeypatch.setattr(sys, "argv", [*words, "--dtype", "float32"])
    assert side.arguments().dtype == "float32"
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        side.arguments()


def test_our_side_runs_in_the_dtype_that_it_is_told(
    monkeypatch: pytest.MonkeyPatch, smollm2: Any
) -> None:
    from argparse import Namespace

    from benchmarks import ours

    asked: list[tuple[str, str]] = []

    def load(name: str, dtype: str) -> Any:
        asked.append((name, dtype))
        return smollm2

    monkeypatch.setattr(models, "load", load)
    threads = torch.get_num_threads()
    dialogues = {"first": ["One?", "Two?"], "prefill": "It is (", "review": "Sure?"}
    given = Namespace(model="m", dtype="float32", dialogues=dialogues, rounds=2, max_new_tokens=2)
    hold, about = ours.load(given)
    torch.set_num_threads(threads)
    assert asked == [("m", "float32")]
    assert about["dtype"] == "float32"
    assert [len(answers) for answers in hold(["One?", "Two?"], 2).answers] == [2, 2]
