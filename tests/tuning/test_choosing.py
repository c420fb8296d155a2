"""Texts from Python: likelier sentences, subsets, and a tuned model, as the commands do them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import selfcorrect as sc
import tiny
from commands import printed
from selfcorrect.models.tuned import read_tuned

_PAIRS = ",sent_more,sent_less,stereo_antistereo,bias_type\n" + "".join(
    f"{n},the grandfather {n},the grandson {n},stereo,<b>age\n" for n in range(9)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model") / "model"
    model = tiny.model("llama")
    model.engine.network.save_pretrained(place)
    model.vocabulary.tokenizer.save_pretrained(place)
    return place


def test_bias_is_what_the_command_prints_and_shows_itself(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(_PAIRS)
    found = sc.bias(str(folder), file, page=tmp_path / "page.html", progress=False)
    assert json.loads(printed("bias", "--model", folder, "--data", file, "--json")) == found
    assert repr(found).splitlines()[0] == found.sheet.findings[0]
    assert "<b>age" not in found._repr_html_()
    assert "<b>age" not in (tmp_path / "page.html").read_text("utf-8")
    open_already: Any = tiny.model("llama")
    again = sc.bias(open_already, file, progress=False)
    assert again["versions"]["whole"]["share"]["n"] == 9
    sc.bias(open_already, file, progress=False)  # it was left open


def test_texts_are_chosen_tuned_on_and_the_model_knows_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfcorrect.tuning.made.user_cache_path", lambda _: tmp_path)
    done = sc.choose(str(folder), limit=8, size=2, samples=2, to=tmp_path / "chosen",
                     out=tmp_path / "runs", progress=False)  # fmt: skip
    assert set(done.files) == {"uncertain", "certain", "random", "length", "loss"}
    assert all(len(file.read_text().splitlines()) == 2 for file in done.files.values())
    assert repr(done) == "\n".join(done.sheet().findings)
    assert done._repr_html_()
    how: dict[str, Any] = {"model": str(folder), "steps": 1, "progress": False}
    made = sc.tune(done.files["uncertain"], tmp_path / "tuned", **how)
    tuned = read_tuned(str(made))
    assert tuned is not None
    assert (tuned.texts["n"], tuned.texts["name"]) == (2, "uncertain.jsonl")
    made = sc.tune([" the grandson 1", "the grandson 1", ""], tmp_path / "other", **how)
    tuned = read_tuned(str(made))
    assert tuned is not None
    assert tuned.texts["n"] == 1
    file = tmp_path / "pairs.csv"
    file.write_text(_PAIRS)
    with pytest.raises(sc.UserError, match="was tuned on 1 of the 18 texts"):
        sc.bias(str(made), file, progress=False)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _: sc.bias(5, progress=False), "is no model"),
        (lambda to: sc.choose(5, out=to), "is no name of a model"),
        (lambda to: sc.choose(samples=1, out=to, progress=False), "samples"),
        (lambda to: sc.tune([], to / "x"), "no text to tune on"),
        (lambda to: sc.tune([5], to / "x"), "a list of strings"),
        (lambda to: sc.tune(["a \ud800"], to / "x"), "half a character"),
        (lambda to: sc.tune(["a"], to / "x", rate=float("nan")), "must be a number, at least 0"),
        (lambda to: sc.tune(["a"], to / "x", batch=0), "must be a whole number, at least 1"),
        (lambda to: sc.tune(["a"], to / "x", steps=1.5), "steps must be a whole number"),
        (lambda to: sc.tune(["a"], to), "is there already"),
        (lambda to: sc.tune(["a"], to / "x", model="openai:m"), "behind a server"),
    ],
)
def test_bad_arguments_are_a_sentence(call: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(sc.UserError, match=said):
        call(tmp_path)
