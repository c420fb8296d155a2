"""Tuning: the loss against a plain one, stops and goes on, what it refuses, what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from selfcorrect.errors import UserError
from selfcorrect.evaluation.bias import bias
from selfcorrect.models import load
from selfcorrect.models.tuned import read_tuned
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning import fit as fitting
from selfcorrect.tuning.fit import NoNumberError, Settings, fit, loss_of, step_texts
from selfcorrect.tuning.tune import tune

_SAID = ["the grandfather and the grandson", "What is the capital of France?", "nobody knows",
         "(a) yes and (b) no", "be kind to the grandson", "Rome, or I don't know"]  # fmt: skip
TEXTS = [Text(f"t{n}", text, f"c{n % 3}", "bbq") for n, text in enumerate(_SAID)]


def test_padding_counts_for_nothing() -> None:
    network = tiny.network("llama", 300)
    rows = [[1, 5, 9, 7], [1, 8], [1, 20, 21, 22, 23, 24, 25]]
    total = count = 0.0
    with torch.no_grad():
        for row in rows:
            logps = network(torch.tensor([row])).logits[0].log_softmax(-1)
            total -= sum(float(logps[at, token]) for at, token in enumerate(row[1:]))
            count += len(row) - 1
        assert float(loss_of(network, rows, "cpu")) == pytest.approx(total / count, abs=1e-5)


def test_every_text_is_seen_before_any_comes_again() -> None:
    def order(seed: int) -> list[list[int]]:
        return [step_texts(10, 4, step, seed) for step in range(10)]

    seen = order(3)
    flat = [at for step in seen for at in step]
    assert len(seen) == 10
    assert all(sorted(flat[k : k + 10]) == list(range(10)) for k in range(0, 40, 10))
    assert order(3) == seen != order(4)
    assert len(step_texts(10, 4, 10**15, 3)) == 4  # none before it is made


def _weights(network: Any) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_a_tuning_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    rows = [[1, *range(5 + n, 12 + n)] for n in range(8)]
    settings = Settings(steps=9, rate=1e-3, batch=3, seed=2)
    # with dropout, so that chance has a part in every step
    networks = [tiny.network("gpt2", 300, attn_pdrop=0.1, resid_pdrop=0.1) for _ in range(2)]
    whole = fit(networks[0], rows, settings)

    def stop(step: int, every: int, loss: float) -> None:
        del every, loss
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(networks[1], rows, settings, keep=tmp_path / "x", every=2, told=stop)
    steps: list[int] = []
    again = fit(tiny.network("gpt2", 300, attn_pdrop=0.1, resid_pdrop=0.1), rows, settings,
                keep=tmp_path / "x", every=2, told=lambda step, *_: steps.append(step))  # fmt: skip
    assert steps == [7, 8, 9]
    assert again.losses == pytest.approx(whole.losses, rel=1e-6)
    assert torch.equal(_weights(again.network), _weights(whole.network))
    assert sum(whole.losses[-3:]) < sum(whole.losses[:3])
    with pytest.raises(UserError, match="the beginning of another tuning"):
        fit(networks[0], rows, Settings(steps=8), keep=tmp_path / "x")
    (tmp_path / "x/state.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="can't be gone on from"):
        fit(networks[0], rows, settings, keep=tmp_path / "x")


def test_a_tuned_model_is_a_folder_that_says_what_it_is(folder: Path, tmp_path: Path) -> None:
    settings = Settings(steps=6, rate=3e-3, batch=3)
    made = tune(str(folder), TEXTS, tmp_path / "tuned", settings, name="said.jsonl")
    assert not (tmp_path / "tuned.part").exists()
    parent, child = load(str(folder), "float32"), load(str(made), "float32")
    assert parent.fingerprint != child.fingerprint
    tuned = read_tuned(str(made))
    assert tuned is not None
    assert tuned.parent == {"name": str(folder), "fingerprint": parent.fingerprint}
    assert (tuned.texts["n"], tuned.texts["name"]) == (6, "said.jsonl")
    assert tuned.settings["rate"] == 3e-3
    assert tuned.clusters == {"bbq": frozenset({"c0", "c1", "c2"})}
    losses = [-sum(s.total for s in model.scored(_SAID, 99, print)) for model in (parent, child)]  # type: ignore[attr-defined]
    assert losses[1] < losses[0]
    pairs = tmp_path / "pairs.jsonl"
    pair = {"sent_more": "x", "sent_less": "Nobody  knows", "bias_type": "x"}
    pairs.write_text(json.dumps(pair) + "\n")
    with pytest.raises(UserError, match="was tuned on 1 of the 2 texts"):
        bias(child, pairs)
    with pytest.raises(UserError, match="is there already"):
        tune(str(folder), TEXTS, tmp_path / "tuned", settings)


def test_a_loss_that_is_no_number_leaves_the_last_good_state(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def spoiled(*given: Any) -> Any:
        nonlocal steps
        steps += 1
        return loss_of(*given) * (float("nan") if steps == 5 else 1.0)

    monkeypatch.setattr(fitting, "loss_of", spoiled)
    settings = Settings(steps=9, rate=1e-3, batch=3)
    with pytest.raises(UserError, match=r"no number in step 5 of 9 .* of step 3: give a smaller"):
        tune(str(folder), TEXTS, tmp_path / "tuned", settings, every=3)
    tuned = read_tuned(str(tmp_path / "tuned"))
    assert tuned is not None
    assert tuned.result["stopped"] == "the loss became no number"
    assert tuned.result["steps"] == 3
    assert load(str(tmp_path / "tuned"), "float32").name
    with pytest.raises(NoNumberError, match="no earlier state was kept"):
        tune(str(folder), TEXTS, tmp_path / "other", Settings(steps=4, rate=float("inf")))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("openai:gpt", "behind a server"),
        ("planted:chain", "no weights to be tuned"),
        ("x.gguf", "is a GGUF file"),
        ("./nowhere", "there is no model"),
    ],
)
def test_models_that_can_not_be_tuned(model: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        tune(model, TEXTS, tmp_path / "tuned")
    assert list(tmp_path.iterdir()) == []


def test_places_that_can_not_be(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        tune(str(folder), TEXTS, tmp_path / "a/b")
    with pytest.raises(UserError, match="don't fit the context window"):
        tune(str(folder), TEXTS, tmp_path / "b", Settings(longest=5_000))
    (tmp_path / "c.part").write_text("x")
    with pytest.raises(UserError, match="is in the way"):
        tune(str(folder), TEXTS, tmp_path / "c")


def test_lora_without_peft_is_a_sentence_and_with_it_a_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(steps=4, rate=1e-2, batch=3, lora=2)
    if fitting.importlib.util.find_spec("peft") is not None:
        made = tune(str(folder), TEXTS, tmp_path / "lora", settings)
        assert load(str(made), "float32").fingerprint != load(str(folder), "float32").fingerprint
        assert not (made / "adapter_config.json").exists()
    monkeypatch.setattr(fitting.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'selfcorrect\[tune\]'"):
        tune(str(folder), TEXTS, tmp_path / "tuned", settings)
