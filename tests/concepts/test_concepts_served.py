"""Concepts of a model behind a server that sends hidden states, as vLLM's plugin does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
from made_concepts import BOUND, made
from selfcorrect import models
from selfcorrect.concepts import activation, write
from selfcorrect.concepts.data import Labelled, Texts
from selfcorrect.concepts.states import check_shown, layers_of, states_of
from selfcorrect.concepts.training import train
from selfcorrect.errors import UserError
from servers.stub import LAYERS, VLLM, Stub, state


@pytest.fixture
def served() -> Iterator[tuple[Any, Stub]]:
    stub = Stub(replace(VLLM, states="float32"))
    model = models.load("openai:stub", base_url=stub.url)
    yield model, stub
    model.close()
    stub.stop()


def test_layers_are_found_by_asking(served: Any) -> None:
    assert layers_of(served[0], "residual") == LAYERS


def test_texts_are_shown_as_messages_and_read_before_the_reply(served: Any) -> None:
    model, _ = served
    found = states_of(
        model, ["One stone?", "Two stones fell.", "One stone?"], "residual", "message"
    )
    assert found.shape == (3, LAYERS, 3)
    assert np.array_equal(found[0], found[2])
    # the stub's states hold layer, place and token: the last token before the reply
    for at in range(3):
        for layer in range(LAYERS):
            place = int(found[at, layer, 1])
            assert found[at, layer].tolist() == state(layer, place, ">")


def test_a_concept_can_be_trained_and_is_bound_to_the_server(served: Any) -> None:
    model, _ = served
    items = [Labelled(f"{'a b' * (1 + i % 2)} {i}", i % 2, f"{i}") for i in range(60)]
    concept = train(model, "long", Texts(items, "x"), kind="mean")
    assert concept.bound.fingerprint == model.fingerprint
    assert concept.bound.shown == "message"
    assert concept.figures["nested"]["auroc"] > 0.7  # the place of the last token tells
    with pytest.raises(UserError, match="gives no states of texts by themselves"):
        check_shown(model, "text")
    with pytest.raises(UserError, match="the residual stream alone"):
        train(model, "long", Texts(items, "x"), kind="mean", site="mlp")


def test_a_run_reads_them(served: Any, tmp_path: Path) -> None:
    model, stub = served
    bound = replace(BOUND, model=model.name, fingerprint=model.fingerprint)
    concept = made(LAYERS, 3, name="a", layer=1, bound=bound)
    write(concept, tmp_path / "a.safetensors")
    run = sc.run(
        "openai:stub", "sample", base_url=stub.url, rounds=2, limit=4, progress=False,
        concepts={"a": str(tmp_path / "a.safetensors")}, out=tmp_path / "runs",
    )  # fmt: skip
    for row in run.records.iter_rows(named=True):
        (step,) = [each for each in row["steps"] if each["kind"] == "answer"]
        place = step["prompt_tokens"] - 1
        mine = [a for a in row["activations"] if a["at"] == "before_answer"]
        assert [a["layer"] for a in mine] == list(range(LAYERS))
        wanted = activation(np.array([state(n, place, " (") for n in range(LAYERS)]), concept)
        assert [a["value"] for a in mine] == pytest.approx(wanted.cosine.tolist(), abs=1e-5)
        assert {a["at"] for a in row["activations"]} == {"before_answer", "first_answer"}
    assert run.summary()["rounds"][0]["measures"]["activation_a"]["n"] == 4


def test_a_server_without_the_plugin_is_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    stub = Stub(VLLM)
    try:
        with pytest.raises(UserError, match="vllm-lens"):
            sc.run("openai:stub", "sample", base_url=stub.url, concepts=["toxic"],
                   out=tmp_path / "runs", progress=False)  # fmt: skip
    finally:
        stub.stop()
    assert not (tmp_path / "runs").exists()
