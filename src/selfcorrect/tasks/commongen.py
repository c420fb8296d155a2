"""Sentences that hold given words (CommonGen, arXiv 1911.03705): how many of the words are there?

The concept sets are the published ones, small (3 to 5 words) or hard (20 to 30, Self-Refine, arXiv
2303.17651), or without data some of our own in ``commongen_sets.jsonl``. Only coverage is graded;
what a model says of its own coverage is counted beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import as_file
from importlib.resources import files as resources
from math import inf
from pathlib import Path

import numpy as np

from selfcorrect.outcome import Floats, Number, Outcome, Share
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.coverage import claims_all, is_listed, matching, missing, words
from selfcorrect.tasks.data.rows import TABLES, Row, build, files, text_lines
from selfcorrect.tasks.data.rows import rows as table_of
from selfcorrect.tasks.free import Free, Item, unique
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import Wording, review

WORDING = Wording(
    goal="Please use all of the words: leave none of them out.",
    reversed_goal="Please use none of the words: leave all of them out.",
    review=review("use all of the words and leave none of them out"),
    reversed_review=review("use none of the words and leave all of them out"),
    specific_goal=(
        "A good text uses every word of the list and still reads like something that somebody "
        "would say. Begin with a scene in which all of them could be together, and with who does "
        "what in it. Give each word a place in that scene, as the person who acts, the act, "
        "what it is done with, or where it happens, and begin another sentence when one gets too "
        "full. Then go through the list from its first word to its last and point at each one in "
        "your text. Work in whatever has no place yet, and take nothing out for it. A word may "
        "change its form; another word of the same meaning does not stand for it."
    ),
)
VALUES: Mapping[str, str] = {
    "words": Number("How many words the text has; a hyphen separates two.", (0, inf))
}
#: 1 or 0 of each record; their shares are figures
COLUMNS: Mapping[str, str] = {
    "all_covered": "Share of the texts that hold every concept.",
    "listed": "Share of the texts in which the concepts are stuffed as a bare list: three "
    "different ones in a row with no other word between them, or no word that could be a "
    "verb. Counted, not scored.",
    "claims_all": "Self-assessment: share of the texts that say of themselves that every concept "
    "is there, or that none is missing. Not part of the outcome.",
}
#: How long a reply may be, in tokens.
MAX_TOKENS = {"answer": 300}

_POS = re.compile(r"_[A-Z]{1,5}\Z")
_SEPARATOR = re.compile(r"[\s#]+")
_COMMAS = re.compile(r"[,;#]")
_NO_WORD = re.compile(r"[][,;:\"{}()<>=|]")
#: The hard sets have 30; what takes hundreds of words is another task.
_MOST = 200
_OWN = "commongen_sets.jsonl"
OFFERS = Offers(bundled=True)


def make(source: Source) -> Free:
    """The task ``commongen``.

    ``data`` is a file or a folder: JSONL with ``concepts`` (a list of words, or of ``word_POS``) or
    ``concept_set`` (``dog#catch``), a table with such a column, or a text file with a set on each
    line, blanks, ``#`` or commas between its words. ``id``, ``reference``, and CommonGen's
    ``scene`` or ``target`` may be there. Without data the bundled sets are asked. An answer is the
    whole text; a cluster is a set, in whatever order it stands.

    Raises:
        UserError: for options, a missing file and bad lines (with file and line), and if the
            dictionary of lemmas isn't installed.
    """
    source.only(options=())
    rules = matching()
    skipped: list[str] | None = [] if source.skip_bad else None
    if source.data is None:
        with as_file(resources("selfcorrect.tasks").joinpath(_OWN)) as path:
            found = _read([path], rules, skipped)
    else:
        found = _read(_files(source.data), rules, skipped)
    outcome = Outcome(
        "coverage",
        margin=0.03,
        text="Share of the concepts that the text holds, in any form (by lemma), each counted "
        f"once ({rules}).",
    )
    return Free(
        "commongen",
        unique(found, skipped),
        wording=WORDING,
        outcome=outcome,
        judge=_judge,
        max_tokens=MAX_TOKENS,
        values=VALUES,
        columns=COLUMNS,
        figures=_figures(),
        skipped=skipped or (),
    )


def _files(data: str) -> list[Path]:
    path = Path(data).expanduser()
    try:
        tables = not path.is_dir() or any(path.glob("*.jsonl"))
    except OSError:
        tables = True  # whatever is wrong is said below
    return files(path) if tables else files(path, ".txt")


def _read(paths: Iterable[Path], rules: str, skipped: list[str] | None) -> list[tuple[str, Item]]:
    found: list[tuple[str, Item]] = []
    for path in paths:
        ending = path.suffix.casefold()
        text = ending not in TABLES
        rows = text_lines(path, "concept_set") if text else table_of(path)
        found += build(rows, lambda row: (row.where, _item(row, rules)), skipped)
    return found


def _item(row: Row, rules: str) -> Item:
    concepts = _concepts(row)
    path, _, line = row.where.rpartition(":")
    # Not row.where: the same file must have the same ids wherever it lies.
    name = row.optional("id") or f"{Path(path).name}:{line}"
    question = (
        "Write a sentence or a short paragraph that makes sense and uses all of these words. Their "
        "order is up to you, and a word may change its form, as in a plural or another tense.\n"
        f"Words: {', '.join(concepts)}"
    )
    example = Example(name, {"question": question}, (), " ".join(sorted(concepts)))
    facts = {"concepts": "\n".join(concepts), "matching": rules}
    return Item(example, _reference(row, concepts), facts)


def _concepts(row: Row) -> list[str]:
    """The words to be used, without tags of parts of speech, each once."""
    if "concepts" in row.fields:
        named, given = "concepts", row.texts("concepts")
    else:
        if "concept_set" not in row.fields:
            raise row.error(
                f"there is neither 'concepts' nor 'concept_set'; {row.there('concepts')}"
            )
        named = "concept_set"
        text = row.text(named)
        if text.lstrip().startswith(("{", "[")):
            raise row.error(f"{named!r} looks like JSON; give it a file called .jsonl")
        by = _COMMAS if re.search("[,;]", text) else _SEPARATOR
        given = [each for each in by.split(text) if each.strip()]
    concepts = [" ".join(_POS.sub("", each.strip()).replace("_", " ").split()) for each in given]
    for shown, concept in zip(given, concepts, strict=True):
        if not words(concept) or _NO_WORD.search(concept):
            raise row.error(f"{named!r} holds {shown!r}, which is no word")
    if not concepts:
        raise row.error(f"{named!r} holds no words")
    if len(concepts) > _MOST:
        raise row.error(f"{named!r} holds {len(concepts):,} words: a set has at most {_MOST}")
    return list(dict.fromkeys(concepts))


def _reference(row: Row, concepts: Sequence[str]) -> str | None:
    """A text that holds all concepts: the given one; else the first of people's that does.

    Raises:
        UserError: the ``reference`` that is given lacks some of them.
    """
    if row.optional("reference"):
        reference = row.text("reference")
        if lacking := missing(concepts, reference):
            raise row.error(f"'reference' lacks {', '.join(lacking)}")
        return reference
    for name in ("scene", "target"):
        value = row.fields.get(name)
        texts = [row.text(name)] if isinstance(value, str) else row.texts(name, [])
        for text in texts:
            if not missing(concepts, text):
                return text
    return None


def _judge(item: Item, answer: Answer) -> Grade:
    concepts = str(item.facts["concepts"]).split("\n")
    lacking = missing(concepts, answer.text)
    values = {
        "all_covered": float(not lacking),
        "words": float(len(words(answer.text))),
        "listed": float(is_listed(concepts, answer.text)),
        "claims_all": float(claims_all(answer.text)),
    }
    return Grade((len(concepts) - len(lacking)) / len(concepts), values=values)


def _figures() -> dict[str, Share]:
    found = {
        name: Share(
            lambda columns, name=name: columns[name],  # type: ignore[misc]
            label=name.replace("_", " "),
            text=text,
            better="higher" if name == "all_covered" else None,
        )
        for name, text in COLUMNS.items()
    }
    right = (
        "Of the texts that say of themselves that every concept is there, the share in which it is."
    )
    found["claims_right"] = Share(_claims_right, "claims that are right", right, better="higher")
    return found


def _claims_right(columns: Mapping[str, Floats]) -> Floats:
    return np.where(columns["claims_all"] == 1, columns["all_covered"], np.nan)
