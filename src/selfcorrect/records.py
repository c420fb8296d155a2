"""The record: one row, everything known about one round of one dialogue.

Only what the spec determines is in it (no times, no hosts), so that records can be compared bit
for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import ascii_lowercase
from typing import Any

import polars as pl

from selfcorrect.messages import Image, Message

#: Bumped when a column changes its name or meaning; a folder of another version is refused.
VERSION = 4


def category_of(cluster: str) -> str:
    """The category of the examples in a cluster: its name up to the first slash, or all of it where
    there is none. Tasks whose data have categories name their clusters so."""
    return cluster.partition("/")[0]


#: A step as it happened. ``kind`` is ``say``, what was elicited, or ``thinking`` for the thought
#: before the reply that follows; ``text`` holds the prefill too.
STEP = pl.Struct(
    {
        "kind": pl.String,
        "role": pl.String,
        "speaker": pl.String,  # "strategy", the name of the model that spoke, or "given"
        "begin": pl.Boolean,  # a new transcript began here
        "shown": pl.Boolean,  # said in the run's own transcript (false: to another model; thought)
        "text": pl.String,
        "images": pl.List(pl.String),  # shown with it, by path or address as the data give it
        "prefill": pl.String,
        "finish": pl.String,  # stop, length, context, overflow, lost, choice, given; null for say
        "choices": pl.List(pl.String),  # the step's own choices, where the reply is one of them
        "choice_logp": pl.List(pl.Float64),  # Σ log p of each, prefill included, in nats
        "token_ids": pl.List(pl.Int32),
        "token_logps": pl.List(pl.Float32),
        "prompt_tokens": pl.Int32,
        "encoded": pl.Int32,
        "reused": pl.Int32,
        "generated": pl.Int32,
        "drafted": pl.Int32,
        "gap": pl.Float32,  # smallest top-2 gap of the greedy decisions, in logits
    }
)

#: What was done otherwise than asked. ``code`` says of what kind it is: see ``converse``.
NOTE = pl.Struct({"code": pl.String, "text": pl.String})

#: One of the replies that were drawn beside an answer, from the same prompt, and never entered.
SAMPLE = pl.Struct(
    {
        "text": pl.String,  # the whole message, prefill included
        "key": pl.String,  # as of an answer
        "logp": pl.Float64,  # Σ log p over the generated tokens, in nats; null if nobody told it
        "tokens": pl.Int32,
        "cut": pl.Boolean,
    }
)

#: How far the state of one layer lies along a concept, where an answer was elicited.
ACTIVATION = pl.Struct(
    {
        "concept": pl.String,
        "kind": pl.String,  # of the states: residual, attention, mlp
        "layer": pl.Int32,
        "at": pl.String,  # before_answer, first_answer
        "value": pl.Float32,  # cosine in the standardised space; null if the state isn't finite
        "p": pl.Float32,  # what the probe says
    }
)

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "example": pl.String,
    "cluster": pl.String,
    "round": pl.Int32,
    "choices": pl.List(pl.String),
    "text": pl.String,  # the answer: the assistant's message, prefill included
    "key": pl.String,  # what makes two answers the same; null if the answer couldn't be read
    "choice": pl.Int32,  # index into choices, where there are any
    "problem": pl.String,  # why it was not read: empty, no option, cut off, context…
    "cut": pl.Boolean,  # the reply was cut off at its longest length
    "outcome": pl.Float64,  # how good the answer is, as the task's outcome states
    "target": pl.Int32,
    "option_logp": pl.List(pl.Float64),  # Σ log p per option over all its tokens, in nats
    "option_tokens": pl.List(pl.Int32),
    "option_p": pl.List(pl.Float64),  # normalised, over the tokens from where the options differ
    "option_mass": pl.Float64,  # Σ P(option) before normalising
    "likeliest": pl.Int32,  # argmax of option_p
    "confidence": pl.Float64,  # option_p of the answer given
    "entropy": pl.Float64,  # of option_p, in nats
    "first_choice_p": pl.Float64,  # option_p of the choice of round 1
    "prompt_tokens": pl.Int32,
    "encoded": pl.Int32,  # tokens that went through the model in this round
    "reused": pl.Int32,  # prompt tokens taken from the cache
    "generated": pl.Int32,
    "drafted": pl.Int32,
    "oracle": pl.Boolean,
    "leak": pl.Boolean,  # feedback told the answer; null: there was none, or nobody can say
    "names_answer": pl.Boolean,  # it named an answer, right or wrong; null likewise
    "named": pl.List(pl.Int32),  # the options that it named; null: no feedback, or no options
    "notes": pl.List(NOTE),
    "values": pl.List(pl.Struct({"name": pl.String, "value": pl.Float64})),  # the task's numbers
    "samples": pl.List(SAMPLE),
    "likelihood": pl.Float64,  # mean over the samples of log p per token, in nats
    "agreement": pl.Float64,  # share of the samples whose key is the answer's
    "p_true": pl.Float64,  # that the answer is right, as the model says when asked
    "sampled": pl.Int32,  # tokens for measuring alone: samples, p_true, likelihoods asked apart
    "activations": pl.List(ACTIVATION),
    "steps": pl.List(STEP),
}


#: What a run's records have beside, once the samples were grouped by what they mean.
MEANINGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "semantic_entropy": pl.Float64,  # over the meanings, in nats
    "meaning": pl.List(pl.Int32),  # of each sample, numbered from 0 as they first appear
    "meanings": pl.Float64,  # how many there are
    "chao_shen": pl.Float64,
    "coverage_corrected": pl.Float64,
    "semantic_entropy_normalised": pl.Float64,
    "semantic_entropy_raw": pl.Float64,
    "all_differ": pl.Float64,
}

#: Columns that records of this version lack where they were written before there were samples,
#: concepts, or feedback from outside the dialogue.
LATER = frozenset(
    {
        *("samples", "likelihood", "agreement", "p_true", "sampled", "activations"),
        *("leak", "names_answer", "named"),
    }
)


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Records as a data frame with exactly the columns of :data:`SCHEMA`."""
    return finite(pl.DataFrame([dict(r) for r in rows], schema=SCHEMA, strict=True))


def finite(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame in which every number that isn't finite is null, however deep it lies: the one way
    into a file of records or scores, whoever gave the number."""
    bad = [series.name for series in frame if not _is_finite(series)]
    return frame.with_columns(_finite(pl.col(name), frame.schema[name]) for name in bad)


def _is_finite(series: pl.Series) -> bool:
    kind = series.dtype
    if kind.is_float():
        return bool(series.is_finite().all())  # null is no number that isn't
    if isinstance(kind, pl.List):
        return not _has_floats(kind) or _is_finite(series.explode(empty_as_null=False))
    if isinstance(kind, pl.Struct):
        floats = [each.name for each in kind.fields if _has_floats(each.dtype)]
        return all(_is_finite(series.struct.field(name)) for name in floats)
    return True


def _has_floats(kind: Any) -> bool:
    if isinstance(kind, pl.List):
        return _has_floats(kind.inner)
    if isinstance(kind, pl.Struct):
        return any(_has_floats(each.dtype) for each in kind.fields)
    return bool(kind.is_float())


def _finite(value: pl.Expr, kind: Any) -> pl.Expr:
    if isinstance(kind, pl.List):
        return value.list.eval(_finite(pl.element(), kind.inner))
    if isinstance(kind, pl.Struct):
        fields = [
            _finite(value.struct.field(each.name), each.dtype).alias(each.name)
            for each in kind.fields
        ]
        return pl.when(value.is_not_null()).then(pl.struct(fields))
    return pl.when(value.is_finite()).then(value) if kind.is_float() else value


#: The notes of the loop itself in version 3, by their sentences; all others were a model's.
_NOTES_OF_3 = {
    "stopped early: the answer had settled": "settled",
    "the transcript outgrew the model's context window in an earlier round": "outgrown",
    "no new answer in this round: the earlier one stands": "kept",
    "the dialogue holds no such round: its last answer stands": "ended",
}


def from_version_3(frame: pl.DataFrame) -> pl.DataFrame:
    """Records of version 3, or some of their columns, as this version has them.

    Version 3 knew lettered questions only: ``correct`` becomes ``outcome``, the letter ``key``.

    Args:
        frame: columns of version 3; ``key`` comes of ``choice``, ``cut`` of ``steps``.
    """
    made: dict[str, pl.Expr] = {}
    if "correct" in frame.columns:
        made["outcome"] = pl.col("correct").cast(pl.Float64)
    if "choice" in frame.columns:
        letters = pl.lit(pl.Series("letters", list(ascii_lowercase)))
        made["key"] = letters.gather(pl.col("choice"))
    if "notes" in frame.columns:
        code = pl.element().replace_strict(_NOTES_OF_3, default="model", return_dtype=pl.String)
        made["notes"] = pl.col("notes").list.eval(
            pl.struct(code.alias("code"), pl.element().alias("text"))
        )
    if "steps" in frame.columns:
        answered = pl.element().struct.field("kind") == "answer"
        cut = pl.element().struct.field("finish") == "length"
        made["cut"] = pl.col("steps").list.eval(answered & cut).list.any()
    return frame.with_columns(**made).drop("correct", strict=False)


def transcript(dialogue: pl.DataFrame, round: int | None = None) -> list[Message]:
    """Rebuild what the model had been shown, replies included, at the end of a round.

    Images have their names only, and stand before the text.

    Args:
        dialogue: the records of one dialogue.
        round: up to and including this one; by default the last.
    """
    messages: list[Message] = []
    rows = dialogue.sort("round").select("round", "steps").iter_rows()
    for number, steps in rows:
        if round is not None and number > round:
            break
        for step in steps:
            if not step["shown"]:
                continue
            if step["begin"]:
                messages = []
            images = [Image(name, "", name) for name in step["images"]]
            messages.append(Message(step["role"], (*images, step["text"])))
    return messages
