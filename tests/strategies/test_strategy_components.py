"""The factorial design: each factor is the same words in each of its cells, and nothing else."""

from __future__ import annotations

from itertools import product

import pytest

from selfcorrect.strategies import Step, Strategy, load, placeholders

GOAL = {"goal", "review", "specific_goal", "reversed_goal", "reversed_review"}


def cell(*, i: bool, f: bool, c: bool) -> Strategy:
    name = "-".join(filter(None, ("intrinsic" * i, "feedback" * f, "cot" * c)))
    return load(name or "neutral")


CELLS = [dict(zip("ifc", each, strict=True)) for each in product([False, True], repeat=3)]


def _said(steps: tuple[Step, ...], source: str | None) -> str:
    """All that is said to a model, each message cut where a blank line is."""
    return "\n\n".join(step.say or "" for step in steps if step.source == source and step.say)


@pytest.mark.parametrize("factors", CELLS)
def test_a_cell_is_made_of_its_factors(factors: dict[str, bool]) -> None:
    i, f, c = factors["i"], factors["f"], factors["c"]
    strategy = cell(**factors)
    kinds = ["rationale"] * c + ["answer"]
    assert [s.elicit for s in strategy.first if s.elicit] == kinds
    assert [s.elicit for s in strategy.again if s.elicit] == ["feedback"] * f + kinds
    told = [placeholders(s.say or "") for s in (*strategy.first, *strategy.again)]
    assert any(names & GOAL for names in told) == i
    asked = [s for s in strategy.again if s.source == "feedback"]
    assert [s.begin for s in asked] == [True, False] * f
    assert strategy.own == (("feedback",) if f else ())
    # whoever gives feedback sees the task and the whole response, and the goal only with I
    seen = {"question", "answer"} | ({"rationale"} if c else set()) | ({"goal"} if i else set())
    assert not f or placeholders(_said(strategy.again, "feedback")) == seen


def test_a_factor_adds_the_same_words_to_every_cell() -> None:
    added: dict[tuple[str, str], set[frozenset[str]]] = {}
    for factors in CELLS:
        for name in (name for name, on in factors.items() if not on):
            less, more = cell(**factors), cell(**{**factors, name: True})
            for section in ("first", "again"):
                one = set(_said(getattr(less, section), None).split("\n\n"))
                two = set(_said(getattr(more, section), None).split("\n\n"))
                added.setdefault((name, section), set()).add(frozenset(two - one))
    assert {key: len(each) for key, each in added.items()} == dict.fromkeys(added, 1)
    assert {frozenset({"{goal}"})} == added["i", "first"]
    assert {frozenset({"{review}"})} == added["i", "again"]
    assert {frozenset()} == added["f", "first"]


def test_without_a_factor_the_cells_begin_alike() -> None:
    for i, c in product([False, True], repeat=2):
        assert cell(i=i, f=False, c=c).first == cell(i=i, f=True, c=c).first
    assert cell(i=True, f=False, c=False) == load("intrinsic")
