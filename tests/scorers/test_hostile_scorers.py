"""Folders of classifiers, of models of entailment and of embeddings as an enemy makes them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny
from selfcorrect import scorers
from selfcorrect.errors import UserError
from selfcorrect.models.local.reading import reading
from selfcorrect.scorers import Answered
from selfcorrect.scorers.loading import blamed
from timing import within

LABELS = {
    "classifier": ["toxic", "fine"],
    "meanings:nli": ["entailment", "neutral", "contradiction"],
    "meanings:embedding": ["x", "y"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole one of each kind, of random weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    made = {}
    for kind, labels in LABELS.items():
        folder = tmp_path_factory.mktemp(kind.replace(":", "-"))
        tokens = tiny.tokenizer(None, pad_token="<unk>")
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(tokens), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=16, max_position_embeddings=64, id2label=dict(enumerate(labels)),
            label2id={label: n for n, label in enumerate(labels)},
        )  # fmt: skip
        network = BertModel if "embedding" in kind else BertForSequenceClassification
        network(config).save_pretrained(folder)
        tokens.save_pretrained(folder)
        made[kind] = folder
    return made


def _set(folder: Path, file: str = "config.json", **values: Any) -> None:
    told = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**told, **values}))


def _pooling(text: str) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(text)

    return put


def _device(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    os.symlink("/dev/zero", folder / "1_Pooling" / "config.json")


def _merges(folder: Path) -> None:
    told = json.loads((folder / "tokenizer.json").read_text())
    told["post_processor"] = {
        "type": "TemplateProcessing", "special_tokens": {},
        "single": [{"SpecialToken": {"id": "Z", "type_id": 0}}], "pair": [],
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(told))


#: Of which kinds, what is done to the folder, and what the refusal says.
HOSTILE: list[tuple[str, Callable[[Path], None], str]] = [
    ("", lambda folder: _set(folder, return_dict=False), "has no attribute|can't read"),
    ("", lambda folder: _set(folder, num_labels=10**9), "1,000,000,000 labels"),
    ("", lambda folder: _set(folder, id2label={n: str(n) for n in range(20_000)}), "20,000 labels"),
    ("", lambda folder: _set(folder, num_hidden_layers=999), "= 999, and its weights have"),
    ("", lambda folder: _set(folder, **{f"k{n}": n for n in range(150_000)}), "has at most"),
    ("", lambda folder: _set(folder, chunk_size_feed_forward=3), "multiple of the chunk size"),
    ("", lambda folder: _set(folder, layer_norm_eps=float("nan")), "finite|NaN|nan|float"),
    ("", _merges, "knows no words|can't"),
    ("embedding", _pooling("[" * 100_000), "must be a table in JSON"),
    ("embedding", _pooling("[1]"), "must be a table in JSON"),
    ("embedding", _pooling(" " * 2_000_000), "must be a table in JSON"),
    ("embedding", _device, "no plain file"),
]


def _use(name: str) -> Any:
    scorer = scorers.load(name)
    samples = [{"text": t, "key": None, "logp": -1.0, "tokens": 2} for t in ("yes", "no", "well")]
    return scorer.score([Answered("1", 1, "some text", prompt="Which?", samples=samples)])


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_it_is_one_sentence_soon(
    kind: str, number: int, folders: dict[str, Path], tmp_path: Path
) -> None:
    of, damage, said = HOSTILE[number]
    if of not in kind:
        pytest.skip("of another kind")
    folder = tmp_path / "model"
    shutil.copytree(folders[kind], folder)
    damage(folder)
    told, value = "", None
    with within(15):
        try:
            value = _use(f"{kind}:{folder}")[0].value
        except UserError as error:
            told = str(error)
    # a classifier that gives NaN has given no number
    assert value is None or ("nan" in said and value == value)
    assert len(told) < 600
    assert not told or any(each in told for each in said.split("|")), told


@pytest.mark.parametrize("kind", LABELS)
def test_a_whole_one_is_used(kind: str, folders: dict[str, Path]) -> None:
    [score] = _use(f"{kind}:{folders[kind]}")
    assert score.value is not None


class PanicException(BaseException):
    """What tokenizers and polars raise on what they didn't expect."""


def test_a_panic_of_a_compiled_library_is_one_sentence(monkeypatch: Any) -> None:
    from typer.testing import CliRunner

    from selfcorrect.cli import app

    with pytest.raises(UserError, match="x can't: index out of bounds"), blamed("x can't"):
        raise PanicException("index out of bounds\nmore")
    with pytest.raises(UserError, match="could not be read: index"), reading("x"):
        raise PanicException("index out of bounds")
    for ends in (KeyboardInterrupt, SystemExit):
        with pytest.raises(ends), blamed("x"):
            raise ends
        with pytest.raises(ends), reading("x"):
            raise ends

    def panics(*_: Any, **__: Any) -> None:
        raise PanicException("index out of bounds")

    # the package has a command of the module's name
    monkeypatch.setattr(sys.modules["selfcorrect.cli.check_task"], "look_at", panics)
    done = CliRunner().invoke(app, ["check-task", "sample"])
    assert done.exit_code == 2
    assert "a library failed on a file or a text (index out of bounds)" in done.stderr
