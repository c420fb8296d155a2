"""Runs of models that think: settings, what is said and stored, and a run that stops."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import thinkers
import tiny
from selfcorrect import models, runs
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.runs.command import command_line
from selfcorrect.runs.executors import watch
from servers.thinker import Thinker, Ways

_SMALL = {"task": "planted", "rounds": 2, "limit": 2, "chunk": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose template has a switch."""
    return _folder(tmp_path_factory.mktemp("models") / "thinker", thinkers.SWITCHED)


def _folder(path: Path, template: str) -> Path:
    tokens = tiny.tokenizer(template)
    tokens.save_pretrained(path)
    tiny.network("llama", len(tokens), 3).save_pretrained(path)
    return path


def _spec(model: Path | str, **values: Any) -> runs.RunSpec:
    return runs.read_spec(values={"model": str(model), **_SMALL, **values})


def _thoughts(run: Any) -> list[Any]:
    steps = run.records["steps"].explode().struct.unnest()
    return steps.filter(steps["kind"] == "thinking").to_dicts()


def test_auto_tells_the_template_not_to_think_and_says_so(
    folder: Path, tmp_path: Path, caplog: Any
) -> None:
    with caplog.at_level(logging.WARNING, "selfcorrect"):
        run = runs.run(_spec(folder), out=tmp_path, controls=False)
    assert "doesn't think before it replies: its template is told enable_thinking=false" in (
        caplog.text
    )
    table = (run.folder / "run.toml").read_text()
    assert 'thinking = "off"' in table
    assert "<think>\\n\\n</think>" in table or "<think>\n\n</think>" in table
    assert not _thoughts(run)
    again = runs.run(_spec(folder, **{"model.thinking": "off"}), out=tmp_path, controls=False)
    assert again.folder == run.folder


def test_on_is_another_run_with_its_own_steps(
    folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(watch, "_MOST", 1.0)  # random weights end nothing
    off = runs.run(_spec(folder), out=tmp_path, controls=False)
    long = _spec(folder, **{"model.thinking": "on", "model.max_thinking": 40})
    run = runs.run(long, out=tmp_path, controls=False)
    assert run.folder != off.folder
    assert len(_thoughts(run)) == 4
    assert 'thinking = "on"' in (run.folder / "run.toml").read_text()
    assert run.summary()
    assert "--thinking on --max-thinking 40" in command_line(run.header.spec)


def test_a_run_whose_first_thoughts_are_cut_stops(folder: Path, tmp_path: Path) -> None:
    spec = _spec(folder, **{"model.thinking": "on", "model.max_thinking": 1})
    with pytest.raises(UserError, match="of the first 2 replies were cut off") as caught:
        runs.run(spec, out=tmp_path, controls=False)
    assert "--max-thinking" in str(caught.value)
    assert not list(tmp_path.glob("*/records/*"))


def test_thinking_is_known_without_weights(folder: Path, tmp_path: Path) -> None:
    assert models.thinking(str(folder)) == "off"
    assert models.thinking(str(folder), "on", 7) == "on 7"
    opening = _folder(tmp_path / "opening", thinkers.OPENING)
    assert models.thinking(str(opening), "auto", 9) == "on 9"
    assert models.thinking(str(_folder(tmp_path / "hinting", thinkers.HINTING))) == "auto 2048"
    assert models.thinking("smollm2") == ""
    for name in ("smollm2", "planted:chain"):
        with pytest.raises(UserError, match="leave out --thinking on"):
            models.thinking(name, "on")


def test_a_model_without_thoughts_has_the_hash_that_it_had(tmp_path: Path) -> None:
    """Neither the settings nor their defaults are in the run's identity, or in run.toml."""
    plain = _folder(tmp_path / "plain", tiny.CHATML)
    one = runs.prepare([_spec(plain)]).arms[0]
    other = runs.prepare([_spec(plain, **{"model.thinking": "off"})]).arms[0]
    assert one.hash == other.hash
    assert "thinking" not in one.facts.model.deciding
    assert "thinking" not in str(one.spec.toml())


def test_a_served_run_keeps_its_thoughts_apart(tmp_path: Path) -> None:
    stub = Thinker(Ways())
    try:
        spec = _spec("openai:thinker", **{"model.base_url": stub.url, "model.wait": 5})
        run = runs.run(spec, out=tmp_path, controls=False)
        assert len(_thoughts(run)) == 4
        assert run.records["text"].to_list() == ["The best answer is (b) indeed"] * 4
        assert set(run.records["option_p"].list.len()) == {3}
    finally:
        stub.stop()


def test_a_served_run_whose_first_thoughts_are_cut_stops(tmp_path: Path) -> None:
    stub = Thinker(Ways(words=60))
    try:
        settings = {"model.base_url": stub.url, "model.wait": 5, "model.max_thinking": 20}
        with pytest.raises(UserError, match="cut off while the model"):
            runs.run(_spec("openai:thinker", **settings), out=tmp_path, controls=False)
    finally:
        stub.stop()


@pytest.mark.parametrize(
    ("given", "table"),
    [
        (["64"], dict.fromkeys(("answer", "rationale", "critique", "feedback"), 64)),
        (["answer=8", "rationale=96"], {"answer": 8, "rationale": 96}),
        (
            ["16", "answer=8"],
            {"answer": 8, "rationale": 16, "critique": 16, "feedback": 16},
        ),
    ],
)
def test_most_tokens_of_every_kind(given: list[str], table: dict[str, int]) -> None:
    assert runs.read_spec(values={"max_tokens": given}).max_tokens == table
    if len(given) == 1:
        assert runs.read_spec(overrides=[f"max_tokens={given[0]}"]).max_tokens == table


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--max-tokens", "answers=8"], "of nothing elicited: did you mean 'answer'?"),
        (["--max-tokens", "many"], "must be a whole number"),
        (["--max-tokens", "0"], "at least 1"),
        (["--thinking", "of"], "there is no thinking 'of'"),
        (["--max-thinking", "0"], "at least 1"),
        (["--thinking", "on"], "can't be made to think"),
    ],
)
def test_mistakes_are_one_sentence(option: list[str], sentence: str) -> None:
    found = CliRunner().invoke(app, ["preview", "--limit", "1", *option])
    assert found.exit_code == 2
    assert sentence in found.output.replace("\n", " ")
