"""In which columns known data sets keep question, choices and answer.

A data set more is an entry more in :data:`LAYOUTS`, and a test. They are found by their columns;
the first that fits is taken, so that those with more columns stand before those with fewer. Where
none does, usual names say what is what (:mod:`selfcorrect.tasks.data.usual_names`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks.data.cells import MISSING, pick
from selfcorrect.tasks.data.row import Row, nearest_column, there
from selfcorrect.tasks.data.usual_names import command, found_in, inside, named, turned_round

#: What a right answer may be called, the first that is there.
ANSWERS = "answer|target|label|gold"
#: What is read before a question may be called.
CONTEXTS = "context|passage|article|paragraph|story|document|premise"


#: Columns of a question's pictures.
IMAGES = "image|images|image_path|image_paths|image_file|img|img_path|picture|pictures|photo"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a data set keeps what a question needs; each a path as of
    :func:`selfcorrect.tasks.data.cells.pick`.

    Attributes:
        name: of the data set; empty for one's own.
        question: its text.
        choices: one path of a list, or one for each choice; those at the end may be missing or
            empty. If only the first is right, ``first`` says so.
        answer: which choice is right; empty where it is the first.
        ask: the question, where the data have none; ``question`` is then its context.
        names: what the data call the choices, where an answer is one of these.
        stated: how the data set's authors say that answers are to be read, one of
            :data:`selfcorrect.tasks.lettered.targets.READINGS`; empty leaves it to the column.
        context, image: a path, or empty.
        id, cluster: paths whose values are joined.
        needs: further columns by which it is known.
        filler: a choice of this text is none.
        first: the first choice is the right one, so they are shown in an order that is drawn; one
            that stands twice is shown once.
    """

    name: str
    question: str
    choices: tuple[str, ...]
    answer: str = ANSWERS
    ask: str = ""
    names: str = ""
    stated: str = ""
    context: str = CONTEXTS
    image: str = IMAGES
    id: tuple[str, ...] = ("id",)
    cluster: tuple[str, ...] = ("cluster",)
    needs: tuple[str, ...] = ()
    filler: str = ""
    first: bool = False

    def fits(self, row: Row) -> bool:
        """Whether a row has what it takes."""
        wanted = [self.question, *self.choices[:2], *self.needs, *filter(None, [self.names])]
        if not self.first:
            wanted.append(self.answer)
        return all(pick(row.fields, path) is not MISSING for path in wanted)

    def told(self, row: Row) -> str:
        """Which columns mean what, of data that it fits."""
        parts = {"question": [self.question], "choices": self.choices, "answer": [self.answer]}
        if self.first:
            parts["answer"] = self.choices[:1]
        if not self.ask and _there(row.fields, self.context):
            parts = {"context": [self.context], **parts}
        said = []
        for part, paths in parts.items():
            found = [_there(row.fields, path) for path in paths]
            names = [f"{name.removesuffix(';'):.60}" for name in found if name]
            said.append(f"{part} = {_some(names)}")
        if not self.name and (rest := [f"{name:.60}" for name in row.fields if self._leaves(name)]):
            said.append(f"not shown: {_some(rest)}")
        return "; ".join(said)

    def _leaves(self, name: str) -> bool:
        """Whether a column is of no use."""
        paths = [self.question, *self.choices, self.answer, self.context, self.image, self.names]
        each = (*paths, *self.id, *self.cluster)
        used = {p.split(".")[0] for path in each for p in path.split("|")}
        return name not in used and name not in each


def _there(fields: Mapping[str, Any], path: str) -> str:
    """The one of several paths that is there; empty if none is."""
    if path in fields:
        return path
    return next((p for p in path.split("|") if pick(fields, p) is not MISSING), "")


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:6])}{', …' if len(names) > 6 else ''}"


_LETTERS = tuple("ABCDEF")
_LETTERED = tuple(f"choice_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")


def _keyed(name: str, question: str, *needs: str) -> Layout:
    """A layout of AI2's kind: the choices have labels, of which ``answerKey`` is one."""
    return Layout(
        name,
        question,
        ("question.choices.text|choices.text",),
        "answerKey",
        names="question.choices.label|choices.label",
        stated="name",
        needs=needs,
    )


#: Known data sets. Where each layout is described stands beside it.
LAYOUTS: tuple[Layout, ...] = (
    # hub tau/commonsense_qa; www.tau-nlp.org/commonsenseqa
    _keyed(
        "CommonsenseQA", "question.stem|question", "question.question_concept|question_concept"
    ),
    # hub allenai/openbookqa; published, questions look as those of ARC do
    _keyed("OpenBookQA", "question_stem"),
    # hub allenai/ai2_arc; allenai.org/data/arc: options are called A, B, … or 1, 2, …
    _keyed("ARC", "question.stem|question"),
    # hub TIGER-Lab/MMLU-Pro: answer is a letter, answer_index counts from 0; version 1.1 fills
    # up to ten options with N/A
    Layout(
        "MMLU-Pro", "question", ("options",), "answer_index", stated="index-from-0",
        id=("question_id",), needs=("category", "cot_content"), filler="N/A",
    ),
    # hub cais/mmlu: answer counts from 0
    Layout("MMLU", "question", ("choices",), "answer", stated="index-from-0", needs=("subject",)),
    # hub Rowan/hellaswag; github.com/rowanz/hellaswag: label counts from 0
    Layout(
        "HellaSwag", "ctx", ("endings",), "label", stated="index-from-0",
        ask="How does this most plausibly go on?", id=(), cluster=("source_id",),
        needs=("activity_label",),
    ),
    # github.com/sylinrl/TruthfulQA, the CSV; hub truthfulqa/truthful_qa, generation
    Layout(
        "TruthfulQA (mc1)", "Question|question",
        ("Best Answer|best_answer", "Incorrect Answers;|incorrect_answers"), first=True,
        cluster=("Category|category",), needs=("Category|category",),
    ),
    # the same, multiple_choice: {"choices": […], "labels": [1, 0, …]}; the right one comes first
    Layout(
        "TruthfulQA (mc1)", "question", ("mc1_targets.choices",), "mc1_targets.labels",
        stated="flags", first=True,
    ),
    # the same, mc_task.json: {"text": 1, "text": 0, …}
    Layout(
        "TruthfulQA (mc1)", "question", ("mc1_targets.keys()",), "mc1_targets.values()",
        stated="flags", first=True,
    ),
    # hub ybisk/piqa: label counts from 0
    Layout("PIQA", "goal", ("sol1", "sol2"), "label", stated="index-from-0"),
    # hub allenai/winogrande; winogrande.allenai.org: answer counts from 1
    Layout(
        "WinoGrande", "sentence", ("option1", "option2"), "answer", stated="index-from-1",
        ask="Which option belongs in the place of the blank (_)?", id=("qID",),
    ),
    # hub Idavidrein/gpqa: no order is given, so one is drawn
    Layout(
        "GPQA", "Question",
        ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
        id=("Record ID",), first=True,
    ),
    # github.com/nyu-mll/BBQ and its mirrors on the hub, such as Elfsong/BBQ (answer_label)
    Layout(
        "BBQ", "question", ("ans0", "ans1", "ans2"), "answer_label|label", stated="index-from-0",
        id=("category", "example_id"), cluster=("category", "question_index"), needs=("context",),
    ),
    # columns of letters, as C-Eval, CMMLU and many an export of MMLU have them
    Layout("", "question|Question", _LETTERS, f"{ANSWERS}|Answer"),
    # one's own
    Layout("", "question", _LETTERED),
    Layout("", "question", ("choices.text",), names="choices.label"),
    Layout("", "question", ("choices|options",)),
)  # fmt: skip

_EMPTY = (MISSING, None, "")
#: So many rows are looked at.
_LOOK = 100
#: What a user may say with ``--field``.
PARTS = ("question", "choices", "answer", "context", "id", "cluster", "image")


def layout_of(rows: Sequence[Row], said: Mapping[str, Sequence[str]]) -> Layout:
    """The layout of data, by what the user says of their columns, else by the columns.

    Args:
        rows: all of them; the first that has what a layout needs decides.
        said: part → columns.

    Raises:
        UserError: the user names a part or a column that there isn't; nothing fits, with what is
            there.
    """
    looked, row = rows[:_LOOK], rows[0]
    said = {part: _columns(part, columns, looked) for part, columns in said.items()}
    known = [_with(each, said) for each in LAYOUTS if not said or not each.name]
    for some in looked:  # the first may be a bad line
        for each in known:
            if each.fits(some):
                return _settled(_whole(each, some, rows, said), rows)
    # a row may leave out its last options: of all columns first
    for some in (replace(row, fields=_columns_of(rows)), *looked):
        own = _by_usual_names(some, said)
        if own is not None and any(own.fits(each) for each in looked):
            return _settled(own, rows)
    raise _unknown(row, said)


def _columns_of(rows: Sequence[Row]) -> dict[str, Any]:
    """All columns of data, each with what it holds where it is first there."""
    found: dict[str, Any] = {}
    for row in rows:
        found.update({name: row.fields[name] for name in row.fields.keys() - found.keys()})
    order = dict.fromkeys(name for row in rows for name in row.fields)
    return {name: found[name] for name in order}


def _whole(
    layout: Layout, row: Row, rows: Sequence[Row], said: Mapping[str, Sequence[str]]
) -> Layout:
    """One's own layout with all its options: columns go on behind those that it has.

    Raises:
        UserError: other columns could be the options as well.
    """
    if layout.name or "choices" in said:
        return layout
    fields = _columns_of(rows)
    found = found_in(fields, said)
    if "choices" in found.open:
        raise _unknown(replace(row, fields=fields), said)
    lettered = layout.choices == _LETTERS
    if lettered and all(name in fields for name in (*_LETTERS, "G")):
        if found.gap:
            raise row.error(found.gap)
        return replace(layout, choices=found.columns.get("choices", layout.choices))
    return layout


def _columns(part: str, columns: Sequence[str], looked: Sequence[Row]) -> list[str]:
    """The columns that a user says for a part, each as the data write it."""
    there_are = list(dict.fromkeys(name for each in looked for name in each.fields))
    if part not in PARTS:
        if len(columns) == 1 and columns[0] in PARTS:
            raise UserError(turned_round(part, columns[0]))
        raise UserError(f"there is no field {part!r} of a question: {nearest(part, PARTS)}")
    found = []
    for column in columns:
        if all(pick(each.fields, column) is MISSING for each in looked):
            same = named(there_are, column)
            if len(same) != 1:
                row = looked[0]
                raise row.error(
                    f"there is no column {column!r} for {part}; "
                    f"{there(row.form, row.fields, column)}"
                )
            column = same[0]
        found.append(column)
    return found


def _by_usual_names(row: Row, said: Mapping[str, Sequence[str]]) -> Layout | None:
    """The layout that the usual names of columns say; ``None`` where a part isn't found."""
    found = found_in(row.fields, said)
    if found.gap or len({*found.columns, *said} & {"question", "choices", "answer"}) < 3:
        return None
    columns = {part: list(each) for part, each in found.columns.items()} | dict(said)
    choices, names = tuple(columns["choices"]), ""
    if len(choices) == 1 and "choices" not in said:
        path, names = inside(row.fields, choices[0])
        choices = (path,)
    own = Layout("", columns["question"][-1], choices, columns["answer"][-1], names=names)
    return _with(own, {part: each for part, each in said.items() if part != "choices"})


def _settled(layout: Layout, rows: Sequence[Row]) -> Layout:
    """A layout in which the answer, and what is read before the question, have one column each: of
    those that they may be in the first that isn't empty from end to end."""
    found: dict[str, Any] = {}
    for part, paths in {"answer": layout.answer, "context": layout.context}.items():
        each = paths.split("|")
        filled = (p for p in each if any(pick(r.fields, p) not in _EMPTY for r in rows))
        found[part] = next(filled, paths)
    return _whatever_the_case(replace(layout, **found), rows)


def _whatever_the_case(layout: Layout, rows: Sequence[Row]) -> Layout:
    """One's own layout with what it finds beside question, choices and answer, whatever the case
    and the blanks of its columns: ``Passage`` is one, and ``ID``."""
    if layout.name:
        return layout
    columns = list(dict.fromkeys(name for row in rows[:_LOOK] for name in row.fields))
    found: dict[str, Any] = {}
    for part in ("context", "image", "id", "cluster"):
        path = getattr(layout, part)
        each = path.split("|") if isinstance(path, str) else list(path)
        if any(pick(row.fields, p) is not MISSING for row in rows[:_LOOK] for p in each):
            continue
        same = [column for p in each for column in named(columns, p) if layout._leaves(column)]
        if len(same) == 1:
            found[part] = same[0] if isinstance(path, str) else (same[0],)
    return replace(layout, **found)


def _with(layout: Layout, said: Mapping[str, Sequence[str]]) -> Layout:
    """A layout with the columns that a user names in place of its own."""
    changes: dict[str, Any] = {}
    for part, columns in said.items():
        changes[part] = tuple(columns) if part in ("choices", "id", "cluster") else columns[-1]
    if "choices" in said:
        changes["names"] = ""
    return replace(layout, **changes)


def _unknown(row: Row, said: Mapping[str, Sequence[str]]) -> UserError:
    """What is missing for a layout of one's own, and what is there instead."""
    found = found_in(row.fields, said)
    if problem := left_out(row) or ("choices" not in found.columns and found.gap):
        return row.error(problem)
    wanted = ("question", "choices", "answer")
    lacking = [part for part in wanted if part not in said and part not in found.columns]
    lacking = lacking or ["choices"]
    several = [
        f"{' or '.join(map(repr, columns))} may be the {part}"
        for part, columns in found.open.items()
    ]
    guess = {part: nearest_column(part, row.fields) for part in lacking if part not in found.open}
    more = f" ({'; '.join(several)})" if several else ""
    return row.error(
        f"no column is known by its name as {_and(lacking)}{more}; "
        f"{there(row.form, row.fields)}; say which it is with {command(lacking, guess.get)}"
    )


def _and(names: Sequence[str]) -> str:
    """Names as a sentence has them."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def left_out(row: Row) -> str:
    """What is wrong with columns ``choice_a``, …: a letter is left out, so that the letters of
    answers would be shifted; empty if none is."""
    columns = [name for name in row.fields if name in _LETTERED]
    missing = [name for name in _LETTERED[: len(columns)] if name not in columns]
    return f"there is a column {max(columns)!r} but no {missing[0]!r}" if missing else ""
