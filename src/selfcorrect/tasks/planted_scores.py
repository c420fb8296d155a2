"""Plans to be spoken of in free text, for ``planted:scores``: any number of them, at no cost.

The answer is the last number of the reply, from 0 to 1, and that number is the outcome: it is the
model itself that says how good its answer is. That makes no sense but for a model whose numbers are
stated, so that a run of free text has a right value to be compared with.
"""

from __future__ import annotations

from fractions import Fraction

from selfcorrect.outcome import Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.free import Free, Item, last_number
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import Wording, review

WORDING = Wording(
    goal="Please give it a number from 0 to 1 as the better end has it.",
    reversed_goal="Please give it a number from 0 to 1 as the worse end has it.",
    review=review("be as the better end has it"),
    reversed_review=review("be as the worse end has it"),
)
OFFERS = Offers(bundled=True)


def make(source: Source) -> Free:
    """The task ``planted-scores``.

    Options: ``n`` (how many plans, 1,000), ``cluster_size`` (successive plans of one group, 1),
    ``better`` (``higher`` or ``lower``). The first plans are the same whatever ``n``.

    Raises:
        UserError: for other options, or numbers that make no sense.
    """
    source.only(data=False, options=("n", "cluster_size", "better"))
    n = source.at_least("n", 1000, 1, 10**9)
    cluster_size = source.at_least("cluster_size", 1, 1)
    higher = source.one_of("better", "higher", ("higher", "lower")) == "higher"

    def item(i: int) -> Item:
        group = i // cluster_size
        question = {"question": f"What do you say of plan {i} of group {group}?"}
        reference = f"I give it {1 if higher else 0}."
        return Item(Example(str(i), question, (), str(group)), reference)

    return Free(
        "planted-scores",
        Lazy(n, item),
        wording=WORDING,
        outcome=Outcome(
            "rating",
            better="higher" if higher else "lower",
            text="The number from 0 to 1 that the reply states.",
        ),
        read=_read,
        judge=lambda _item, answer: Grade(float(Fraction(answer.key or 0))),
        max_tokens={"answer": 24},
        find=lambda name: item(int(name)),
        identity=repr((n, cluster_size, higher)),
    )


def _read(example: Example, text: str) -> Answer:
    answer = last_number(example, text)
    if answer.key is not None and not 0 <= Fraction(answer.key) <= 1:
        return Answer(text, problem="not from 0 to 1")
    return answer
