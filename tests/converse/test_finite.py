"""No number that isn't finite is in a record, whoever gives it: a server, a local model, a task."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from scripted import FIRST, HEAD, REVIEW
from selfcorrect import records, strategies, tasks
from selfcorrect.converse import Arm, Samples, converse
from selfcorrect.converse.finite import likeliest, telling
from selfcorrect.converse.record import Drawn, choice_step, record, reply_step
from selfcorrect.errors import UserError
from selfcorrect.models.base import Likelihood, Reply
from selfcorrect.models.local.model import LocalModel
from selfcorrect.runs import scores
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.leaks import Told

#: Any double, those that no 32 bits hold among them.
ANY = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300, 1e39, 5e-324]), st.floats()
)
SOME = st.lists(ANY, max_size=4)
EXAMPLE = Example("one", {}, ("a", "b", "c"), "one")


def _numbers(series: pl.Series) -> Iterator[float]:
    """Every number of a column with floats, however deep."""
    kind = series.dtype
    if isinstance(kind, pl.List):
        yield from _numbers(series.explode(empty_as_null=False))
    elif isinstance(kind, pl.Struct):
        for each in kind.fields:
            yield from _numbers(series.struct.field(each.name))
    elif kind.is_float():
        yield from series.drop_nulls().to_list()


def _all_finite(frame: pl.DataFrame) -> bool:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    read = pl.read_parquet(io.BytesIO(buffer.getvalue()))
    return all(math.isfinite(each) for series in read for each in _numbers(series))


OPTIONS = st.lists(st.tuples(ANY, ANY), min_size=3, max_size=3).map(
    lambda pairs: tuple(Likelihood(logp, 1, 0, shared) for logp, shared in pairs)
)


@settings(max_examples=30)
@given(options=OPTIONS, logps=SOME, gap=ANY, outcome=ANY, value=ANY, drawn=SOME, p_true=ANY)
def test_a_record_of_any_numbers_is_finite(
    options: Any, logps: Any, gap: Any, outcome: Any, value: Any, drawn: Any, p_true: Any
) -> None:
    reply = Reply("a", "stop", token_ids=(1,) * len(logps), token_logps=tuple(logps),
                  options=options, gap=gap)  # fmt: skip
    steps = [
        reply_step("answer", "m", "a", "", reply, shown=True),
        choice_step("answer", "m", "a", "", reply, shown=True, choices=EXAMPLE.choices),
    ]
    samples = [{"text": "a", "key": "a", "logp": x, "tokens": 1, "cut": False} for x in drawn]
    row = record(
        EXAMPLE, 1, Answer("a", choice=0), Grade(outcome, 0, {"own": value}), options, 0, steps,
        [], Drawn(tuple(samples), p_true), oracle=False, told=Told(),
    )  # fmt: skip
    frame = records.frame([row])
    assert _all_finite(frame)
    [p] = frame["option_p"].to_list()
    assert not p or math.isclose(sum(p), 1)
    assert p or (row["entropy"] is None and row["confidence"] is None)
    assert bool(p) == telling(options)
    assert bool(p) == ("not finite" not in [note["code"] for note in row["notes"]])


def _filled(kind: Any, numbers: Iterator[Any]) -> Any:
    """A value of a column's type, with the next numbers."""
    if isinstance(kind, type):
        kind = kind()
    if isinstance(kind, pl.List):
        return [_filled(kind.inner, numbers) for _ in range(2)]
    if isinstance(kind, pl.Struct):
        return {each.name: _filled(each.dtype, numbers) for each in kind.fields}
    if kind == pl.String:
        return "a"
    if kind == pl.Boolean:
        return True
    return next(numbers) if kind.is_float() else 1


@settings(max_examples=8)
@given(st.lists(st.one_of(st.none(), ANY), min_size=1, max_size=40))
def test_the_way_into_a_file_lets_no_other_number_through(some: Any) -> None:
    """Whatever column has numbers, or gets them one day."""
    for schema in (records.SCHEMA, scores.SCHEMA):
        numbers = itertools.cycle(some)
        rows = [{name: _filled(kind, numbers) for name, kind in schema.items()}]
        if schema is records.SCHEMA:
            frame = records.frame(rows)
        else:
            frame = pl.read_parquet(io.BytesIO(scores.scores_bytes(rows)))
        assert _all_finite(frame)
        given = pl.DataFrame(rows, schema=schema, strict=True)
        for name in schema:  # what was finite is as it was
            if _all_finite(given.select(name)):
                assert frame[name].equals(given[name])
        assert frame.schema == given.schema


def test_what_is_no_number_is_never_the_likeliest() -> None:
    each = [Likelihood(x, 1) for x in (math.nan, -3.0, math.inf, -1.0, -math.inf)]
    assert likeliest(each) == 3
    assert likeliest([Likelihood(math.nan, 1)] * 2) in (0, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_local_model_that_computes_no_numbers_stops_with_a_sentence(value: float) -> None:
    model = tiny.model("llama")
    with torch.no_grad():
        model.engine.network.model.norm.weight.fill_(value)
    arm = Arm("arm", strategies.parse(HEAD + FIRST + REVIEW, "test.toml"), 2)
    task = tasks.make("sample")
    drawn = Samples(2, p_true=True)
    with pytest.raises(UserError, match="computed numbers that are not finite in float32"):
        converse(model, task, task.examples()[:2], [arm], seed=1, samples=drawn)


def test_a_model_whose_weights_are_no_numbers_is_named_as_that() -> None:
    network, tokens = tiny.model("llama").twin, tiny.tokenizer(tiny.CHATML)
    with torch.no_grad():
        network.lm_head.weight.fill_(math.nan)
    with pytest.raises(UserError, match="numbers that aren't finite in float32"):
        LocalModel("broken", "0" * 16, network, tokens, "float32", "cpu")
