"""Sums to choose from, for models whose behaviour is stated: any number of them, at no cost.

The right answer follows from the shown text alone (``What is A + B?`` and lines ``(a) 703``), so
that a planted model knows it without knowing the task.
"""

from __future__ import annotations

from selfcorrect.tasks.base import Example
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.lettered import Item, Lettered
from selfcorrect.tasks.lettered.letters import LETTERS
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import CORRECT

#: how far off the wrong results are: slips of a digit or of a carry
_SLIPS = tuple(
    sign * size for size in (1, 10, 2, 9, 11, 20, 3, 8, 12, 19, 21, 30, 5) for sign in (1, -1)
)
#: the second terms of one cluster are different three-digit numbers
_TERMS = 900
_STEP = 577
OFFERS = Offers(bundled=True)


def make(source: Source) -> Lettered:
    """The task ``planted``.

    Options: ``n`` (how many questions, 1,000), ``choices_per`` (options a question, 3),
    ``cluster_size`` (successive questions of one cluster, 1; they share their first term). The
    first questions are the same whatever ``n``.

    Raises:
        UserError: for other options, or numbers that make no sense.
    """
    source.only(data=False, options=("n", "choices_per", "cluster_size"))
    n = source.at_least("n", 1000, 1, 10**9)
    choices_per = source.at_least("choices_per", 3, 2, len(LETTERS))
    cluster_size = source.at_least("cluster_size", 1, 1, _TERMS)

    def item(i: int) -> Item:
        return _item(i, choices_per, cluster_size)

    return Lettered(
        "planted",
        Lazy(n, item),
        wording=CORRECT,
        find=lambda name: item(int(name)),
        identity=repr((n, choices_per, cluster_size)),
    )


def _item(i: int, choices_per: int, cluster_size: int) -> Item:
    cluster, within = divmod(i, cluster_size)
    offset = draw(0, "term", str(cluster)) % _TERMS
    a = 100 + cluster
    b = 100 + (offset + within * _STEP) % _TERMS
    random = draw(0, "choices", str(i))
    random, target = divmod(random, choices_per)
    slips = list(_SLIPS)
    choices = []
    for index in range(choices_per):
        slip = 0
        if index != target:
            random, which = divmod(random, len(slips))
            slip = slips.pop(which)
        choices.append(str(a + b + slip))
    example = Example(str(i), {"question": f"What is {a} + {b}?"}, tuple(choices), str(cluster))
    return Item(example, target)
