"""The studies ``mechanism`` and ``innate`` from spec to page, on tiny models of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfcorrect.concepts import data
from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec
from selfcorrect.studies import load
from selfcorrect.studies.base import Inputs
from selfcorrect.studies.execute import execute
from selfcorrect.studies.mechanism import measure
from selfcorrect.tasks.base import Answer
from selfcorrect.tasks.lettered import Lettered
from tiny import CHATML, network, tokenizer

_BASE: dict[str, Any] = {
    "task": "sample", "rounds": 2, "limit": 10, "concepts": ["correct"],
    "max_tokens": {"rationale": 8, "feedback": 8},
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: Any) -> dict[str, str]:
    """A model with a chat template, and one of other weights without."""
    made = {}
    for seed, (name, template) in enumerate((("tuned", CHATML), ("base", None))):
        folder = tmp_path_factory.mktemp(name)
        tokens = tokenizer(template)
        tokens.save_pretrained(folder)
        network("llama", len(tokens), seed, max_position_embeddings=8192).save_pretrained(folder)
        made[name] = str(folder)
    return made


@pytest.fixture
def few(tmp_path: Path, monkeypatch: Any) -> None:
    """Concepts are trained from a few texts, quickly."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    texts = data.bundled("correct")
    some = data.Texts(texts.items[:40], texts.about)
    monkeypatch.setattr("selfcorrect.concepts.make.bundled", lambda _: some)
    monkeypatch.setattr("selfcorrect.concepts.probes.STRENGTHS", (0.01,))


@pytest.mark.slow  # eight arms, three sites
@pytest.mark.usefixtures("few")
def test_a_study_that_is_stopped_goes_on_and_ends_the_same(
    tmp_path: Path, folders: dict[str, str], monkeypatch: Any
) -> None:
    spec = RunSpec.model_validate({"model": folders["tuned"], **_BASE})
    settings = {"anyway": True}
    out = tmp_path / "runs"
    real, read = measure.Encoder.read, []

    def counted(self: Any, *given: Any) -> Any:
        read.append(1)
        if len(read) == 5:
            raise KeyboardInterrupt
        return real(self, *given)

    monkeypatch.setattr(measure.Encoder, "read", counted)
    with pytest.raises(KeyboardInterrupt):
        execute("mechanism", settings, spec=spec, out=out)
    told: list[tuple[int, int]] = []
    done = execute("mechanism", settings, spec=spec, out=out,
                   counted=lambda *now: told.append(now))  # fmt: skip
    assert len(read) == 5 + 16 - 4  # two parts an arm; four were kept
    assert told[-1] == (16, 16)
    whole = execute("mechanism", settings, spec=spec, out=out)
    assert len(read) == 17 + 16
    assert json.loads(whole.json.read_text("utf-8")) == done.result
    assert done.result["able"]
    assert done.result["read"]["left_out"] == 0
    assert abs(done.result["read"]["length"] - done.result["read"]["neutral"]) < 3
    assert "Beyond as many neutral words" in done.sheet.findings[0]
    assert done.page.read_text("utf-8").count("chain-last-round") >= 3

    # bad input, a sentence each
    study = load("mechanism")
    plan = study.plan(spec, study.settings(settings))  # type: ignore[misc]
    from selfcorrect.runs import run

    runs = dict(zip(plan, run(list(plan.values()), out=out, controls=False), strict=True))
    given = Inputs(study.settings(settings), {**runs, "cot": runs["neutral"]})
    with pytest.raises(UserError, match="has no rationale in round"):
        study.analyse(Inputs(given.settings, given.runs, preflight=study.preflight(given)))


@pytest.mark.slow  # two models, four arms each
@pytest.mark.usefixtures("few")
def test_two_models_are_compared_one_of_them_without_a_template(
    tmp_path: Path, folders: dict[str, str], monkeypatch: Any
) -> None:
    spec = RunSpec.model_validate({"model": folders["tuned"], **_BASE})
    settings = {"sibling": folders["base"], "anyway": True}
    unread = execute("innate", settings, spec=spec, out=tmp_path / "runs")
    assert "not one of its first answers could be read" in unread.sheet.findings[0]

    def read(self: Any, example: Any, text: str) -> Answer:  # noqa: ARG001
        choice = len(text) % len(example.choices)
        return Answer(text, "abc"[choice], choice)

    monkeypatch.setattr(Lettered, "read", read)
    spec = spec.model_copy(update={"seed": 1})
    done = execute("innate", settings, spec=spec, out=tmp_path / "runs")
    assert done.result["plain"] == {"model": False, "sibling": True}
    told = " ".join(done.sheet.findings)
    assert f"{folders['base']} has no chat template" in told
    for which in ("model", "sibling"):
        assert set(done.result["inside"][which]["parts"]) == {
            "instruction",
            "feedback",
            "rationale",
        }
        assert done.result["acceptance"][which]["trials"] > 0
