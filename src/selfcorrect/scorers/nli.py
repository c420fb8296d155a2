"""``meanings:nli:ID``: texts mean the same that entail each other, given the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.local.files import locate
from selfcorrect.scorers import check_options
from selfcorrect.scorers.groups import Asked, counted_cut
from selfcorrect.scorers.loading import (
    blamed,
    label_called,
    longer,
    opened,
    tensors,
    together,
    window_of,
)

_BATCH = 32
_NAMES = ("entail", "neutral", "contradict")

#: premise and hypothesis
Pair = tuple[str, str]


@dataclass(frozen=True)
class ByEntailment:
    """See :class:`selfcorrect.scorers.groups.Grouper`.

    Attributes:
        network, tokenizer: of transformers.
        entailment: the number of that label.
        window: the most tokens that are read of a pair.
        judged: how many pairs were judged, each in one direction.
    """

    fingerprint: str
    about: str
    network: Any
    tokenizer: Any
    entailment: int
    window: int
    uses: frozenset[str] = field(default_factory=lambda: frozenset({"prompt"}))
    judged: list[int] = field(default_factory=lambda: [0])

    def group(self, rows: Sequence[Asked]) -> list[list[int]]:
        """As published: each sample goes into the first group whose first member it and that entail
        each other. All rows go on together, so that pairs are judged in batches; each is judged
        at most once, and its way back only where it entails."""
        texts = [[text.strip() for text in row.texts] for row in rows]
        groups: list[list[int]] = [[] for _ in rows]
        heads: list[list[int]] = [[] for _ in rows]
        known: dict[Pair, bool] = {}
        for at in range(max(map(len, texts), default=0)):
            todo = [row for row in range(len(rows)) if at < len(texts[row])]
            place = dict.fromkeys(todo, 0)
            while todo:
                asked = {
                    row: self._pairs(rows[row].question, texts[row][heads[row][place[row]]],
                                     texts[row][at])
                    for row in todo
                    if place[row] < len(heads[row])
                }  # fmt: skip
                # the way back only where the way there entails: the other verdict is no already
                self._judge({pairs[0] for pairs in asked.values() if pairs}, known)
                self._judge(
                    {pairs[1] for pairs in asked.values() if pairs and known[pairs[0]]}, known
                )
                going = []
                for row in todo:
                    if row not in asked:
                        heads[row].append(at)
                        groups[row].append(len(heads[row]) - 1)
                    elif self._same(texts[row][heads[row][place[row]]], texts[row][at],
                                    asked[row], known):  # fmt: skip
                        groups[row].append(place[row])
                    else:
                        place[row] += 1
                        going.append(row)
                todo = going
        return groups

    def cut(self, rows: Sequence[Asked]) -> list[int]:
        """See :class:`~selfcorrect.scorers.groups.Grouper`: those that don't fit beside one like
        them, as what the pair is cut to depends on both."""
        texts = [[f"{row.question} {text}".strip() for text in row.texts] for row in rows]
        with blamed("the model of entailment can't read them"):
            return counted_cut(
                texts, lambda each: longer(self.tokenizer, [(t, t) for t in each], self.window)
            )

    def _pairs(self, question: str, a: str, b: str) -> tuple[Pair, ...]:
        """Both directions of a pair; none where nothing has to be judged."""
        if a == b or not (a and b):
            return ()
        one, other = (f"{question} {text}".strip() for text in (a, b))
        return (one, other), (other, one)

    def _same(self, a: str, b: str, pairs: Sequence[Pair], known: Mapping[Pair, bool]) -> bool:
        return a == b if not pairs else known[pairs[0]] and known[pairs[1]]

    def _judge(self, pairs: set[Pair], known: dict[Pair, bool]) -> None:
        ordered = sorted(pairs - known.keys(), key=_length)
        with blamed("the model of entailment can't read them"):
            known.update(zip(ordered, self.entail(ordered), strict=True))
        self.judged[0] += len(ordered)

    def entail(self, pairs: Sequence[Pair]) -> list[bool]:
        """Whether each premise entails its hypothesis: that label is the likeliest."""
        import torch

        found: list[bool] = []
        size = together(self.tokenizer, _BATCH)
        for start in range(0, len(pairs), size):
            batch = tensors(self.tokenizer, pairs[start : start + size], self.window)
            with torch.inference_mode():
                logits = self.network(**batch).logits.float()
            if not bool(torch.isfinite(logits).all()):
                raise ValueError("it gave numbers that aren't finite")
            found += [int(best) == self.entailment for best in logits.argmax(-1)]
        return found


def _length(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1])


def make(name: str, options: Mapping[str, Any]) -> ByEntailment:
    """A model for natural language inference from a folder or the hub's cache.

    Options: ``entailment``, the label that is meant, where its name doesn't say.

    Raises:
        UserError: it isn't there, or its labels don't tell which of them is entailment.
    """
    check_options("nli", options, {"entailment": "a label's name"})
    source = locate(name, "--meanings nli:FOLDER")
    config, network, tokenizer = opened(f"the model of entailment {name}", str(source.folder))
    labels = [str(config.id2label[k]) for k in range(len(config.id2label))]
    entailment = _meant(name, labels, options.get("entailment"))
    identity = f"2 {source.fingerprint} {labels[entailment]}"
    return ByEntailment(
        fingerprint=blake2b(identity.encode(), digest_size=8).hexdigest(),
        about=f"samples are one meaning that entail each other, given the question, by {name} "
        f"({source.fingerprint})",
        network=network,
        tokenizer=tokenizer,
        entailment=entailment,
        window=window_of(config, tokenizer),
    )


def _meant(name: str, labels: Sequence[str], wanted: str | None) -> int:
    """The number of the label for entailment."""
    if wanted is not None:
        return label_called(f"the model of entailment {name}", labels, wanted)
    plain = [label.casefold() for label in labels]
    meant = [[k for k, label in enumerate(plain) if label.startswith(each)] for each in _NAMES]
    if len(labels) != len(_NAMES) or any(len(each) != 1 for each in meant):
        raise UserError(
            f"the labels of {name} ({', '.join(map(repr, labels[:8]))}) don't tell which of them "
            "is entailment: a model with entailment, neutral and contradiction is wanted; else "
            "give the option entailment=NAME."
        )
    return meant[0][0]
