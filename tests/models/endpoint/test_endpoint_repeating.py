"""Whether a server draws the same reply again: told from draws, and how well."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from selfcorrect import models
from servers.loopback import answer
from servers.quirks import quirky
from servers.stub import CLOUD, Stub


def _drawn(differs: Any) -> tuple[Any, str, list[bool]]:
    """What is found out of a server whose k-th drawn reply is another one where that is said."""
    draws: list[bool] = []
    numbers = itertools.count()

    def quirk(request: Any, response: Any) -> Any:
        if "ten random words" not in json.dumps(request.json) or request.json.get("n", 1) > 1:
            return response
        other = differs(next(numbers))
        draws.append(other)
        data = json.loads(response.raw)
        data["choices"][0]["message"]["content"] = "Other words." if other else "Some words."
        return answer(data)

    stub = quirky(Stub(CLOUD), quirk)
    try:
        model: Any = models.load("openai:stub", base_url=stub.url, wait=5, in_flight=1)
        try:
            rows = {row.what: row.then for row in model.rows()}
            return model.capabilities, rows["seeds"], draws
        finally:
            model.close()
    finally:
        stub.stop()


def test_a_server_with_one_reply_is_one_after_twenty_draws() -> None:
    able, then, draws = _drawn(lambda _: False)
    assert (able.varies, able.seeds, able.drawn, len(draws)) == (False, False, 20, 20)
    assert "every seed drew the same reply, in 20 draws" in then
    assert "missed by 14 % of such probes" in then  # .9^19
    assert "in each of 20 draws" in str(able)


@pytest.mark.parametrize(("first", "count"), [(5, 8), (17, 20)])
def test_one_that_seldom_says_something_else_varies(first: int, count: int) -> None:
    """Four draws alone refused its samples."""
    able, _, draws = _drawn(lambda number: number == first)
    assert (able.varies, able.drawn, len(draws)) == (True, count, count + 30)


def test_that_a_seed_repeats_is_told_from_thirty_draws() -> None:
    """The first two and all of those with one seed are the same; other seeds' aren't."""
    able, then, draws = _drawn(lambda number: number in (2, 3))
    assert (able.seeds, able.repeated, len(draws)) == (True, 30, 34)
    assert "in 30 of 30 draws" in then
    assert "missed by 5 % of such probes" in then  # .9^29


def test_a_seed_that_fails_once_in_thirty_draws_repeats_nothing() -> None:
    able, then, _ = _drawn(lambda number: number in (2, 3, 20))
    assert (able.seeds, able.varies, able.repeated) == (False, True, 30)
    assert "of 30 draws of one seed some differ" in then
