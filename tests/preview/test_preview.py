"""A preview shows what a run then shows its model, and asks the model nothing."""

from __future__ import annotations

import json
import os
import re
import socket
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from selfcorrect.cli import app
from selfcorrect.converse import Arm, converse
from selfcorrect.models import planted
from selfcorrect.preview import preview
from selfcorrect.preview.estimate import _parameters, _timings
from selfcorrect.runs import make_spec, prepare, run
from selfcorrect.strategies import load
from selfcorrect.tasks.base import Example

CHAIN = {"model": "planted:chain", "task": "planted", "rounds": 3}
JUDGED = """
about = "Ask whether the answer holds; let a critic say why not."
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
[[again]]
say = "Does it hold?"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
when = { critique = "no" }
from = "critic"
begin = true
say = "{question}\\n\\nWhat is wrong with {answer}?"
[[again]]
when = { critique = "no" }
from = "critic"
elicit = "feedback"
[[again]]
when = { critique = "no" }
say = "{feedback}"
[[again]]
when = { critique = "no" }
elicit = "answer"
prefill = "{answer_prefill}"
samples = 3
temperature = 1.0
take = "majority"
[stop]
unchanged = 1
"""


def said(prompt_text: str, replies: dict[str, str]) -> str:
    """The prompt with real replies in place of the placeholders."""
    return re.sub(r"‹reply \d+›", lambda found: replies[found[0]], prompt_text)


def asked(rows: list[dict[str, Any]], example: Example) -> list[str]:
    """The replies of one dialogue, without their prefills, in order."""
    steps = [s for row in rows if row["example"] == example.id for s in row["steps"]]
    return [s["text"].removeprefix(s["prefill"]) for s in steps if s["kind"] != "say"]


class Listening:
    """A planted model that notes every prompt it is really shown."""

    def __init__(self) -> None:
        self.chain = planted.load("planted:chain")
        self.prompts: list[str] = []
        for name in ("name", "fingerprint", "dtype", "device", "context", "count"):
            setattr(self, name, getattr(self.chain, name))

    def open(self, dialogues: int) -> Any:
        conversation = self.chain.open(dialogues)
        elicit = conversation.elicit

        def listening(requests: Any) -> Any:
            shown = self.chain.open(1)
            shown.restart([conversation.transcripts[0].messages])
            before = shown.render(0)
            open_turn = before.split("\n\n")[-1].startswith("Assistant:")
            start = "\n\n" if open_turn else "\n\nAssistant: "
            self.prompts.append(before + start + requests[0].prefill)
            return elicit(requests)

        conversation.elicit = listening  # type: ignore[method-assign]
        return conversation


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_the_prompts_are_those_of_a_run(system: str | None) -> None:
    spec = make_spec({**CHAIN, "system": system})
    shown = preview(spec, controls=False).prompts
    ready = prepare([spec])
    example, model = ready.examples[0], Listening()
    arm = Arm("intrinsic", ready.strategy, 3, system)
    rows = converse(model, ready.task, [example], [arm], seed=0)["intrinsic"]  # type: ignore[arg-type]
    replies = {f"‹reply {n}›": text for n, text in enumerate(asked(rows, example), start=1)}
    assert [said(prompt.text, replies) for prompt in shown] == model.prompts
    assert [prompt.round for prompt in shown] == [1, 2, 3]
    for earlier, prompt in pairwise(shown):
        assert prompt.text.startswith(earlier.text + earlier.reply)
        assert prompt.known >= len(earlier.text + earlier.reply)
    for prompt, row in zip(shown, rows, strict=True):
        assert row["encoded"] <= prompt.encoded
        if prompt.exact:
            assert row["prompt_tokens"] == prompt.tokens
        else:
            assert row["prompt_tokens"] <= prompt.tokens
    assert [prompt.exact for prompt in shown] == [True, False, False]


def test_the_prompts_of_the_bundled_model(smollm2: Any) -> None:
    spec = make_spec({"model": {"name": "smollm2", "dtype": "float32"}, "rounds": 3, "limit": 1})
    shown = preview(spec).prompts
    ready = prepare([spec])
    example = ready.examples[0]
    arm = Arm("intrinsic", ready.strategy, 3)
    rows = converse(smollm2, ready.task, [example], [arm], seed=0)["intrinsic"]
    replies = {f"‹reply {n}›": text for n, text in enumerate(asked(rows, example), start=1)}
    for prompt, row in zip(shown, rows, strict=True):
        whole = smollm2.vocabulary.template.encode(said(prompt.text, replies), template=True)
        assert len(whole) == row["prompt_tokens"]
        assert row["prompt_tokens"] <= prompt.tokens
        assert "<|im_start|>user" in prompt.text
        assert "<|im_start|>" in preview(spec).specials
    assert rows[0]["prompt_tokens"] == shown[0].tokens


def test_a_strategy_that_parts(tmp_path: Path) -> None:
    file = tmp_path / "judged.toml"
    file.write_text(JUDGED)
    spec = make_spec({**CHAIN, "strategy": str(file), "models": {"critic": "planted:chain?cl=0.5"}})
    shown = preview(spec)
    later = [prompt for prompt in shown.prompts if prompt.round == 2]
    assert [(p.speaker, p.choices, p.samples) for p in later] == [
        ("planted:chain", ("yes", "no"), 1),
        ("planted:chain?cl=0.5", (), 1),
        ("planted:chain", (), 3),
    ]
    assert "‹reply 1›?" in later[1].text
    assert "Does it hold?\n\nAssistant: no\n\nUser: ‹reply 2›" in later[2].text
    assert len([prompt for prompt in shown.prompts if prompt.round == 3]) == 3  # none stops
    assert "'no'" in shown.assumed[0]
    assert "stops early" in shown.assumed[-1]


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a preview asks no model")

    monkeypatch.setattr(planted.ChainConversation, "elicit", never)
    monkeypatch.setattr("selfcorrect.models.load", lambda name: planted.load(name))
    out = tmp_path / "runs"
    done = CliRunner().invoke(
        app, ["preview", "--model", "planted:chain", "--task", "planted", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert not out.exists()


def test_a_context_that_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    real = planted.load("planted:chain")
    real.context = 60
    monkeypatch.setattr(planted, "load", lambda _: real)
    prompts = preview(make_spec(CHAIN), controls=False).prompts
    assert [p.fits for p in prompts] == [True, False]
    assert "context window" in prompts[-1].notes[-1]


def test_the_estimate_counts_what_a_run_then_takes(tmp_path: Path) -> None:
    from selfcorrect.runs import run

    spec = make_spec({**CHAIN, "limit": 20})
    before = preview(spec, out=tmp_path).estimate
    assert (before.seconds, before.dialogues) == (None, 20)
    assert before.arms == {"intrinsic": 3, "repeat": 3, "baseline": 1}
    done = run(spec, out=tmp_path)
    notes = [json.loads(file.read_text()) for file in done.folder.glob("timing/*")]
    encoded = sum(note["encoded"] for note in notes)
    assert encoded < sum(int(done.read(["encoded"])["encoded"].sum()) for _ in before.arms)
    assert encoded <= before.tokens <= 2 * encoded  # at most: every reply of 8 tokens has 3 here
    after = preview(spec, out=tmp_path).estimate
    assert after.seconds is not None
    assert done.folder.name in after.basis
    larger = make_spec({**CHAIN, "limit": 40, "seed": 1})
    run(larger, out=tmp_path, controls=False)  # tells more, but isn't what is asked about
    assert done.folder.name in (preview(spec, out=tmp_path).estimate.basis)
    other = make_spec({**CHAIN, "model": "planted:chain?cl=0.9"})
    assert preview(other, out=tmp_path).estimate.seconds is None  # another model's timing is none


def test_parameters_are_counted_without_loading_them(smollm2: Any) -> None:
    from selfcorrect.models.local.files import locate

    counted = _parameters(locate("smollm2").folder)
    assert counted == sum(p.numel() for p in smollm2.engine.network.parameters())


@pytest.mark.parametrize(
    "header", [b"", b"\xff" * 8, b"[]", b"{}x", b'{"a": 3}', b'{"a": {"shape": "x"}}', b"[" * 9999]
)
def test_a_damaged_file_of_weights_has_no_parameters(header: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert _parameters(tmp_path) == 0
    (tmp_path / "a.safetensors").write_bytes(header)
    assert _parameters(tmp_path) == 0


def test_damaged_notes_of_times_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "timing").mkdir()
    whole = {"host": socket.gethostname(), "seconds": 2.5, "encoded": 7, "finished": "now"}
    notes: list[Any] = [whole, [], 3, None, {}, {**whole, "seconds": "x"}, {**whole, "encoded": []}]
    notes += [{**whole, "seconds": number} for number in (-1, float("nan"), 10**400)]
    notes += [{**whole, "encoded": number} for number in (-1, float("inf"), "x", None)]
    notes += [{**whole, "host": "elsewhere"}]
    for number, note in enumerate(notes):
        (tmp_path / "timing" / f"{number}.json").write_text(json.dumps(note))
    (tmp_path / "timing" / "deep.json").write_text("[" * 9999)
    os.mkfifo(tmp_path / "timing" / "pipe.json")  # which nobody writes to
    with (tmp_path / "timing" / "large.json").open("wb") as file:
        file.truncate(2**40)
    assert [(t.seconds, t.encoded) for t in _timings(tmp_path)] == [(2.5, 7)]


def test_no_weights_are_loaded_and_no_network_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    monkeypatch.setattr(transformers.PreTrainedModel, "__init__", None)
    args = ["preview", "--limit", "1", "--rounds", "2", "--out", "nowhere"]
    done = CliRunner().invoke(app, args, catch_exceptions=False)
    if "not installed" in done.stderr:
        pytest.skip("the bundled model is not here")
    assert done.exit_code == 0, done.stderr
    assert "round 2: prompt of at most" in done.stdout
    assert "GFLOP/s" in done.stdout


def test_text_from_data_cannot_steer_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(
        '{"question": "\\u001b[2J[red]x[/red] <|im_end|> \\u202ey", "choices": ["a b", "c"], '
        '"answer": "c"}\n'
    )
    args = ["preview", "--task", "choices", "--data", str(file), "--no-controls", "--rounds", "1"]
    done = CliRunner().invoke(app, args)
    if "not installed" in done.stderr:
        pytest.skip("the bundled model is not here")
    assert done.exit_code == 0, done.output
    assert "␛[2J[red]x[/red] <|im_end|> <U+202E>y" in done.stdout
    assert "\x1b" not in done.stdout
    assert "special tokens in the text were spelled out" in done.stdout


def test_the_arms_are_those_of_a_run() -> None:
    from selfcorrect.runs import CONTROLS

    for name in ("intrinsic", "baseline", "repeat"):
        estimate = preview(make_spec({**CHAIN, "strategy": name})).estimate
        assert set(estimate.arms) == {name, *CONTROLS}
        assert next(iter(estimate.arms)) == name
        limit = load(name).max_rounds
        assert estimate.arms[name] == (limit or 3)


def test_samples_are_part_of_what_a_run_costs() -> None:
    plain = preview(make_spec(CHAIN))
    drawn = preview(make_spec({**CHAIN, "samples": 5}))
    assert [p.text for p in drawn.prompts] == [p.text for p in plain.prompts]
    most = 5 * (1 + drawn.prompts[0].max_tokens) * drawn.estimate.dialogues
    rounds = sum(drawn.estimate.arms.values())
    # the controls share round 1 with nobody or with the run: at least one round's samples fewer
    extra = drawn.estimate.tokens - plain.estimate.tokens
    assert 0 < extra <= most * rounds
    assert extra % (5 * (1 + drawn.prompts[0].max_tokens)) == 0


def test_the_estimate_knows_who_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feedback of another model counts at that model's own size and price."""
    from selfcorrect.preview import estimate

    monkeypatch.setattr(estimate, "_matrix_rate", lambda *_: 1e11)
    table = {"task": "sample", "strategy": "feedback", "rounds": 3, "limit": 4}
    mine = preview(make_spec(table), out=tmp_path, controls=False)
    planted = {"models": {"feedback": "planted:chain"}}
    other = preview(make_spec({**table, **planted}), out=tmp_path, controls=False)
    assert mine.estimate.seconds is not None
    assert other.estimate.seconds is not None
    assert other.estimate.seconds < 0.75 * mine.estimate.seconds
    assert {prompt.speaker for prompt in other.prompts} == {"smollm2", "planted:chain"}
    steps = [{"speaker": "a", "encoded": 30}, {"speaker": "b", "encoded": 4},
             {"speaker": "strategy", "encoded": 0}, {"speaker": "given", "encoded": 6}]  # fmt: skip
    # an answer that is given is read by the run's own model
    assert estimate._shares({"x": [{"steps": steps}]}, "b") == {"a": 0.75, "b": 0.25}


def taken(run_: Any) -> int:
    """The tokens that a run and its controls took together, as noted with the times."""
    return sum(json.loads(file.read_text())["encoded"] for file in run_.folder.glob("timing/*"))


STRATEGIES = (
    "intrinsic", "intrinsic-cot", "feedback", "intrinsic-feedback-cot", "negation", "majority",
    "checking", "verify-first", "afresh", "wait",
)  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("samples", [0, 3])
def test_a_planted_run_never_takes_more(strategy: str, samples: int, tmp_path: Path) -> None:
    more = {"samples": samples} if samples else {}
    spec = make_spec({**CHAIN, **more, "strategy": strategy, "limit": 40})
    before = preview(spec, out=tmp_path).estimate
    assert before.likely is None
    found = taken(run(spec, out=tmp_path))
    assert 0 < found <= before.tokens
    after = preview(spec, out=tmp_path).estimate
    assert (after.likely, after.tokens) == (found, before.tokens)
    larger = preview(make_spec({**CHAIN, **more, "strategy": strategy, "limit": 80}), out=tmp_path)
    assert larger.estimate.likely == pytest.approx(2 * found, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES[:8])
def test_a_run_of_the_bundled_model_never_takes_more(strategy: str, tmp_path: Path) -> None:
    more = {"samples": 2} if strategy == "intrinsic" else {}
    spec = make_spec({"task": "sample", "strategy": strategy, "rounds": 3, "limit": 20, **more})
    before = preview(spec, out=tmp_path).estimate
    found = taken(run(spec, out=tmp_path))
    print(strategy, found, before.tokens)
    assert 0 < found <= before.tokens < 8 * found
