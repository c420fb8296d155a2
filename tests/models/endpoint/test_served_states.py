"""Hidden states from vLLM with its plugin vllm-lens, and the local engine's: the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.models import Reply, Request, Site, message
from servers.vllm import NAME, python_with_lens, served

pytestmark = pytest.mark.slow
#: All of the bundled model.
LAYERS = tuple(range(30))
PLACES = ("before_answer", "first_answer", "end_of_message:0", "end_of_message:1")
SITES = (
    *(Site("residual", LAYERS, place) for place in PLACES),
    Site("residual", (29, 3), "end_of_message:-1"),
)
QUESTIONS = ("Name a bird that cannot fly.", "What is 17 + 25? ¿Y en español?")
#: Two engines in float32 add up in different orders; relative to the largest entry of a layer.
TIE = 1e-4


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    there = python_with_lens()
    if there is None:
        pytest.skip("needs vLLM with vllm-lens in .bench/vllm-lens, see CONTRIBUTING.md")
    log = tmp_path_factory.mktemp("vllm-lens") / "log.txt"
    with served("float32", log, there=there) as address:
        yield address


def _dialogues(model: Any) -> list[list[Reply]]:
    talk = model.open(len(QUESTIONS))
    talk.say([message("system", "Be brief.")] * len(QUESTIONS))
    talk.say([message("user", each) for each in QUESTIONS])
    rounds = []
    for prefill in ("", "I think"):
        rounds.append(talk.elicit([Request(prefill, 8, states=SITES)] * len(QUESTIONS)))
        talk.say([message("user", "Review your answer.")] * len(QUESTIONS))
    return rounds


def test_they_are_those_of_the_local_engine(url: str) -> None:
    far: Any = models.load(f"openai:{NAME}", base_url=url)
    near: Any = models.load("smollm2", "float32")
    largest, compared = 0.0, 0
    for theirs, ours in zip(_dialogues(far), _dialogues(near), strict=True):
        for a, b in zip(theirs, ours, strict=True):
            assert (a.text, a.prompt_tokens) == (b.text, b.prompt_tokens)
            for site in SITES:
                assert a.states[site].shape == b.states[site].shape
                gap = (a.states[site] - b.states[site]).abs().amax(-1)
                largest = max(largest, float((gap / b.states[site].abs().amax(-1)).max()))
                compared += gap.numel()
                assert not torch.equal(a.states[site][0], a.states[site][1])
    print(f"\nlargest relative difference {largest:.2g}, n {compared} hidden states")
    assert largest < TIE
    far.close()


def test_a_layer_that_is_not_there_is_refused(url: str) -> None:
    model: Any = models.load(f"openai:{NAME}", base_url=url)
    talk = model.open(1)
    talk.say([message("user", "One stone?")])
    with pytest.raises(UserError, match="ask for layers that its model has"):
        talk.elicit([Request("", 2, states=(Site("residual", (len(LAYERS) + 20,)),))])
    model.close()
