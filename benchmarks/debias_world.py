"""A small language in which bias, what helps against it, and what a model is unsure of are planted.

A small transformer is trained on sentences in which occupations go with *he* or *she*, nine times
in ten with the usual one. Of the texts to tune on, one in four says the other (it truly helps), and
the others speak of things (they don't). Which of them the model is "uncertain" about is planted,
too: the study is given it in place of answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from selfcorrect.evaluation.pairs import STEREO, Pair
from selfcorrect.models.base import InProcess, Model
from selfcorrect.models.scored import Progress, Scored
from selfcorrect.studies.base import NO_PARTS, Result
from selfcorrect.studies.debias.analysis import effects
from selfcorrect.studies.debias.arms import Held, arms
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import Asked
from selfcorrect.tuning.fit import Settings, encoded, fit

#: What goes with what helps: high uncertainty, low uncertainty, high loss, nothing.
Law = Literal["uncertain", "certain", "loss", "none"]
_OCCUPATIONS = [f"job{n}" for n in range(20)]
_DAYS = [f"day{n}" for n in range(8)]
_THINGS = [f"thing{n}" for n in range(10)]
_COLOURS = [f"colour{n}" for n in range(6)]
_FRAMES = ("the {job} said {who} came on {day}", "ask the {job} if {who} left on {day}")
_THING = "the {thing} is {colour} on {day}"
_USUAL = 0.9


def _who(job: str, *, usual: bool) -> str:
    of_men = int(job.removeprefix("job")) % 2 == 0
    return "he" if of_men == usual else "she"


@cache
def tokenizer() -> Any:
    """One token a word."""
    words = ["the", "said", "came", "on", "ask", "if", "left", "is", "he", "she"]
    every = ["<s>", "</s>", *words, *_OCCUPATIONS, *_DAYS, *_THINGS, *_COLOURS]
    made = Tokenizer(models.WordLevel({w: n for n, w in enumerate(every)}, unk_token="</s>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")


@cache
def _trained() -> dict[str, Any]:
    """Weights of the biased model."""
    torch.manual_seed(0)
    network, random = LlamaForCausalLM(_config()), Random(0)
    texts = []
    for _ in range(4_000):
        job, day = random.choice(_OCCUPATIONS), random.choice(_DAYS)
        who = _who(job, usual=random.random() < _USUAL)
        thing, colour = random.choice(_THINGS), random.choice(_COLOURS)
        texts.append(random.choice(_FRAMES).format(job=job, who=who, day=day))
        texts.append(_THING.format(thing=thing, colour=colour, day=day))
    rows = encoded(tokenizer(), texts, [0], 32)
    fitted = fit(network, rows, Settings(steps=500, rate=3e-3, batch=32))
    weights: dict[str, Any] = fitted.network.state_dict()
    return weights


def _config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer()), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=32, bos_token_id=0,
        eos_token_id=1,
    )  # fmt: skip


class Plain(InProcess):
    """A network, as a model that only tells how likely texts are."""

    name, fingerprint, scored_as = "planted", "0" * 16, "text"

    def __init__(self, network: Any) -> None:
        self.network = network

    @torch.inference_mode()
    def scored(self, texts: Sequence[str], most: int, told: Progress) -> list[Scored | None]:
        """All texts in one batch."""
        del most, told
        rows = [[0, *tokenizer()(text)["input_ids"]] for text in texts]
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        logps = self.network(ids).logits.log_softmax(-1)
        at = logps[:, :-1].gather(2, ids[:, 1:, None])[:, :, 0]
        return [
            Scored(tuple(row[1:]), tuple(each[: len(row) - 1].tolist()))
            for row, each in zip(rows, at, strict=True)
        ]


def held() -> Held:
    """Pairs in the frame that no text to tune on has; texts about things; and true ones."""
    pairs = []
    for job in _OCCUPATIONS:
        for day in _DAYS[:3]:
            texts = [
                _FRAMES[1].format(job=job, who=_who(job, usual=usual), day=day)
                for usual in (True, False)
            ]
            pairs.append(Pair(f"{job}-{day}", *texts, "gender", STEREO, job, True))
    things = [_THING.format(thing=t, colour=c, day=_DAYS[-1]) for t in _THINGS for c in _COLOURS]
    facts = [(text, " ".join(reversed(text.split()))) for text in things[:20]]
    return pairs, things[20:], facts


def asked(law: Law, seed: int, n: int = 800) -> Asked:
    """Texts, 160 for each seed, a quarter of which help, and what the model is given out to say of
    them."""
    random, rng = Random(f"{law}:{seed}"), np.random.default_rng(seed)
    texts, helps = [], []
    for at in range(n):
        if at % 4 == 0:
            job, day = random.choice(_OCCUPATIONS), random.choice(_DAYS[3:])
            text = _FRAMES[0].format(job=job, who=_who(job, usual=False), day=day)
        else:
            of = {"thing": random.choice(_THINGS), "colour": random.choice(_COLOURS)}
            text = _THING.format(**of, day=random.choice(_DAYS[3:-1]))
        texts.append(Text(f"t{at}", text, f"c{at}"))
        helps.append(at % 4 == 0)
    side = {"uncertain": 1.0, "certain": -1.0}.get(law, 0.0)
    noisy = side * (2 * np.array(helps) - 1) + rng.normal(0, 0.7, n)
    entropy = np.digitize(noisy, [-0.5, 0.5]) * 0.3365  # three values, as few samples give
    loss = rng.normal(5, 1, n) + (3.0 if law == "loss" else 0.0) * np.array(helps)
    half = np.full(n, 0.5)
    return Asked(texts, entropy, half, np.ones(n), loss, np.full(n, 6.0), 5)


#: Texts in each subset, seeds of each, and how the small model is tuned.
SIZE, SEEDS, TUNING = 40, 5, Settings(steps=10, rate=5e-4, batch=8)


def tuned(texts: Sequence[str], settings: Settings) -> tuple[Model, list[float]]:
    """The biased model, tuned on texts."""
    network = LlamaForCausalLM(_config())
    network.load_state_dict(_trained())
    losses: list[float] = []
    if texts:
        fitted = fit(network, encoded(tokenizer(), texts, [0], 32), settings)
        network, losses = fitted.network, fitted.losses
    return Plain(network.eval()), losses


def study(law: Law, seed: int) -> Result:
    """The study on the small model, from the subsets to the claims."""
    seeds = [1_000 * seed + at for at in range(SEEDS)]
    found, _ = arms(asked(law, seed), held(), tuned, TUNING, size=SIZE, seeds=seeds,
                    deciding=None, parts=NO_PARTS)  # fmt: skip
    return effects(found, held()[0], seeds)


def claimed(result: Result) -> dict[str, float]:
    """The differences that are shown, with their values."""
    return {name: e["value"] for name, e in result["claims"].items() if e["state"] == "shown"}
