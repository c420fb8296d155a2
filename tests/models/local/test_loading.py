"""What is wrong with a model's files is told in one sentence; a GGUF file is converted once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import tiny
from selfcorrect.errors import UserError
from selfcorrect.models import describe, load
from selfcorrect.models.local import files


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "good"
    tokens = tiny.tokenizer()
    tiny.network("llama", len(tokens)).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def _weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def _retype(folder: Path) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_type": "nosuch"}))


def _configured(folder: Path, **changed: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


def _linked(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")


def _piped(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "x.jinja")


def _listed(folder: Path, part: str) -> None:
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {UP: part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _wordless(folder: Path) -> None:
    made = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>").save_pretrained(folder)


UP = "model.layers.1.mlp.up_proj.weight"
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda d: (d / "config.json").unlink(), "config.json"),
    "config cut short": (lambda d: (d / "config.json").write_text('{"a": '), "not valid JSON"),
    "config no table": (lambda d: (d / "config.json").write_text("[]"), "could not be read"),
    "config not text": (lambda d: (d / "config.json").write_bytes(b'"\xff"'), "not valid JSON"),
    "unknown type": (_retype, "nosuch"),
    "no weights": (lambda d: (d / "model.safetensors").unlink(), "no weights"),
    "weights empty": (lambda d: (d / "model.safetensors").write_bytes(b""), "could not be read"),
    "weights cut short": (
        lambda d: (d / "model.safetensors").write_bytes(
            (d / "model.safetensors").read_bytes()[:5000]
        ),
        "could not be read",
    ),
    "a tensor missing": (lambda d: _weights(d, lambda t: t.pop(UP)), f"incomplete.*{UP}"),
    "a tensor misshapen": (
        lambda d: _weights(d, lambda t: t.update({UP: torch.zeros(3, 3)})),
        "could not be read",
    ),
    "a layer left out": (
        lambda d: _configured(d, num_hidden_layers=2),
        r"have model\.layers\.2\..*has no place",
    ),
    "layers beyond reason": (
        lambda d: _configured(d, num_hidden_layers=10**6),
        "num_hidden_layers = 1,000,000, and its weights have",
    ),
    "experts beyond reason": (
        lambda d: _configured(d, text_config={"num_local_experts": 10**7}),
        "num_local_experts = 10,000,000, and its weights have",
    ),
    "weights a device": (lambda d: _linked(d, "model.safetensors"), "no plain file"),
    "tokenizer a device": (lambda d: _linked(d, "tokenizer.json"), "no plain file"),
    "a template below a pipe": (lambda d: _piped(d / "additional_chat_templates"), "no plain file"),
    "weights listed outside": (lambda d: _listed(d, "../../etc/passwd"), "outside the folder"),
    "weights listed by root": (lambda d: _listed(d, "/etc/passwd"), "outside the folder"),
    "a tokenizer without words": (_wordless, "knows no words"),
    "no tokenizer": (
        lambda d: [f.unlink() for f in d.glob("tokenizer*")],
        "could not be read",
    ),
    "tokenizer broken": (
        lambda d: (d / "tokenizer.json").write_text("{"),
        "could not be read",
    ),
    "template broken": (
        lambda d: (d / "chat_template.jinja").write_text("{% for m in messages %}"),
        "chat template",
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_folder_is_one_sentence(good: Path, tmp_path: Path, name: str) -> None:
    change, part = BROKEN[name]
    folder = tmp_path / "broken"
    shutil.copytree(good, folder)
    change(folder)
    with pytest.raises(UserError, match=part) as caught:
        load(str(folder), "float32")
    assert str(folder) in str(caught.value) or "template" in name
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_good_folder(good: Path, dtype: str) -> None:
    model: Any = load(str(good), dtype, "cpu")
    assert (model.dtype, model.device, model.context) == (dtype, "cpu", 1024)
    assert model.engine.packed
    assert {p.dtype for p in model.engine.network.parameters()} == {getattr(torch, dtype)}
    assert describe(str(good), dtype) == (model.fingerprint, dtype, "cpu")


def test_auto_resolves() -> None:
    from selfcorrect.models.local.machine import resolve

    dtype, device = resolve("auto", "auto")
    assert dtype in ("float32", "bfloat16")
    assert device in ("cpu", "cuda")


@pytest.mark.parametrize(
    ("name", "dtype", "device", "part"),
    [
        ("GOOD", "float31", "auto", "float32"),
        ("GOOD", "auto", "gpu", "'gpu'"),
        ("smolm2", "auto", "auto", "smollm2"),
        ("./nowhere", "auto", "auto", "nowhere"),
        ("/nowhere/model.gguf", "auto", "auto", "no GGUF file"),
        ("a/b/c", "auto", "auto", "a/b/c"),
        ("", "auto", "auto", "no model"),
        ("planted:chian", "auto", "auto", "planted:chain"),
    ],
)
def test_what_does_not_exist(good: Path, name: str, dtype: str, device: str, part: str) -> None:
    for call in (load, describe):
        with pytest.raises(UserError, match=part) as caught:
            call(str(good) if name == "GOOD" else name, dtype, device)
        assert "\n" not in str(caught.value)


def test_a_folder_that_only_holds_a_gguf_names_it(tmp_path: Path) -> None:
    (tmp_path / "some.gguf").write_bytes(b"GGUF")
    with pytest.raises(UserError, match=r"some\.gguf"):
        load(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"GGUF\x03\x00\x00\x00\xff"])
def test_a_broken_gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "bad.gguf"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.gguf"):
        load(str(file))


@pytest.mark.parametrize(
    "setting", [("HF_HUB_OFFLINE", "1"), ("HF_ENDPOINT", "http://127.0.0.1:9")]
)
def test_an_unreachable_hub_says_how_to_go_on(setting: tuple[str, str], tmp_path: Path) -> None:
    """In a process of its own: the hub's client reads its settings when it is imported."""
    code = (
        "from selfcorrect.models import describe\n"
        "from selfcorrect.errors import UserError\n"
        "try: describe('no-such-owner/no-such-model', 'float32', 'cpu')\n"
        "except UserError as error: print('TOLD', error)\n"
    )
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), setting[0]: setting[1]}
    env["PYTHONPATH"] = ":".join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.startswith("TOLD"), done.stderr[-500:]
    assert "local folder" in done.stdout


def test_a_gguf_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "some.gguf"
    file.write_bytes(b"GGUF of a sort")
    calls = []

    def convert(source: Path, folder: Path) -> None:
        calls.append(source)
        assert folder.name.endswith(".part")
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"\2" + bytes(7) + b"{}")

    monkeypatch.setattr(files, "convert", convert)
    first = files.locate(str(file))
    assert files.locate(str(file)) == first
    assert len(calls) == 1
    file.write_bytes(b"another GGUF of a sort")
    assert files.locate(str(file)).folder != first.folder
    assert len(calls) == 2


def test_a_conversion_that_was_killed_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "some.gguf"
    file.write_bytes(b"GGUF of a sort")

    def killed(_: Path, folder: Path) -> None:
        (folder / "config.json").write_text("{")
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "convert", killed)
    with pytest.raises(KeyboardInterrupt):
        files.locate(str(file))

    def convert(_: Path, folder: Path) -> None:
        assert not list(folder.iterdir())
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"\2" + bytes(7) + b"{}")

    monkeypatch.setattr(files, "convert", convert)
    assert (files.locate(str(file)).folder / "model.safetensors").is_file()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: (d / "chat_template.jinja").write_text("{{ messages[0].content }}"),
        lambda d: _weights(d, lambda t: t[UP].add_(1)),
        lambda d: _retype(d),
    ],
    ids=["template", "weights", "configuration"],
)
def test_the_fingerprint_follows_what_matters(
    good: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(good, folder)
    assert files.fingerprint(folder) == files.fingerprint(good)
    change(folder)
    assert files.fingerprint(folder) != files.fingerprint(good)
