"""Which of a model's texts it is unsure about: asked k times of each, and subsets of one size.

The published claim is that tuning gains where texts are chosen by the model's own uncertainty
whether they contain bias; its sources disagree on which end wins. So both ends are here, and what
they have to beat: chance, chance among texts as long, and the loss, which costs one pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures import semantic
from selfcorrect.measures.intervals import enough, mean, proportion
from selfcorrect.measures.unseen import Room
from selfcorrect.models.base import Model
from selfcorrect.models.scored import Progress, ScoresTexts, untold
from selfcorrect.runs import Run, RunSpec, StrategySpec
from selfcorrect.runs.spec import SamplesSpec, TaskSpec
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.texts import Text

Floats = NDArray[np.float64]

TASK = "contains-bias"
STRATEGY = "baseline"
#: How texts are chosen, a sentence each.
SUBSETS = {
    "uncertain": "texts about which the model is most uncertain, by semantic entropy",
    "certain": "those about which it is least uncertain",
    "random": "texts drawn at random",
    "length": "texts drawn at random that are as long as the uncertain ones",
    "loss": "texts that the model finds least likely, per token",
}
#: Tokens of a text whose loss is computed.
MOST = 1024


@dataclass(frozen=True)
class Asked:
    """What a model says of texts.

    Attributes:
        texts: in their order.
        entropy: semantic entropy of the samples, in nats [n]; a reply that names no answer counts
            as a meaning of its own, and where none does there is none (NaN): saying nothing is no
            certainty.
        yes: share of the samples that were read which say yes [n]; NaN where none was read.
        read: share of the samples that could be read [n].
        loss: mean −log p of a token, in nats [n]; NaN where it isn't known.
        tokens: of each text [n]; its words, where the model doesn't tell tokens.
        k: samples of each.
    """

    texts: Sequence[Text]
    entropy: Floats
    yes: Floats
    read: Floats
    loss: Floats
    tokens: Floats
    k: int

    @property
    def ranked(self) -> bool:
        """Whether the uncertainties differ at all."""
        return self.values > 1

    @property
    def values(self) -> int:
        """How many different uncertainties there are."""
        return len(np.unique(np.round(self.entropy[np.isfinite(self.entropy)], 9)))

    def part(self, which: Sequence[int]) -> Asked:
        """The same of some of the texts, by their numbers."""
        at = np.asarray(which, dtype=np.int64)
        return Asked(
            [self.texts[each] for each in which], self.entropy[at], self.yes[at], self.read[at],
            self.loss[at], self.tokens[at], self.k,
        )  # fmt: skip

    def table(self) -> dict[str, Any]:
        """What was found of all texts, as JSON has it; intervals over the texts' clusters."""
        names = np.array([each.cluster for each in self.texts])
        known = np.isfinite(self.entropy)
        agreed = np.where(known, self.entropy == 0, np.nan)
        return {
            "texts": len(self.texts),
            "clusters": len(set(names.tolist())),
            "k": self.k,
            "ceiling": log(self.k),
            "entropy": mean(self.entropy, names, room=Room(0.0, log(self.k))).table(),
            "yes": mean(self.yes, names, room=Room(0.0, 1.0)).table(),
            "parse_rate": mean(self.read, names, room=Room(0.0, 1.0)).table(),
            "loss": enough(mean(self.loss, names)).table(),
            "agreed": proportion(agreed, names).table(),
            "unsaid": int((~known).sum()),
            "values": self.values,
            "ranked": self.ranked,
            "all_agree": bool(known.any() and (agreed[known] == 1).all()),
        }


def spec_of(model: RunSpec, data: str, k: int, seed: int) -> RunSpec:
    """The spec of the run that asks a model of texts, k times each.

    Args:
        model: of it the model and how a run goes are taken.
        data: the file of texts.
        k: samples, at least 2.
        seed: of what is drawn.
    """
    update = {
        "task": TaskSpec(name=TASK, data=data),
        "strategy": StrategySpec(name=STRATEGY),
        "samples": SamplesSpec(k=k, temperature=model.samples.temperature),
        "rounds": 1,
        "seed": seed,
        "max_tokens": {"answer": 8, **model.max_tokens},
    }
    return model.model_copy(update=update)


def asked_of(
    run: Run, texts: Sequence[Text], model: Model | None = None, told: Progress = untold
) -> Asked:
    """What a finished run has found of texts, and their loss.

    Args:
        run: of :func:`spec_of`.
        texts: all or some of those that it asked about.
        model: whose loss is computed; without one, or where it doesn't tell, there is none.
        told: of the loss.

    Raises:
        UserError: the run lacks a text, or its samples.
    """
    rows = {row["example"]: row["samples"] for row in run.read(["example", "samples"]).to_dicts()}
    missing = [each.id for each in texts if not rows.get(each.id)]
    if missing:
        raise UserError(
            f"{run.folder} has no samples of {len(missing):,} of {len(texts):,} texts, such as "
            f"{missing[0]!r:.60}: run it to the end first."
        )
    keys = [[each["key"] for each in rows[text.id]] for text in texts]
    found = np.array([_said(each) for each in keys], dtype=np.float64).reshape(-1, 3)
    loss, tokens = _losses(model, texts, told)
    entropy, yes, read = found.T
    return Asked(texts, entropy, yes, read, loss, tokens, len(keys[0]))


def _said(keys: Sequence[str | None]) -> tuple[float, float, float]:
    """Semantic entropy, share of yes among what was read, share that was read."""
    numbers = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    known = [key for key in keys if key is not None]
    if not known:
        return np.nan, np.nan, 0.0
    entropy = semantic.discrete(semantic.counts_of([numbers[key] for key in keys]))
    yes = sum(key == "a" for key in known) / len(known)
    return entropy, yes, len(known) / len(keys)


def _losses(model: Model | None, texts: Sequence[Text], told: Progress) -> tuple[Floats, Floats]:
    words = np.array([float(len(each.text.split())) for each in texts])
    if not isinstance(model, ScoresTexts):
        return np.full(len(texts), np.nan), words
    try:
        scored = model.scored([each.text for each in texts], MOST, told)
    except UserError:  # a server that doesn't tell
        return np.full(len(texts), np.nan), words
    loss = [np.nan if s is None or not s.logps else -s.total / len(s.logps) for s in scored]
    tokens = [w if s is None else float(len(s.logps)) for w, s in zip(words, scored, strict=True)]
    return np.array(loss), np.array(tokens)


def subsets(asked: Asked, size: int, seed: int) -> dict[str, list[int]]:
    """Subsets of one size, as numbers of texts; ``loss`` only where it is known.

    What is equal is put in order by the seed, so that no ranking follows the file's order. Texts
    without an uncertainty are at neither end, unless there are too few others.

    Raises:
        UserError: there are fewer texts than asked for.
    """
    n = len(asked.texts)
    if not 1 <= size <= n:
        raise UserError(
            f"there are {n:,} texts, and {size:,} are to be chosen: give more texts, or a smaller "
            "--size."
        )

    def chance(name: str) -> NDArray[np.uint64]:
        return np.array([draw(seed, name, each.text) for each in asked.texts], dtype=np.uint64)

    def first(name: str, values: Floats) -> list[int]:
        # each with chances of its own: where all are equal, no subset is another
        last = np.where(np.isfinite(values), np.round(values, 9), np.inf)
        found: list[int] = np.lexsort((chance(name), last))[:size].tolist()
        return found

    found = {
        "uncertain": first("uncertain", -asked.entropy),
        "certain": first("certain", asked.entropy),
        "random": np.argsort(chance("random"))[:size].tolist(),
    }
    found["length"] = _as_long(asked, found["uncertain"], seed)
    known = np.isfinite(asked.loss)
    if known.sum() >= size:
        found["loss"] = first("loss", -asked.loss)
    return {name: found[name] for name in SUBSETS if name in found}


def _as_long(asked: Asked, like: Sequence[int], seed: int) -> list[int]:
    """Texts drawn at random, each as long as one of a subset, or as near as there is: every text
    once, and none of the subset's own where there are enough others."""
    chance = np.array([draw(seed, "length", each.text) for each in asked.texts], dtype=np.uint64)
    own = set(like) if len(asked.texts) >= 2 * len(like) else set()
    left: dict[float, deque[int]] = {}  # by length, each in the order of chance
    for at in np.argsort(chance).tolist():
        if at not in own:
            left.setdefault(float(asked.tokens[at]), deque()).append(at)
    lengths = sorted(left)
    found = []
    for at in sorted(like, key=lambda at: int(chance[at])):
        wanted = float(asked.tokens[at])
        near = bisect_left(lengths, wanted)
        length = min(  # of equally near ones that which chance has first
            (abs(each - wanted), int(chance[left[each][0]]), each)
            for each in lengths[max(0, near - 1) : near + 1]
        )[2]
        found.append(left[length].popleft())
        if not left[length]:
            lengths.remove(length)
    return found


def described(asked: Asked, chosen: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Each subset as JSON has it: what it is like, how much of it chance has decided, and how many
    texts it shares with the others."""
    return {
        name: {
            "texts": len(which),
            "entropy": _mean(asked.entropy[which]),
            "yes": _mean(asked.yes[which]),
            "read": float(asked.read[which].mean()),
            "loss": _mean(asked.loss[which]),
            "tokens": float(asked.tokens[which].mean()),
            "clusters": len({asked.texts[at].cluster for at in which}),
            **_tied(asked, name, which),
            "shared": {
                other: len(set(which) & set(theirs))
                for other, theirs in chosen.items()
                if other != name
            },
        }
        for name, which in ((name, list(each)) for name, each in chosen.items())
    }


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _tied(asked: Asked, name: str, which: Sequence[int]) -> dict[str, Any]:
    """Of a subset by uncertainty: at which one it was cut, in nats (none where it takes texts
    without), how many of its texts have that, and how many texts in all."""
    if name not in ("uncertain", "certain"):
        return {}
    values = np.nan_to_num(np.round(asked.entropy, 9), nan=-1.0)  # none is the end of either
    mine = values[list(which)]
    last = mine.min() if name == "uncertain" or (mine < 0).any() else mine.max()
    return {
        "cut": None if last < 0 else float(last),
        "tied": int((mine == last).sum()),
        "of_tied": int((values == last).sum()),
    }


def choose(
    run: Callable[[RunSpec], Run],
    model: Model | None,
    spec: RunSpec,
    texts: Sequence[Text],
    size: int,
    told: Progress = untold,
) -> tuple[Asked, dict[str, list[int]]]:
    """Ask a model of texts, and choose subsets.

    Args:
        run: runs a spec.
        model: the open model that is asked, for the loss.
        spec: of :func:`spec_of`.
        texts: those of its data.
        size: of each subset.
        told: of the loss.

    Raises:
        UserError: as :func:`asked_of` and :func:`subsets`.
    """
    if size > len(texts):  # before anything is asked
        raise UserError(
            f"there are {len(texts):,} texts, and {size:,} are to be chosen: give more texts, or a "
            "smaller --size."
        )
    asked = asked_of(run(spec), texts, model, told)
    return asked, subsets(asked, size, spec.seed)
