"""Python that lies in a model's folder is never run, whatever stands on stdin."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.models import load
from selfcorrect.models.local import files

ROOT = Path(__file__).parents[3]
CAUSAL = "AutoModelForCausalLM"


def _folder(folder: Path, name: str = "llama") -> Path:
    tokens = tiny.tokenizer()
    tiny.network(name, len(tokens)).save_pretrained(folder)
    tokens.save_pretrained(folder)
    (folder / "own.py").write_text(
        f"open({str(folder / 'ran')!r}, 'w').write('x')\n"
        "from transformers import LlamaConfig as Own, LlamaForCausalLM as Net\n"
        "from transformers import PreTrainedTokenizerFast as Tokens\n"
    )
    return folder


def _set(folder: Path, file: str, **values: Any) -> None:
    told = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**told, **values}))


def _unknown_type(folder: Path) -> None:
    own = {"AutoConfig": "own.Own", CAUSAL: "own.Net"}
    _set(folder, "config.json", model_type="nosuch", auto_map=own)


def _unknown_network(folder: Path) -> None:
    """Transformers knows the type, but has no causal language model of it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "vocab_size": 300}))
    _set(folder, "config.json", auto_map={CAUSAL: "own.Net"})


def _unknown_tokenizer(folder: Path) -> None:
    """A type for which transformers has no tokenizer, and a class that it doesn't know."""
    config = {**tiny.CONFIGS["llama"], "vocab_size": len(tiny.tokenizer()), "model_type": "arcee"}
    (folder / "config.json").write_text(json.dumps(config))
    names = {"AutoTokenizer": [None, "own.Tokens"]}
    _set(folder, "tokenizer_config.json", tokenizer_class="NoSuch", auto_map=names)


NEEDED = [_unknown_type, _unknown_network, _unknown_tokenizer]


@pytest.mark.parametrize("command", ["run", "preview"])
@pytest.mark.parametrize("change", NEEDED)
def test_code_that_is_needed_is_refused(tmp_path: Path, change: Any, command: str) -> None:
    folder = _folder(tmp_path / "model")
    change(folder)
    words = [command, "--task", "sample", "--model", folder, "--limit", "1", "--out", tmp_path]
    sentence = refused(*words, stdin="y\ny\ny\n")
    assert "needs Python code of its own" in sentence
    assert all(part in sentence for part in ("--trust-remote-code", str(folder)))
    assert "trust_remote_code" not in sentence
    assert not (folder / "ran").exists()


def test_code_that_is_not_needed_is_left_alone(tmp_path: Path, monkeypatch: Any) -> None:
    folder = _folder(tmp_path / "model")
    _set(folder, "config.json", auto_map={"AutoConfig": "own.Own", CAUSAL: "own.Net"})
    _set(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Tokens", None]})
    stdin = io.StringIO("y\n" * 9)
    monkeypatch.setattr(sys, "stdin", stdin)
    model: Any = load(str(folder), "float32", "cpu")
    assert type(model.engine.network).__module__.startswith("transformers.")
    assert not (folder / "ran").exists()
    assert stdin.tell() == 0


@pytest.mark.parametrize("names", [1, "own", [], [1], {"AutoTokenizer": 3}, {"AutoConfig": None}])
def test_a_malformed_map_is_one_sentence_or_harmless(tmp_path: Path, names: Any) -> None:
    folder = _folder(tmp_path / "model")
    for file in ("config.json", "tokenizer_config.json"):
        _set(folder, file, auto_map=names)
    told = ""
    try:
        load(str(folder), "float32", "cpu")
    except UserError as error:
        told = str(error)
    assert "\n" not in told
    assert not (folder / "ran").exists()


def test_code_beside_a_gguf_file(tmp_path: Path, monkeypatch: Any) -> None:
    """The converter reads the folder's tokenizer_config.json, too."""
    import transformers

    folder = _folder(tmp_path / "model")
    _unknown_tokenizer(folder)
    (folder / "some.gguf").write_bytes(b"GGUF")
    stdin = io.StringIO("y\n" * 9)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    network = tiny.network("llama", len(tiny.tokenizer()))
    monkeypatch.setattr(
        transformers.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: network
    )
    config = transformers.AutoConfig.for_model("arcee")
    plain = transformers.AutoTokenizer.from_pretrained

    def as_if_read(path: Any, *args: Any, gguf_file: str, **kwargs: Any) -> Any:
        assert gguf_file == "some.gguf"
        return plain(path, *args, config=config, **kwargs)

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", as_if_read)
    with pytest.raises(UserError, match=r"some\.gguf"):
        files.locate(str(folder / "some.gguf"))
    assert not (folder / "ran").exists()
    assert stdin.tell() == 0


def test_a_model_that_generates_no_text_is_refused_by_both(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "vocab_size": 300}))
    for command in ("run", "preview"):
        words = [command, "--task", "sample", "--model", folder, "--out", tmp_path]
        assert "of type 't5'" in refused(*words)


# -- no other way in ------------------------------------------------------------------------------

LOADERS = {"from_pretrained", "from_config"}
#: What runs what it is given.
DOORS = {"get_class_from_dynamic_module", "register_for_auto_class", "pipeline", "custom_generate"}
TYPED = {"input", "stdin"}
#: A process of ours that gets what it renders by a pipe, and who writes into that.
PIPED = {"rendering.py", "sandbox.py"}


#: Where alone the user's word counts, and how it is given there.
ASKED, WORD = "src/selfcorrect/models/local/loading.py", "source.trusted"


def _open_doors(source: str, word: str = "") -> list[str]:
    """Where a source could run a model folder's code, a line each."""
    tree = ast.parse(source)
    closed: set[ast.expr] = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            given = {k.arg: k.value for k in call.keywords}.get("trust_remote_code")
            off = isinstance(given, ast.Constant) and given.value is False
            if off or (given is not None and word and ast.unparse(given) == word):
                closed.add(call.func)
    found = []
    for node in ast.walk(tree):
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        if name in DOORS | TYPED or (name in LOADERS and node not in closed):
            found.append(f"{getattr(node, 'lineno', 0)}: {name}")
    return found


def test_every_loader_refuses_a_folders_code() -> None:
    """A new loader without ``trust_remote_code=False`` fails here."""
    seen = 0
    for room in ("src", "benchmarks", "scripts"):
        for file in (ROOT / room).rglob("*.py"):
            source = file.read_text(encoding="utf-8")
            seen += sum(source.count(f".{name}(") for name in LOADERS)
            asked = str(file.relative_to(ROOT)) == ASKED
            doors = _open_doors(source, WORD if asked else "")
            # a side of a benchmark, and what renders templates, is told what to do on its stdin
            piped = room != "src" or file.name in PIPED
            assert not [d for d in doors if not (piped and d.split()[1] in TYPED)], file
    assert seen >= 8


@pytest.mark.parametrize(
    "source",
    [
        "AutoModel.from_pretrained(folder)",
        "AutoProcessor.from_pretrained(folder, trust_remote_code=True)",
        "AutoConfig.from_pretrained(folder, trust_remote_code=trusted)",
        "AutoModel.from_config(config, **settings)",
        "AutoModel.from_pretrained(folder, trust_remote_code=source.trusted)",
        "read = AutoTokenizer.from_pretrained\nread(folder)",
        "transformers.pipeline('text-generation', folder)",
        "answer = input('run it?')",
        "sys.stdin.readline()",
    ],
)
def test_an_open_door_is_seen(source: str) -> None:
    assert _open_doors(source)
    assert not _open_doors("AutoModel.from_pretrained(folder, trust_remote_code=False)")


def test_pickled_weights_run_nothing(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model")
    (folder / "model.safetensors").unlink()

    class Evil:
        def __reduce__(self) -> Any:
            return open, (str(folder / "ran"), "w")

    torch.save({"x": Evil(), "room": torch.zeros(100_000)}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="could not be read"):
        load(str(folder), "float32", "cpu")
    assert not (folder / "ran").exists()


# -- whatever else a folder holds -----------------------------------------------------------------

CODE = "open({ran!r}, 'w').write('x')\n"


PYTHON = (
    "custom_generate/generate.py", "processing_own.py", "handler.py", "setup.py", "conftest.py",
    "sitecustomize.py", "__init__.py", "additional/own.py",
)  # fmt: skip


def _everything(folder: Path) -> None:
    """Python wherever something in a folder may be looked for."""
    for name in PYTHON:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(CODE.format(ran=str(folder / "ran")))
    own = dict.fromkeys(("AutoProcessor", "AutoImageProcessor"), "processing_own.Own")
    for name in ("processor_config.json", "preprocessor_config.json", "video_config.json"):
        (folder / name).write_text(json.dumps({"auto_map": own, "processor_class": "Own"}))
    _set(folder, "generation_config.json", custom_generate=str(folder), trust_remote_code=True)
    maps = {"AutoConfig": "own.Own", CAUSAL: "own.Net", "AutoModel": "own.Net",
            "AutoModelForSequenceClassification": "own.Net"}  # fmt: skip
    _set(folder, "config.json", auto_map=maps, trust_remote_code=True, custom_pipelines={"x": own})
    _set(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "own.Tokens"]},
         trust_remote_code=True)  # fmt: skip


class Evil:
    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> Any:
        return open, (str(self.ran), "w")


@pytest.mark.parametrize("name", ["", "classifier", "meanings:embedding", "meanings:nli"])
def test_nothing_of_a_folder_runs(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    from selfcorrect.scorers import load as scorer

    folder = _folder(tmp_path / "model")
    _everything(folder)
    for file in ("training_args.bin", "optimizer.pt", "model.pt", "scheduler.pt"):
        torch.save({"x": Evil(folder / "ran")}, folder / file)
    stdin = io.StringIO("y\n" * 9)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.chdir(folder)
    told = ""
    try:
        scorer(f"{name}:{folder}") if name else load(str(folder), "float32", "cpu")
    except UserError as error:
        told = str(error)
    assert "\n" not in told
    assert name or not told
    assert not (folder / "ran").exists()
    assert stdin.tell() == 0


@pytest.mark.slow
def test_nothing_runs_in_a_process_of_a_worker(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model")
    _everything(folder)
    words = [
        "run",
        "--task",
        "sample",
        "--model",
        str(folder),
        "--limit",
        "2",
        "--rounds",
        "1",
        "--workers",
        "2",
        "--no-controls",
        "--dtype",
        "float32",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "selfcorrect", *words], input="y\n" * 9, capture_output=True,
        text=True, timeout=300, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    assert not (folder / "ran").exists()


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model")
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "/elsewhere", "peft_type": "LORA"})
    )
    with pytest.raises(UserError, match="an adapter of another model that it only names"):
        load(str(folder), "float32", "cpu")
