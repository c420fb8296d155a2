"""In which columns known data sets keep question, choices and answer.

A data set more is an entry more in :data:`LAYOUTS`, and a test. They are found by their columns;
the first that fits is taken, so that those with more columns stand before those with fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks.data.cells import MISSING, pick
from selfcorrect.tasks.data.row import Row, there

#: What a right answer may be called, the first that is there.
ANSWERS = "answer|target|label|gold"
#: What is read before a question may be called.
CONTEXTS = "context|passage|article|paragraph|story|document|premise"


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
    image: str = "image|images"
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
        used = {
            p.split(".")[0] for path in (*paths, *self.id, *self.cluster) for p in path.split("|")
        }
        return name not in used


def _there(fields: Mapping[str, Any], path: str) -> str:
    """The one of several paths that is there; empty if none is."""
    if path in fields:
        return path
    return next((p for p in path.split("|") if pick(fields, p) is not MISSING), "")


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:6])}{', …' if len(names) > 6 else ''}"


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
    Layout("", "question|Question", ("A", "B", "C", "D", "E", "F"), f"{ANSWERS}|Answer"),
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
    for part, columns in said.items():
        if part not in PARTS:
            raise UserError(f"there is no field {part!r} of a question: {nearest(part, PARTS)}")
        for column in columns:
            if all(pick(each.fields, column) is MISSING for each in looked):
                raise row.error(
                    f"there is no column {column!r} for {part}; "
                    f"{there(row.form, row.fields, column)}"
                )
    known = [_with(each, said) for each in LAYOUTS if not said or not each.name]
    for some in looked:  # the first may be a bad line
        for each in known:
            if each.fits(some):
                return _settled(each, rows)
    raise _unknown(row, said)


def _settled(layout: Layout, rows: Sequence[Row]) -> Layout:
    """A layout in which the answer, and what is read before the question, have one column each: of
    those that they may be in the first that isn't empty from end to end."""
    found: dict[str, Any] = {}
    for part, paths in {"answer": layout.answer, "context": layout.context}.items():
        each = paths.split("|")
        filled = (p for p in each if any(pick(r.fields, p) not in _EMPTY for r in rows))
        found[part] = next(filled, paths)
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
    if problem := left_out(row):
        return row.error(problem)
    own = {"question": "question", "choices": "choices|options|choice_a|A", "answer": ANSWERS}
    lacking = [
        part for part, path in own.items() if part not in said and pick(row.fields, path) is MISSING
    ]
    part = lacking[0] if lacking else "choices"
    others = f" (nor {' or '.join(map(repr, lacking[1:]))})" if lacking[1:] else ""
    return row.error(
        f"the field {part!r} is missing{others}, and the fields are those of no known data set "
        f"({', '.join(_known())}); {there(row.form, row.fields, part)}; say which it is with "
        f"--field {part}=FIELD"
    )


def left_out(row: Row) -> str:
    """What is wrong with columns ``choice_a``, …: a letter is left out, so that the letters of
    answers would be shifted; empty if none is."""
    columns = [name for name in row.fields if name in _LETTERED]
    missing = [name for name in _LETTERED[: len(columns)] if name not in columns]
    return f"there is a column {max(columns)!r} but no {missing[0]!r}" if missing else ""


def _known() -> Iterable[str]:
    return dict.fromkeys(each.name for each in LAYOUTS if each.name)
