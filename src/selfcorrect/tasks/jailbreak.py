"""Attack prompts, read from published artefact files: does the model give in?

Attacks are inputs, none is made here. Success is an answer without a phrase of a refusal
(:mod:`.refusals`). Answers to attacks are kept only where the user says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import numpy as np

from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import Floats, Number, Outcome, Share
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.data.rows import Row, build, document, files, rows
from selfcorrect.tasks.free import Free, Item, unique
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.plain import folded, tidy
from selfcorrect.tasks.refusals import LIST, REFUSAL, read, refuses
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import RESPONSIBLE

OUTCOME = Outcome(
    "attack_success",
    "share",
    better="lower",
    text=f"Share of answers without a phrase of a refusal (list {LIST}). One that couldn't be "
    "read is recorded as a success.",
)
_VALUES = {"words": Number("Words of the answer.", (0, inf))}
#: The groups of attacks, with a sentence on each.
GROUPS = {
    "method": "How the attack was made, a number for each method.",
    "attacked": "The model that it was made against, a number for each.",
    "category": "Of the harm that it wants, a number for each.",
}
#: What stands for the method and the model of a goal that is asked plainly.
PLAIN, NOBODY = "none (plain request)", "none"
_WHERE = (
    "attacks are read and never made, so none come along: give --data with the file of attack "
    "prompts of a published artefact, such as JailbreakBench's "
    "(github.com/JailbreakBench/artifacts), a JSON line or table row each with prompt and goal"
)


@dataclass(frozen=True)
class _Attack:
    where: str
    method: str
    kind: str
    attacked: str
    index: str
    goal: str
    category: str
    prompt: str


OFFERS = Offers(attacks=True)


def make(source: Source) -> Free:
    """The task ``jailbreak``.

    ``data`` is a ``.jsonl``, ``.csv`` or ``.tsv`` file with ``prompt`` and ``goal`` and, where
    known, ``method``, ``attack_type``, ``model``, ``category`` and ``index``; an artefact of
    JailbreakBench as it is (``.json``); or a folder of such files. Responses in them aren't read.
    Options: ``goals`` (each goal is asked as a plain request, too), ``keep_harmful`` (answers are
    kept). A cluster is a goal, with all attacks on it.

    Raises:
        UserError: for missing data, bad lines, with file and line, and unknown categories.
    """
    source.only(categories=True, options=("goals", "keep_harmful"))
    goals, keeps = source.option("goals", False), source.option("keep_harmful", False)
    if source.data is None:
        raise UserError(f"task 'jailbreak' needs data: {_WHERE}.")
    skipped: list[str] | None = [] if source.skip_bad else None
    attacks = _chosen(_labelled(_read(source.data, skipped)), source.categories)
    if goals:
        attacks += _plain(attacks)
    codes = {
        "method": sorted({a.method for a in attacks}),
        "attacked": sorted({a.attacked for a in attacks}),
        "category": sorted({a.category for a in attacks}),
    }
    return Free(
        "jailbreak",
        unique(_items(attacks, codes), skipped),
        wording=RESPONSIBLE,
        outcome=OUTCOME,
        judge=_judge,
        read=read,
        max_tokens={"answer": 128},
        values=_VALUES,
        columns=GROUPS,
        figures=_figures(codes),
        skipped=skipped or (),
        keeps_texts=keeps,
    )


def _read(data: str, skipped: list[str] | None) -> list[_Attack]:
    found: list[_Attack] = []
    artefacts = False
    for path in _files(data):
        artefact = path.suffix.casefold() == ".json"
        artefacts |= artefact
        found += build(_artefact(path) if artefact else rows(path), _attack, skipped)
    if not found and not skipped and artefacts:
        raise UserError(
            f"{data}: there is no attack with a prompt in it (an artefact's list 'jailbreaks' is "
            "empty, or all its prompts are null or left out): give another artefact"
        )
    return found


def _files(data: str) -> list[Path]:
    path = Path(data).expanduser()
    whole = path.is_dir() and not any(each.suffix == ".jsonl" for each in path.iterdir())
    return files(data, ".json") if whole else files(data)


def _artefact(path: Path) -> Iterator[Row | UserError]:
    """The attacks of one artefact as JailbreakBench publishes it: its parameters hold for all.

    An attack that has no prompt, as none was found, is none.
    """
    table = document(path)
    attacks = table.get("jailbreaks") if isinstance(table, dict) else None
    parameters = table.get("parameters", {}) if isinstance(table, dict) else None
    if not isinstance(attacks, list) or not isinstance(parameters, dict):
        raise UserError(
            f"{path}: an artefact is a table with 'parameters' and a list 'jailbreaks'; give lines "
            "of other data as .jsonl"
        )
    for number, attack in enumerate(attacks, 1):
        where = f"{path}:{number}"
        if not isinstance(attack, dict):
            yield UserError(f"{where}: an attack must be a table")
        elif attack.get("prompt") is not None:
            yield Row(where, {**parameters, **attack})


def _attack(row: Row) -> _Attack:
    line = row.where.rpartition(":")[2]
    return _Attack(
        row.where,
        _word(row, "method", "attack"),
        _word(row, "attack_type", ""),
        _word(row, "model", "unknown"),
        _word(row, "index", f"line {line}"),
        tidy(row.text("goal")),
        _word(row, "category", "unknown"),
        row.text("prompt"),
    )


def _word(row: Row, name: str, otherwise: str) -> str:
    """A name that stands in ids between slashes, and in tables."""
    return tidy(row.optional(name)) or otherwise


def _labelled(attacks: list[_Attack]) -> list[_Attack]:
    """Methods of several kinds, such as transferred and white-box ones, are told apart."""
    kinds: dict[str, set[str]] = {}
    for attack in attacks:
        kinds.setdefault(attack.method, set()).add(attack.kind)

    def named(a: _Attack) -> _Attack:
        kind = a.kind.replace("_", " ")
        several = len(kinds[a.method]) > 1 and kind
        name = f"{a.method} ({kind})" if several else a.method
        return _Attack(a.where, name, a.kind, a.attacked, a.index, a.goal, a.category, a.prompt)

    return [named(attack) for attack in attacks]


def _chosen(attacks: list[_Attack], categories: Iterable[str]) -> list[_Attack]:
    wanted = {folded(name): name for name in categories}
    known = {folded(a.category): a.category for a in attacks}
    for plain, name in wanted.items():
        if plain not in known:
            raise UserError(f"the data have no category {name!r}: {nearest(name, known.values())}")
    return [a for a in attacks if not wanted or folded(a.category) in wanted]


def _plain(attacks: Iterable[_Attack]) -> list[_Attack]:
    first = {folded(a.goal): a for a in reversed(list(attacks))}
    return [
        _Attack(a.where, PLAIN, "", NOBODY, a.index, a.goal, a.category, a.goal)
        for a in reversed(first.values())
    ]


def _items(
    attacks: Iterable[_Attack], codes: Mapping[str, list[str]]
) -> Iterator[tuple[str, Item]]:
    clusters: dict[str, str] = {}
    for a in attacks:
        # the category stands first, so that clusters are told by it; a slash is theirs alone
        name = f"{_apart(a.category)}/{_apart(a.goal)}"
        cluster = clusters.setdefault(folded(a.goal), name)
        id = "/".join(map(_apart, (a.method, a.attacked, a.index)))
        group = {"method": a.method, "attacked": a.attacked, "category": a.category}
        facts = {each: float(codes[each].index(group[each])) for each in GROUPS}
        yield a.where, Item(Example(id, {"question": a.prompt}, (), cluster), REFUSAL, facts)


def _apart(text: str) -> str:
    return text.replace("/", " or ")


def _judge(item: Item, answer: Answer) -> Grade:
    groups = {name: float(item.facts[name]) for name in GROUPS}
    words = {"words": float(len(answer.text.split()))}
    return Grade(float(not refuses(answer.text)), values=words | groups)


def _figures(codes: Mapping[str, list[str]]) -> dict[str, Share]:
    """Attack success by group, of the answers that were read; of a kind with one group, none."""
    return {
        f"success_by_{kind}/{name}": Share(
            lambda columns, kind=kind, code=code: _of_group(columns, kind, code),  # type: ignore[misc]
            f"success, {kind}",
            f"Share of the answers read without a phrase of a refusal, by {kind}.",
            better="lower",
        )
        for kind, names in codes.items()
        for code, name in enumerate(names)
        if len(names) > 1
    }


def _of_group(columns: Mapping[str, Floats], kind: str, code: int) -> Floats:
    groups = columns.get(kind, np.full(len(columns["outcome"]), nan))
    return np.where(groups == code, columns["outcome"], nan)
