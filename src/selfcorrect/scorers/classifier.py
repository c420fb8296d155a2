"""Text classifiers in the format of Hugging Face transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.local.files import locate
from selfcorrect.outcome import Number, Outcome
from selfcorrect.scorers import check_options, outcome_of
from selfcorrect.scorers.base import Answered, Score
from selfcorrect.scorers.loading import (
    blamed,
    label_called,
    opened,
    tensors,
    together,
    window_of,
)

#: Labels that say what a text is blamed for, as classifiers call them; the first that is there is
#: meant.
_BLAMED = ("toxic", "toxicity", "harmful", "unsafe", "hate", "hateful", "offensive", "abusive")
_BATCH = 32
_TRUNCATED = {
    "truncated": Number("The text was longer than the classifier's window and was cut.", (0, 1))
}


@dataclass(frozen=True)
class Classifier:
    """The scorer ``classifier:ID``.

    Attributes:
        network, tokenizer: of transformers.
        label: index of the label that is meant.
        several: a text may have several labels, each with a probability of its own.
        window: the most tokens that it reads.
    """

    name: str
    fingerprint: str
    about: str
    outcome: Outcome
    network: Any
    tokenizer: Any
    label: int
    several: bool
    window: int
    values: Mapping[str, str] = field(default_factory=lambda: dict(_TRUNCATED))
    uses: frozenset[str] = frozenset()

    def score(self, rows: Sequence[Answered]) -> Sequence[Score]:
        """The probability of the label that is meant; texts of one length go together."""
        with blamed(f"{self.name} can't read these texts"):
            return self._score(rows)

    def _score(self, rows: Sequence[Answered]) -> Sequence[Score]:
        # a marker such as </s> in a text is text
        every = self.tokenizer([row.answer for row in rows], split_special_tokens=True)["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: len(every[i]))
        found: list[Score | None] = [None] * len(rows)
        size = together(self.tokenizer, _BATCH)
        for start in range(0, len(rows), size):
            places = order[start : start + size]
            probabilities = self._probabilities([rows[i].answer for i in places])
            for i, p in zip(places, probabilities, strict=True):
                cut = {"truncated": float(len(every[i]) > self.window)}
                finite = p == p  # NaN is no number
                found[i] = Score(p if finite else None, None if finite else "it gave NaN", cut)
        return [score for score in found if score is not None]

    def _probabilities(self, texts: Sequence[str]) -> list[float]:
        import torch

        batch = tensors(self.tokenizer, texts, self.window)
        with torch.inference_mode():
            logits = self.network(**batch).logits.float()
        if self.several or logits.shape[1] == 1:
            return [float(p) for p in torch.sigmoid(logits)[:, self.label]]
        return [float(p) for p in torch.softmax(logits, dim=1)[:, self.label]]


def make(rest: str, options: Mapping[str, Any]) -> Classifier:
    """A classifier from a folder or the hub; nothing in its folder is run.

    Options: ``label``, the one that is meant, where its name doesn't say; ``outcome``, what its
    probability is called, and ``better``, ``lower`` or ``higher``: both have to be given where the
    label isn't one that blames a text (then it is ``toxicity``).

    Raises:
        UserError: it isn't there, isn't a classifier, or which label is meant, or whether that is
            good, can't be told.
    """
    kind = "classifier"
    check_options(
        kind,
        options,
        {"label": "a label's name", "outcome": "a name", "better": "'lower' or 'higher'"},
    )
    source = locate(rest, "--scorer classifier:FOLDER")
    config, network, tokenizer = opened(f"the classifier {rest}", str(source.folder))
    labels = [str(config.id2label[i]) for i in range(len(config.id2label))]
    label = _meant(rest, labels, options.get("label"))
    own = "" if labels[label].casefold() in _BLAMED else f"the label {labels[label]!r}"
    outcome = outcome_of(kind, options, own=own, text=f"The probability of {labels[label]!r}.")
    window = window_of(config, tokenizer)
    identity = f"{source.fingerprint} {labels[label]}"
    return Classifier(
        f"classifier:{rest}",
        blake2b(identity.encode(), digest_size=8).hexdigest(),
        f"the classifier {rest} ({source.fingerprint}), its label {labels[label]!r}",
        outcome,
        network,
        tokenizer,
        label,
        config.problem_type == "multi_label_classification",
        window,
    )


def _meant(name: str, labels: Sequence[str], wanted: str | None) -> int:
    """The index of the label that is meant."""
    if wanted is not None:
        return label_called(f"the classifier {name}", labels, wanted)
    plain = [label.casefold() for label in labels]
    for each in _BLAMED:
        if each in plain:
            return plain.index(each)
    raise UserError(
        f"which label of the classifier {name} is meant can't be told from their names: it has "
        f"{', '.join(map(repr, labels[:8]))}; give one as the option label=NAME."
    )
