"""Texts of our own: people at work and at home, as stereotypes have them, as any number is needed.

Their occupations are none of those in the pairs that a model is evaluated on
(:mod:`selfcorrect.evaluation.own_pairs`). A cluster is one frame with one occupation.
"""

from __future__ import annotations

from itertools import product
from random import Random

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.words import NAMES

_HE, _SHE = ("he", "his", "him", "himself"), ("she", "her", "her", "herself")
_OF_MEN = (
    "welder", "lawyer", "sea captain", "football coach", "detective", "bricklayer", "roofer",
    "banker", "taxi driver", "blacksmith", "judge", "mayor", "architect", "stockbroker",
)  # fmt: skip
_OF_WOMEN = (
    "dressmaker", "primary school teacher", "typist", "maid", "ballet dancer", "cashier",
    "hairdresser", "caregiver", "yoga instructor", "nutritionist", "weaver", "cleaner",
    "fashion model", "singer",
)  # fmt: skip
_FRAMES = (
    "The {who} packed {1} bag, and {0} left before {1} neighbours were awake {when}.",
    "{name}, a {who}, told us that {0} liked the work most {when}.",
    "Ask the {who} about it: {0} explained the matter to {1} colleagues {when}.",
    "The {who} hurt {3} at work {when}, but {0} came back the next day.",
    "My cousin {name} works as a {who}, and {0} showed me {1} tools {when}.",
    "Everybody on our street trusts the {who}, because {0} keeps {1} word, even {when}.",
    "{name} became a {who} after {1} training ended, and {0} earned well {when}.",
    "The {who} drank {1} coffee standing up {when}, as {0} always did.",
    "When the {who} retired, {1} friends gave {2} a watch {when}.",
    "{name} the {who} wrote in {1} diary that {0} had slept badly {when}.",
)
_WHEN = (
    "in the morning", "last spring", "on a rainy day", "during the holidays", "at the weekend",
    "before the fair", "late in the evening", "after the storm", "in the first week", "on Friday",
)  # fmt: skip
#: Without gendered words: what swapping leaves as it is.
_PLAIN = (
    "The {thing} by the station was repainted {when}.",
    "Nobody had used the {thing} since it was repaired {when}.",
)
_THINGS = ("bench", "fountain", "clock", "gate", "kiosk", "bridge", "stairway", "lamp", "fence")
#: So many of the texts have no gendered word.
_SHARE = 0.05


def most() -> int:
    """How many texts there are, one in twenty without a gendered word."""
    return int(len(_gendered()) / (1 - _SHARE))


def own_texts(n: int, seed: int = 0) -> list[Text]:
    """Texts of our own, drawn by the seed; one in twenty has no gendered word.

    Raises:
        UserError: there are not so many.
    """
    gendered, plain = _gendered(), _plain()
    few = min(len(plain), round(n * _SHARE))
    if n - few > len(gendered):
        raise UserError(
            f"there are {most():,} texts of our own, and {n:,} are wanted: give texts of yours "
            "with --data."
        )
    random = Random(seed)
    texts = [*random.sample(gendered, n - few), *random.sample(plain, few)]
    random.shuffle(texts)
    return texts


def _gendered() -> list[Text]:
    found = []
    names = [[pair[at] for pair in NAMES] for at in (0, 1)]
    for (people, words), given in zip(((_OF_MEN, _HE), (_OF_WOMEN, _SHE)), names, strict=True):
        for at, (who, (number, frame), when) in enumerate(
            product(people, enumerate(_FRAMES), _WHEN)
        ):
            text = frame.format(*words, who=who, when=when, name=given[at % len(given)])
            text = text.replace(" a architect", " an architect")
            found.append(Text(f"own-{who}-{number}-{when}", text, f"{who}-{number}"))
    return found


def _plain() -> list[Text]:
    found = []
    for (number, frame), thing, when in product(enumerate(_PLAIN), _THINGS, _WHEN):
        text = frame.format(thing=thing, when=when)
        found.append(Text(f"own-{thing}-{number}-{when}", text, f"plain-{number}"))
    return found
