"""Questions in the small language of ``planted:mixture``: any number of them, at no cost.

Each has three options, one of each kind; the first kind is right. What a question is about says
something of the concept that governs the dialogue: in some clusters C+ is likely from the start, in
others it takes several instructions until it is, and in some it never is.
"""

from __future__ import annotations

from selfcorrect.planted_words import (
    ALIKE,
    DECIDED,
    LEAD_IN,
    MANNERS,
    TOPICS,
    ask,
    instruct,
)
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.lettered import Item, Lettered
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import Wording

#: Topics that the questions of a cluster share, and those that each has for itself.
_SHARED, _OWN = 6, 2


def _wording(manners: tuple[str, ...], reversed_manners: tuple[str, ...]) -> Wording:
    _, now, once, more, here, then = MANNERS[2]
    one, two, three, four, five, six = manners
    not_one, not_two, not_three, not_four, *_ = reversed_manners
    return Wording(
        goal=instruct((now, one, two, three)),
        reversed_goal=instruct((now, not_one, not_two, not_three)),
        review=instruct((one, two, three, four, once, more)),
        reversed_review=instruct((not_one, not_two, not_three, not_four, once, more)),
        specific_goal="\n".join(
            (
                instruct((here, one, two, three, four, five, six)),
                instruct((then, six, five, four, three, two, one)),
            )
        ),
    )


#: By what the option ``instructions`` is: those that speak of a concept, and those that don't.
WORDINGS = {
    "concept": _wording(MANNERS[0], MANNERS[1]),
    "neutral": _wording(MANNERS[2], MANNERS[2][::-1]),
}

OFFERS = Offers(concept="planted", bundled=True)


def make(source: Source) -> Lettered:
    """The task ``planted-mixture``.

    Options: ``n`` (how many questions, 1,000), ``cluster_size`` (successive questions of one
    cluster, 4; they share most of what they are about), ``instructions`` (``concept``; ``neutral``:
    goal and review say nothing of a concept), ``answers`` (``concept``: their probabilities depend
    on it; ``alike``: they don't). The first questions are the same whatever ``n``.

    Raises:
        UserError: for other options, or numbers that make no sense.
    """
    source.only(data=False, options=("n", "cluster_size", "instructions", "answers"))
    n = source.at_least("n", 1000, 1, 10**9)
    cluster_size = source.at_least("cluster_size", 4, 1)
    instructions = source.one_of("instructions", "concept", ("concept", "neutral"))
    answers = source.one_of("answers", "concept", ("concept", "alike"))
    kinds = DECIDED if answers == "concept" else ALIKE

    def item(i: int) -> Item:
        return _item(i, cluster_size, kinds)

    return Lettered(
        "planted-mixture",
        Lazy(n, item),
        wording=WORDINGS[instructions],
        lead_in=LEAD_IN,
        find=lambda name: item(int(name)),
        identity=repr((n, cluster_size, instructions, answers)),
    )


def _item(i: int, cluster_size: int, kinds: tuple[tuple[str, ...], ...]) -> Item:
    cluster = i // cluster_size
    random = draw(0, "cluster", str(cluster))
    random, tenths = divmod(random, 10)  # so many of ten of its topics are those of C−, about
    topics = []
    for k in range(_SHARED + _OWN):
        if k == _SHARED:
            random = draw(0, "question", str(i))
        random, tenth = divmod(random, 10)
        random, neutral = divmod(random, 2)
        kind = 1 if tenth < tenths else 2 if neutral else 0
        random, which = divmod(random, len(TOPICS[kind]))
        topics.append(TOPICS[kind][which])
    random = draw(0, "options", str(i))
    left = [0, 1, 2]
    order = []
    for _ in range(3):
        random, which = divmod(random, len(left))
        order.append(left.pop(which))
    choices = []
    for kind in order:
        random, which = divmod(random, len(kinds[kind]))
        choices.append(kinds[kind][which])
    example = Example(str(i), {"question": ask(tuple(topics))}, tuple(choices), str(cluster))
    return Item(example, order.index(0))
