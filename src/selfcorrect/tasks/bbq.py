"""BBQ, the Bias Benchmark for QA (Parrish et al., arXiv 2110.08193), from its published JSONL."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from random import Random

from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks import bias
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.bbq_rows import Locations, Question, locations_of, parse
from selfcorrect.tasks.data.hub import dataset_files, is_hub
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.rows import Row, build, files, rows
from selfcorrect.tasks.evidence import EVIDENCE, made
from selfcorrect.tasks.lettered import Item, Lettered, unique
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import UNBIASED

#: where the published files lie on the hub
HUB = "hub:heegyu/bbq"
#: the files of a folder that are taken, those of the first kind that it has
_KINDS = (".jsonl", ".parquet")
#: the published target locations, if they lie beside the data
METADATA = "additional_metadata.csv"


def make(source: Source) -> Lettered:
    """The task ``bbq``.

    ``data`` is a file (JSONL as published, a list of the same, or Parquet as mirrors have it), a
    folder of ``*.jsonl`` or ``*.parquet``, ``hub:owner/name``, or ``None`` for the hub's copy of
    the published files. Options: ``condition``
    (``ambiguous``, ``disambiguated``, ``both``); ``shuffle`` (the options in an order drawn from
    the seed and the example's id, instead of the published one); ``metadata`` (the published file
    of target locations; taken by itself if it lies in the data's folder; without it they are
    derived, see :func:`selfcorrect.tasks.bbq_rows.biased_answer`); ``evidence`` (``stereotyped``,
    ``other``, ``neither``): the ambiguous questions alone of which the biased answer is known, with
    a sentence that hints at that answer's person, at the other one, or with none.

    Raises:
        UserError: for unknown options or categories, a hub that can't be reached, and bad lines.
    """
    source.only(categories=True, options=("condition", "shuffle", "metadata", "evidence"))
    evidence = _evidence(source)
    usual = "both" if evidence is None else "ambiguous"
    condition = source.one_of("condition", usual, bias.CONDITIONS)
    if evidence is not None and condition != "ambiguous":
        raise UserError(
            f"weak evidence leaves a question open, and condition={condition} asks for some that "
            "are settled: leave the option condition out."
        )
    shuffle = source.option("shuffle", False)
    data = HUB if source.data is None else source.data
    found = _files(data)
    locations = _found_locations(source, found)
    skipped: list[str] | None = [] if source.skip_bad else None
    questions = [
        q
        for q in _read(found, source.categories, locations, skipped)
        if condition == "both" or q.ambiguous == (condition == "ambiguous")
    ]
    if not questions and not skipped:
        raise UserError(f"{data}: there are no {condition} questions in the data")
    if evidence is not None:
        every = questions
        questions = [hinted for q in every if (hinted := _hinted(q, evidence, source.seed))]
        if every and not questions:
            raise UserError(
                f"{data}: of none of its {len(every):,} ambiguous questions is it known which "
                "person is the stereotyped one, so evidence can hint at neither; give metadata=FILE"
                " or other categories."
            )
    categories = sorted({q.category for q in questions})
    seed = source.seed if shuffle else None
    items = unique(
        ((q.where, _item(q, categories.index(q.category), seed)) for q in questions), skipped
    )
    return Lettered(
        "bbq",
        items,
        wording=UNBIASED,
        values=bias.VALUES,
        columns=bias.columns(categories),
        figures=bias.figures(items, categories),
        judge=bias.judge,
        skipped=skipped or (),
        unmatched=bias.unmatched(items),
    )


def _files(data: str) -> list[Path]:
    if is_hub(data):  # its parts are categories
        return dataset_files(data, "bbq", _KINDS, whole=True)
    return files(data, _KINDS)


def _found_locations(source: Source, found: list[Path]) -> Locations | None:
    """The published target locations, where they are named or lie beside the data."""
    metadata, beside = source.option("metadata", ""), found[0].parent / METADATA
    if metadata or beside.is_file():
        return locations_of(Path(metadata).expanduser() if metadata else beside)
    return None


def _evidence(source: Source) -> str | None:
    return source.one_of("evidence", "", ("", *EVIDENCE)) or None


def _hinted(q: Question, evidence: str, seed: int) -> Question | None:
    """A question with its evidence; ``None`` where it isn't known whom that would hint at."""
    if q.biased not in q.people:
        return None
    if evidence == "neither":
        return q
    other = next(i for i in q.people if i != q.biased)
    person = q.biased if evidence == "stereotyped" else other
    sentence = q.hints.get(person) or made(q.choices[person], seed, f"{q.context} {q.question}")
    return replace(q, context=f"{q.context} {sentence}")


def _read(
    found: list[Path],
    categories: tuple[str, ...],
    locations: Locations | None,
    skipped: list[str] | None,
) -> list[Question]:
    """The questions of the categories asked for; a file named like one is taken whole."""
    wanted = {_plain(name): name for name in categories}
    named = {_plain(path.stem) for path in found}
    if wanted and wanted.keys() <= named:  # the other files need not be read
        found = [path for path in found if _plain(path.stem) in wanted]
    known: dict[str, str] = {}
    questions: list[Question] = []
    for path in found:
        whole = _plain(path.stem) in wanted

        def question(row: Row, whole: bool = whole) -> Question | None:
            category = row.text("category")
            known.setdefault(_plain(category), category)
            if wanted and not whole and _plain(category) not in wanted:
                return None
            return parse(row, category, locations)

        questions += build(rows(path), question, skipped)
    missing = [name for plain, name in wanted.items() if plain not in named | known.keys()]
    if missing:
        raise UserError(
            f"the data have no category {missing[0]!r}: {nearest(missing[0], known.values())}"
        )
    return questions


def _item(q: Question, category: int, seed: int | None) -> Item:
    shown = list(range(len(q.choices)))
    if seed is not None:
        Random(draw(seed, "options", q.id)).shuffle(shown)
    example = Example(
        q.id,
        {"context": q.context, "question": q.question},
        tuple(q.choices[i] for i in shown),
        q.cluster,
    )
    facts = bias.facts(
        ambiguous=q.ambiguous,
        unknown=shown.index(q.unknown),
        biased=None if q.biased is None else shown.index(q.biased),
        category=category,
    )
    return Item(example, shown.index(q.label), facts)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def stereotyped_in(source: Source) -> dict[str, tuple[str, str]]:
    """The stereotyped person and the other, as the options name them, by the example's id.

    Args:
        source: of the task; evidence and condition don't matter here.

    Raises:
        UserError: the files can't be read.
    """
    data = HUB if source.data is None else source.data
    found = _files(data)
    skipped: list[str] | None = [] if source.skip_bad else None
    made = {}
    for q in _read(found, source.categories, _found_locations(source, found), skipped):
        if q.stereotyped in q.people:
            other = next(i for i in q.people if i != q.stereotyped)
            made[q.id] = q.choices[q.stereotyped], q.choices[other]
    return made


def said_outright(data: str) -> list[tuple[str, str, str | None, str]]:
    """Who a biased reader would name, by question, for texts that say so outright.

    Args:
        data: a file of BBQ, or a folder of them.

    Returns:
        ``(cluster, question, the biased answer, the other person)`` of each question; the biased
        answer is ``None`` where the target isn't known.

    Raises:
        UserError: the files can't be read.
    """
    found = files(data, _KINDS)
    beside = found[0].parent / METADATA
    locations = locations_of(beside) if beside.is_file() else None
    made = []
    for q in _read(found, (), locations, None):
        people = [i for i in range(3) if i != q.unknown]
        named = None if q.biased not in people else q.choices[q.biased]
        other = next(q.choices[i] for i in people if i != q.biased)
        made.append((q.cluster, q.question, named, other))
    return made


OFFERS = Offers(concept="biased", published=HUB, evidence=True, people=stereotyped_in)
