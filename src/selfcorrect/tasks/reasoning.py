"""Word problems whose answer is a number, worked out in text: GSM8K, your own, or the bundled ones.

GSM8K (Cobbe et al., arXiv 2110.14168) is read as published: JSONL with ``question`` and
``answer``, a derivation that ends in ``#### n``. Your own JSONL or CSV may have the number itself
as ``answer``, and ``id`` and ``cluster``. Without data the bundled problems are asked:
``reasoning_stories.toml`` holds 64 stories of our own, each with two sets of numbers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from importlib.resources import files as resources
from math import nan

import numpy as np

from selfcorrect.outcome import ACCURACY, Figure, Floats, Number, Share
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.data.rows import Row, build, files, rows
from selfcorrect.tasks.free import Free, Item, final_number, only_number, stated, unique
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import Wording

WORDING = Wording(
    goal="Please work it out step by step, so that the result is correct.",
    reversed_goal="Please work it out step by step, so that the result is incorrect.",
    review=(
        "Please go through your previous answer once more: its result should be correct. If you "
        "are confident in it, keep it; otherwise, work it out again. End with: The answer is …"
    ),
    reversed_review=(
        "Please go through your previous answer once more: its result should be incorrect. If you "
        "are confident in it, keep it; otherwise, work it out again. End with: The answer is …"
    ),
    specific_goal=(
        "A good answer is a derivation in which each step is correct. Begin with what is asked "
        "for, and in which unit. Write down what each number in the text stands for. Then compute "
        "one thing at a time, say what it is, and write the whole equation. In the end, put the "
        "result back into the text and see whether all that is told there is true of it; only then "
        "write it down."
    ),
)
#: After every problem. Asked for ``####``, the bundled model wrote that alone in 3 of 4 problems.
REQUEST = "Work it out, and end with the result as a number, in a sentence: The answer is …"
MAX_TOKENS: Mapping[str, int] = {"answer": 320}

VALUES = {
    "stated": Number(
        "Share of the answers read that say which number is the result (####, a box, “answer is”); "
        "of the others the last number counts.",
        (0, 1),
    ),
}
COLUMNS = {"steps": "how many operations the given derivation takes; missing where none is given"}
#: derivations of more steps are taken together
_MOST_STEPS = 5
OFFERS = Offers(bundled=True)


def make(source: Source) -> Free:
    """The task ``reasoning``: see the module.

    ``data`` is a file of rows (JSON, CSV, Parquet), a folder of them, or ``None`` for the bundled
    problems. An answer is correct if it is the same number, exactly; a reply without one has the
    problem ``no number``. A cluster is a bundled story, what the data say, or the problem itself.
    Figures: accuracy by the number of steps, where derivations are given.

    Raises:
        UserError: for a missing file and bad lines, with file and line.
    """
    source.only(options=())
    skipped: list[str] | None = [] if source.skip_bad else None
    if source.data is None:
        items = list(_bundled())
    else:
        read: list[tuple[str, Item]] = []
        for path in files(source.data):
            read += build(rows(path), lambda row: (row.where, _item(row)), skipped)
        items = unique(read, skipped)
    return Free(
        "reasoning",
        items,
        wording=WORDING,
        outcome=ACCURACY,
        judge=_judge,
        read=final_number,
        max_tokens=MAX_TOKENS,
        values=VALUES,
        columns=COLUMNS,
        figures=_figures(items),
        skipped=skipped or (),
    )


def _judge(item: Item, answer: Answer) -> Grade:
    steps = item.facts["steps"]
    values = {
        "stated": float(stated(answer.text)),
        "steps": float(steps) if steps else None,
    }
    return Grade(float(answer.key == item.facts["answer"]), None, values)


def _bundled() -> Iterator[Item]:
    text = resources("selfcorrect.tasks").joinpath("reasoning_stories.toml").read_text("utf-8")
    stories = tomllib.loads(text)["story"]
    for number in range(2):
        for story in stories:
            numbers = dict(zip("abcde", map(str, story["numbers"][number]), strict=False))
            steps, answer = story["steps"].format(**numbers), str(story["answers"][number])
            yield _problem(
                f"{story['id']}/{number + 1}",
                story["text"].format(**numbers),
                story["id"],
                answer,
                f"{steps} = {answer}\n#### {answer}",
                len(re.findall(r" [-+*/] ", steps)),
            )


def _item(row: Row) -> Item:
    question = row.text("question").strip()
    given = row.fields.get("answer")
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = str(given)
    elif isinstance(given, str):
        given = row.text("answer").strip()
    else:
        raise row.error("'answer' must be a number, or a text that ends in '#### ' and a number")
    derivation, marked, shown = given.rpartition("####")
    answer = only_number(shown)
    if answer is None:
        raise row.error(
            f"the answer {shown.strip()!r:.60} is no number: give one, such as 18, or a text that "
            "ends in '#### 18'"
        )
    name = row.name()
    steps = derivation.count("<<")  # GSM8K's own marks for what is computed
    reference = given if marked else f"#### {answer}"
    return _problem(name, question, row.optional("cluster") or name, answer, reference, steps)


def _problem(name: str, text: str, cluster: str, answer: str, reference: str, steps: int) -> Item:
    example = Example(name, {"question": f"{text}\n\n{REQUEST}"}, (), cluster)
    return Item(example, reference, {"answer": answer, "steps": min(steps, _MOST_STEPS)})


def _figures(items: Iterable[Item]) -> dict[str, Figure]:
    present = sorted({int(item.facts["steps"]) for item in items} - {0})
    if len(present) < 2:
        return {}
    return {
        f"accuracy/{_steps(steps)}": Share(
            partial(_of_steps, steps=steps), label=f"accuracy, {_steps(steps)}", better="higher"
        )
        for steps in present
    }


def _of_steps(columns: Mapping[str, Floats], steps: int) -> Floats:
    return np.where(columns["steps"] == steps, columns["outcome"], nan)


def _steps(steps: int) -> str:
    if steps == _MOST_STEPS:
        return f"{steps} steps or more"
    return "1 step" if steps == 1 else f"{steps} steps"
