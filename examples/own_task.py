"""A task of your own: free text, and a number that says how good it is.

    selfcorrect check-task examples/own_task.py:make
    selfcorrect run --task examples/own_task.py:make --limit 16 --rounds 2

The model is asked for a sentence with some given words. How good the sentence is, is its coverage:
the share of those words that stand in it.
"""

import re
from itertools import combinations, islice

from selfcorrect.outcome import Outcome
from selfcorrect.tasks import Answer, Example, Grade, Source
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.wording import Wording, review

#: Sentences about one place are not independent of each other: each place is a cluster.
PLACES = {
    "a kitchen": ["bread", "knife", "lamp", "window", "sugar"],
    "a harbour": ["boat", "rope", "gull", "crane", "fog"],
    "a school": ["chalk", "bell", "map", "desk", "coat"],
    "a garden": ["spade", "rose", "snail", "fence", "rain"],
    "a station": ["clock", "ticket", "bench", "train", "dog"],
    "a market": ["scale", "apple", "coin", "basket", "crowd"],
    "a workshop": ["saw", "nail", "glue", "board", "dust"],
    "a library": ["shelf", "ladder", "page", "stamp", "chair"],
}
COVERAGE = Outcome(
    "coverage",
    kind="mean",
    better="higher",
    bounds=(0, 1),
    margin=0.05,  # a change up to this size counts as none: say it before you see the data
    text="Share of the wanted words that stand in the sentence.",
)
WORDING = Wording(
    goal="Use every one of the words.",
    reversed_goal="Use none of the words.",
    review=review("be one sentence that uses every one of the words"),
    reversed_review=review("be one sentence that uses none of the words"),
)


def make(source: Source) -> Free:
    """What ``--task examples/own_task.py:make`` calls; ``source`` holds data, seed and options."""
    source.only(data=False, options=("words",))
    number = source.at_least("words", 3, 1, 5)
    items = []
    for place, words in PLACES.items():
        for wanted in islice(combinations(words, number), 4):
            question = f"Write one sentence about {place} with the words {', '.join(wanted)}."
            name = f"{place.split()[-1]}-{'-'.join(wanted)}"
            example = Example(name, {"question": question}, (), cluster=place)
            items.append(
                Item(example, reference=" ".join(wanted), facts={"words": " ".join(wanted)})
            )
    return Free(
        "coverage",
        items,
        wording=WORDING,
        outcome=COVERAGE,
        judge=judge,
        max_tokens={"answer": 40},
    )


def judge(item: Item, answer: Answer) -> Grade:
    """How good an answer is; called for all that could be read, so for any that isn't empty."""
    wanted = str(item.facts["words"]).split()
    there = set(re.findall(r"\w+", answer.text.casefold()))
    return Grade(sum(word in there for word in wanted) / len(wanted))
