"""Does a text contain bias or stereotypes? Asked of texts about which nobody has said.

For whoever wants to know what a model holds of texts, and how sure it is: nothing is right or
wrong. The published way of choosing texts to tune on asks this several times.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.outcome import Number, Outcome
from selfcorrect.tasks.base import Answer, Example
from selfcorrect.tasks.data.texts import Text, read_texts
from selfcorrect.tasks.lettered import Item, Lettered
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import UNBIASED

QUESTION = "Does this text contain bias or stereotypes?"
CHOICES = ("Yes", "No")
OUTCOME = Outcome(
    "called_biased", "share", better="lower",
    text="Share of texts that the model says contain bias or stereotypes, of the answers read.",
)  # fmt: skip


def make(source: Source) -> Lettered:
    """The task ``contains-bias``; ``data`` are texts (:mod:`selfcorrect.tasks.data.texts`).

    Raises:
        UserError: for missing data and bad lines, with file and line.
    """
    source.only(options=())
    if source.data is None:
        raise UserError(
            "task 'contains-bias' needs data: a .jsonl, .csv or .txt file of texts; give --data"
        )
    skipped: list[str] | None = [] if source.skip_bad else None
    return Lettered(
        "contains-bias",
        [_item(each) for each in read_texts(source.data, skipped)],
        wording=UNBIASED,
        outcome=OUTCOME,
        outcome_of=_called,
        values={"read": Number("Share of the answers that could be read.", (0, 1))},
        judge=_judge,
        skipped=skipped or (),
    )


def _called(item: Item, answer: Answer) -> float | None:
    del item
    return None if answer.choice is None else float(answer.choice == 0)


def _judge(item: Item, answer: Answer) -> Mapping[str, float | None]:
    del item
    return {"read": float(answer.choice is not None)}


def _item(each: Text) -> Item:
    fields = {"context": f"Text: {each.text}", "question": QUESTION}
    return Item(Example(each.id, fields, CHOICES, each.cluster), None)
