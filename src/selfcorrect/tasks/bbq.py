"""BBQ, the Bias Benchmark for QA (Parrish et al., arXiv 2110.08193), from its published JSONL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks import bias
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.data.hub import dataset_files
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.rows import Row, array, build, files, jsonl, table
from selfcorrect.tasks.evidence import EVIDENCE, hints_at, made
from selfcorrect.tasks.lettered import Item, Lettered, problem_with, unique
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import UNBIASED

#: where the published files lie on the hub
HUB = "hub:heegyu/bbq"
#: the published target locations, if they lie beside the data
METADATA = "additional_metadata.csv"


@dataclass(frozen=True, slots=True)
class _Question:
    """One line of the data, checked; indices are those of the published order of options.

    Attributes:
        biased: whom a biased reader would name, polarity folded in.
        hints: the data's own sentences that hint at a person, by person.
    """

    where: str
    id: str
    cluster: str
    category: str
    ambiguous: bool
    context: str
    question: str
    choices: tuple[str, ...]
    label: int
    unknown: int
    biased: int | None
    negative: bool
    hints: Mapping[int, str]

    @property
    def people(self) -> list[int]:
        return [i for i in range(3) if i != self.unknown]

    @property
    def stereotyped(self) -> int | None:
        """Who is the stereotyped person, whatever is asked."""
        if self.biased is None or self.negative:
            return self.biased
        return next(i for i in self.people if i != self.biased)


#: (category, example id) → index of the biased answer, and whether people are given by names
_Locations = Mapping[tuple[str, str], tuple[int, bool]]


def make(source: Source) -> Lettered:
    """The task ``bbq``.

    ``data`` is a file, a folder of ``*.jsonl``, ``hub:owner/name``, or ``None`` for the hub's copy
    of the published files; a file ``*.json`` holds them in a list. Options: ``condition``
    (``ambiguous``, ``disambiguated``, ``both``); ``shuffle`` (the options in an order drawn from
    the seed and the example's id, instead of the published one); ``metadata`` (the published file
    of target locations; taken by itself if it lies in the data's folder; without it they are
    derived, see :func:`biased_answer`); ``evidence`` (``stereotyped``, ``other``, ``neither``): the
    ambiguous questions alone of which the biased answer is known, with a sentence that hints at
    that answer's person, at the other one, or with none.

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
    found = dataset_files(data, "bbq") if data.startswith("hub:") else files(data)
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


def _found_locations(source: Source, found: list[Path]) -> _Locations | None:
    """The published target locations, where they are named or lie beside the data."""
    metadata, beside = source.option("metadata", ""), found[0].parent / METADATA
    if metadata or beside.is_file():
        return _locations(Path(metadata).expanduser() if metadata else beside)
    return None


def _evidence(source: Source) -> str | None:
    return source.one_of("evidence", "", ("", *EVIDENCE)) or None


def _hinted(q: _Question, evidence: str, seed: int) -> _Question | None:
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
    locations: _Locations | None,
    skipped: list[str] | None,
) -> list[_Question]:
    """The questions of the categories asked for; a file named like one is taken whole."""
    wanted = {_plain(name): name for name in categories}
    named = {_plain(path.stem) for path in found}
    if wanted and wanted.keys() <= named:  # the other files need not be read
        found = [path for path in found if _plain(path.stem) in wanted]
    known: dict[str, str] = {}
    questions: list[_Question] = []
    for path in found:
        whole = _plain(path.stem) in wanted

        def parse(row: Row, whole: bool = whole) -> _Question | None:
            category = row.text("category")
            known.setdefault(_plain(category), category)
            if wanted and not whole and _plain(category) not in wanted:
                return None
            return _parse(row, category, locations)

        rows = array(path) if path.suffix.casefold() == ".json" else jsonl(path)
        questions += build(rows, parse, skipped)
    missing = [name for plain, name in wanted.items() if plain not in named | known.keys()]
    if missing:
        raise UserError(
            f"the data have no category {missing[0]!r}: {nearest(missing[0], known.values())}"
        )
    return questions


def _parse(row: Row, category: str, locations: _Locations | None) -> _Question:
    number = row.word("example_id")
    conditions = {"ambig": True, "disambig": False}
    condition = row.text("context_condition")
    polarity = row.text("question_polarity")
    if condition not in conditions:
        raise row.error(f"'context_condition' must be ambig or disambig, not {condition!r}")
    if polarity not in ("neg", "nonneg"):
        raise row.error(f"'question_polarity' must be neg or nonneg, not {polarity!r}")
    names = ("ans0", "ans1", "ans2")
    choices = tuple(row.text(name) for name in names)
    problem = problem_with(choices)
    if problem:
        raise row.error(problem)
    label = row.get("label", int)
    if label not in (0, 1, 2):
        raise row.error(f"'label' must be 0, 1 or 2, not {label}")

    tags = Row(row.where, row.get("answer_info", dict))
    infos = [tags.texts(name) for name in names]
    if any(len(info) < 2 for info in infos):
        raise row.error("each entry of 'answer_info' must be a list of a name and a tag")
    unknown = [i for i, info in enumerate(infos) if info[1] == "unknown"]
    if len(unknown) != 1:
        raise row.error(
            f"one option must have the tag 'unknown' in 'answer_info', not {len(unknown)}"
        )
    if (label == unknown[0]) != conditions[condition]:
        raise row.error(f"the label {label} doesn't fit the condition {condition!r}")

    if locations is None:
        more = Row(row.where, row.get("additional_metadata", dict, {}))
        groups = more.texts("stereotyped_groups", [])
        told = row.fields.get("target_loc")
        biased = (
            told
            if type(told) is int and told in (0, 1, 2)
            else biased_answer(infos, groups, negative=polarity == "neg")
        )
        by_name = _by_name(infos)
    else:
        biased, by_name = locations.get((category, number), (None, _by_name(infos)))
    return _Question(
        where=row.where,
        id=f"{category}/{number}",
        cluster=f"{category}/{row.word(_index(row))}",
        category=f"{category} (names)" if by_name else category,
        ambiguous=conditions[condition],
        context=row.text("context"),
        question=row.text("question"),
        choices=choices,
        label=label,
        unknown=unknown[0],
        biased=biased,
        negative=polarity == "neg",
        hints=_hints(row, choices, infos, unknown[0]),
    )


def _index(row: Row) -> str:
    """The field of the question's template; of the data with weak evidence it has another name."""
    names = "question_index", "question_index_x"
    return names[names[0] not in row.fields and names[1] in row.fields]


def _hints(
    row: Row, choices: tuple[str, ...], infos: list[list[str]], unknown: int
) -> Mapping[int, str]:
    """The data's own weak evidence, by the person that it hints at; empty where there is none."""
    sentences = row.texts("weak_evidence", [])
    if not sentences:
        return {}
    if len(sentences) != 2 or not all(each.strip() for each in sentences):
        raise row.error("'weak_evidence' must be two sentences, one hinting at each person")
    people = [i for i in range(3) if i != unknown]
    at = hints_at(sentences[0], [(choices[i], infos[i][0]) for i in people])
    if at is None:
        return {}
    return {people[at]: sentences[0].strip(), people[1 - at]: sentences[1].strip()}


def biased_answer(infos: list[list[str]], stereotyped: list[str], *, negative: bool) -> int | None:
    """Which option a biased reader would choose: BBQ's target location, derived.

    The stereotyped person is the one whose tag is one of the stereotyped groups; if none is, the
    one whose name is (Nationality tags regions and names the nationality). A negative question's
    target is that person, a non-negative one's the other, so polarity is folded in already.

    Args:
        infos: name and tag of each option, from ``answer_info``.
        stereotyped: from ``additional_metadata.stereotyped_groups``.
        negative: the question's polarity.

    Returns:
        An index, or ``None`` where no option or more than one matches.
    """
    people = [i for i, info in enumerate(infos) if info[1] != "unknown"]
    matches = [i for i in people if infos[i][1] in stereotyped]
    if not matches:
        matches = [i for i in people if infos[i][0] in stereotyped]
    if len(matches) != 1 or len(people) != 2:
        return None
    return matches[0] if negative else people[1 - people.index(matches[0])]


def _by_name(infos: list[list[str]]) -> bool:
    """Whether the people are proper names: then a tag holds the name's gender (F-Black, trans_F).

    The published scores keep these apart, as "Race_ethnicity (names)".
    """
    return any({"F", "M"} & set(re.split("[-_]", info[1])) for info in infos)


def _locations(path: Path) -> _Locations:
    """Read the published file of target locations (already flipped by polarity)."""
    found: dict[tuple[str, str], tuple[int, bool]] = {}

    def line(row: Row) -> None:
        location = row.get("target_loc", str)
        if location in ("", "NA"):
            return
        if location not in ("0", "1", "2"):
            raise row.error(f"'target_loc' must be 0, 1 or 2, not {location!r}")
        by_name = row.get("label_type", str, "") == "name"
        found[row.text("category"), row.text("example_id")] = (int(location), by_name)

    build(table(path), line, None)
    return found


def _item(q: _Question, category: int, seed: int | None) -> Item:
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
    found = dataset_files(data, "bbq") if data.startswith("hub:") else files(data)
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
    found = files(data)
    beside = found[0].parent / METADATA
    locations = _locations(beside) if beside.is_file() else None
    made = []
    for q in _read(found, (), locations, None):
        people = [i for i in range(3) if i != q.unknown]
        named = None if q.biased not in people else q.choices[q.biased]
        other = next(q.choices[i] for i in people if i != q.biased)
        made.append((q.cluster, q.question, named, other))
    return made
