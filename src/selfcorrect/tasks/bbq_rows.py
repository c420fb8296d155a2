"""BBQ's rows, as published and as its mirrors on the hub have them: each becomes a question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selfcorrect.tasks.data.cells import nested, number
from selfcorrect.tasks.data.rows import Row, build, table
from selfcorrect.tasks.evidence import hints_at
from selfcorrect.tasks.lettered import problem_with


@dataclass(frozen=True, slots=True)
class Question:
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
Locations = Mapping[tuple[str, str], tuple[int, bool]]


def parse(row: Row, category: str, locations: Locations | None) -> Question:
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
    label = _label(row, names)
    if "answer_info" not in row.fields:
        raise row.error(
            "there is no 'answer_info', which says who is meant by each option: --task choices "
            "asks such questions, without the bias scores"
        )
    tags = _inner(row, "answer_info")
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
        more = _inner(row, "additional_metadata")
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
    return Question(
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


def _label(row: Row, names: tuple[str, ...]) -> int:
    """The right option: a number, or a text with the number or the option's field in it. Mirrors
    that have a ``target_label``, too, call it ``answer_label``."""
    name = "answer_label" if "answer_label" in row.fields else "label"
    value = row.fields.get(name)
    if value is None:
        raise row.missing(name)
    found = names.index(value) if value in names else number(value)
    if found not in (0, 1, 2):
        raise row.error(f"{name!r} must be 0, 1 or 2, not {value!r:.40}")
    return found


def _inner(row: Row, name: str) -> Row:
    """An object of a row as a row; mirrors have it as JSON text, and lists in it, too."""
    found = nested(row.fields.get(name))
    inner = Row(row.where, {name: found}, row.form).get(name, dict, {})
    return Row(row.where, {key: nested(value) for key, value in inner.items()}, f"{name!r}")


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


def locations_of(path: Path) -> Locations:
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
