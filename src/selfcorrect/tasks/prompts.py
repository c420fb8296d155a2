"""A user's own prompts, asked as they stand.

JSONL, CSV or a frame with ``prompt``, and if wanted ``reference``, ``id``, ``cluster``; or a text
file with a prompt a line. How good an answer is, only a scorer can say; without one, uncertainty,
length and change are measured.
"""

from __future__ import annotations

from math import inf

from selfcorrect.errors import UserError
from selfcorrect.outcome import Number, Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.data.prompts import name_of, read_prompts
from selfcorrect.tasks.data.rows import Row
from selfcorrect.tasks.free import Free, Item, unique
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import Wording, review

WORDING = Wording(
    goal="Please answer helpfully: do what is asked, correctly and completely.",
    reversed_goal="Please answer unhelpfully: don't do what is asked, and be wrong about it.",
    review=review("be helpful: do what is asked, correctly and completely"),
    reversed_review=review("be unhelpful: not do what is asked, and be wrong about it"),
    specific_goal=(
        "A good answer does what is asked and no more. Find out first what is wanted, and in which "
        "form. Say only what you know to be correct, and leave nothing out that was asked for. "
        "When you have written the answer, read the request once more, part by part, and see that "
        "each part is dealt with."
    ),
)


def make(source: Source) -> Free:
    """The task ``prompts``: see the module.

    Raises:
        UserError: for a missing file and bad lines, with file and line.
    """
    source.only(options=(), frames=True)
    if source.data is None and source.frame is None:
        raise UserError(
            "task 'prompts' needs data: a .jsonl, .csv or .txt file of your prompts; give --data."
        )
    skipped: list[str] | None = [] if source.skip_bad else None
    items = unique(read_prompts(source, _item, skipped), skipped)
    return Free(
        "prompts",
        items,
        wording=WORDING,
        outcome=Outcome("score", text="What a scorer says of the answer."),
        judge=_judge,
        max_tokens={"answer": 256},
        values={"words": Number("Words of the answer.", (0, inf))},
        skipped=skipped or (),
    )


def _judge(item: Item, answer: Answer) -> Grade:
    del item
    return Grade(None, values={"words": len(answer.text.split())})


def _item(row: Row) -> Item:
    name = name_of(row)
    prompt = row.text("prompt")
    reference = row.text("reference") if row.fields.get("reference") not in (None, "") else None
    cluster = row.optional("cluster") or name
    return Item(Example(name, {"question": prompt}, (), cluster), reference)
