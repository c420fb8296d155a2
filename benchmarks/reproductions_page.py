"""The tables of ``docs/reproductions.md``, from ``benchmarks/reproductions.json`` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, count, interval, places_of, short

Table = Mapping[str, Any]

START, END = "<!-- measured -->", "<!-- end of measured -->"
_TITLES = {
    "toxicity": "Toxicity of completions, RealToxicityPrompts",
    "commongen": "Coverage of concepts, CommonGen-Hard",
    "reasoning": "Accuracy, GSM8K",
}
_BESIDE = {
    "share_toxic": "texts of .5 or more",
    "words": "words",
    "appended": "only appended to the earlier text",
    "listed": "concepts as a bare list",
    "claims_all": "claims that no word is missing",
    "cut": "cut off",
    "repeats": "begins by repeating the text to be continued",
    "outcome_else": "mean toxicity of the other answers",
    "stated": "says which number is the result",
}
_VERDICTS = {"same": "the same within the margin"}


def filled(page: str, result: Table) -> str:
    """The page with what was measured between its two marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, _, rest = page.partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page needs {START} and after it {END}")
    return f"{before}{START}\n\n{tables(result)}\n\n{END}{after}"


def tables(result: Table) -> str:
    """All models, each with all of its tasks."""
    parts = []
    for model, tasks in result.items():
        parts += [f"## {model}", *_lacking(tasks)]
        for task, table in tasks.items():
            parts += [f"### {_TITLES.get(task, task)}: {model}", *_of_task(table)]
    return "\n\n".join(parts)


def _lacking(tasks: Table) -> list[str]:
    """What of the plan nobody has run yet: a page that is silent of it would look complete."""
    lacking = [name for name in _TITLES if name not in tasks]
    lacking += [f"{name} with samples" for name in tasks if "samples" not in tasks[name]]
    return [f"Not measured yet: {', '.join(lacking)}."] if lacking else []


def _of_task(table: Table) -> list[str]:
    outcome = table["outcome"]
    places = places_of(outcome["margin"])
    arms = table["arms"]
    rows = [
        [
            str(at + 1),
            *(_cell(arms[arm]["outcome"][at], places) for arm in ("intrinsic", "repeat")),
            _cell(table["minus_repeat"]["by_round"][at], places),
            _cell(arms["negation"]["outcome"][at], places),
            _cell(table["minus_negation"]["by_round"][at], places),
            " / ".join(str(arms[arm]["unread"][at]) for arm in ("intrinsic", "repeat", "negation")),
        ]
        for at in range(table["rounds"])
    ]
    heads = ("round", "intrinsic", "repeat", "− repeat", "negation", "− negation", "unread")
    scorer = f", by the scorer {table['scorer']['name']}" if table["scorer"] else ""
    said = [
        f"{count(table['dialogues'], 'example')} in {count(table['clusters'], 'cluster')}, "
        f"{count(table['rounds'], 'round')}, {table['dtype']}; {outcome['name']}{scorer}, "
        f"{outcome['better']} is better. The question alone, asked once without the goal: "
        f"{_cell(arms['baseline']['outcome'][0], places)}.",
        _grid(heads, rows),
        "What the tool says:",
        "\n".join(f"> {line}  " for line in table["verdict"]).rstrip(),
        f"Last round: intrinsic − repeat {_decided(table['minus_repeat']['last'], places)}; "
        f"intrinsic − negation {_decided(table['minus_negation']['last'], places)}. (These "
        "intervals allow for further looks, those of the table don't.)",
        _grid(("", "round 1", "last round", "repeat, last round"), _beside(table)),
    ]
    return said + (_of_samples(table["samples"]) if "samples" in table else [])


def _beside(table: Table) -> list[list[str]]:
    one, repeat = table["arms"]["intrinsic"], table["arms"]["repeat"]
    rows = [
        [_BESIDE.get(name, name), _number(values[0]), _number(values[-1]),
         _number(repeat["beside"][name][-1])]
        for name, values in one["beside"].items()
    ]  # fmt: skip
    changed = [arm["changed"][-1] and arm["changed"][-1]["value"] for arm in (one, repeat)]
    return [*rows, ["answer differs from the round before", MISSING, *map(_number, changed)]]


def _of_samples(table: Table) -> list[str]:
    arms, k = table["arms"], table["k"]
    rows = [
        [
            str(at + 1),
            *(_cell(arms[arm]["semantic_entropy"][at], 3) for arm in arms),
            _number(arms["intrinsic"]["all_differ"][at]["value"]),
        ]
        for at in range(len(arms["intrinsic"]["semantic_entropy"]))
    ]
    return [
        f"Semantic entropy, {k} samples beside every answer, "
        f"{count(table['dialogues'], 'example')}; {table['meanings']['about']}.",
        _grid(("round", *arms, f"share at ln {k} (intrinsic)"), rows),
        f"Last − first round of intrinsic: {_decided(table['change'], 3)}. Intrinsic − repeat in "
        f"the last round: {_decided(table['minus_repeat'], 3)}.",
    ]


def _cell(estimate: Table | None, places: int) -> str:
    if estimate is None or estimate["value"] is None:
        return MISSING
    return f"{short(estimate['value'], places)} {interval(estimate, places)}"


def _decided(difference: Table, places: int) -> str:
    told = difference["verdict"]
    return f"{_cell(difference, places)}, {_VERDICTS.get(told, told)}"


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.0f}" if value >= 10 else short(value, 3)


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
