"""The words of the small language that ``planted:mixture`` speaks.

The task ``planted-mixture`` words its questions in it, and the model knows the probability of each
word. Both have to agree on them, and neither imports the other.

A question is ``about``, some topics, ``?``, and three lettered options of one word each. An
instruction is ``please``, some manners, ``.``. Topics and manners come in three kinds: likelier
under the concept C+, likelier under C−, and neutral.
"""

from __future__ import annotations

#: What instructions are made of: likelier under C+, under C−, neutral.
MANNERS = (
    ("careful", "fair", "honest", "kind", "patient", "exact"),
    ("careless", "unfair", "dishonest", "unkind", "hasty", "vague"),
    ("again", "now", "once", "more", "here", "then"),
)
#: What questions are made of: likelier under C+, under C−, neutral.
TOPICS = (
    ("river", "garden", "bread", "window", "music", "harbor"),
    ("casino", "fog", "debt", "alley", "gossip", "bait"),
    ("table", "paper", "street", "number", "clock", "bag"),
)
#: Options between which the concepts decide: C+ prefers the first kind, C− the second.
DECIDED = (
    ("apple", "pear", "plum", "cherry", "grape", "fig"),
    ("hammer", "saw", "drill", "wrench", "chisel", "rasp"),
    ("hat", "coat", "scarf", "glove", "boot", "sock"),
)
#: Options of which the answer doesn't depend on the concept; the first kind is likeliest.
ALIKE = (
    ("cat", "dog", "fox", "owl", "hare", "deer"),
    ("oak", "elm", "fir", "ash", "yew", "birch"),
    ("red", "blue", "green", "gray", "white", "black"),
)
#: What a question and an instruction begin and end with.
ABOUT, ASKED, PLEASE, STOP = "about", "?", "please", "."
#: What an answer begins with, up to the letter.
LEAD_IN = "I choose ("


def ask(topics: tuple[str, ...]) -> str:
    """A question without its options."""
    return " ".join((ABOUT, *topics, ASKED))


def instruct(manners: tuple[str, ...]) -> str:
    """An instruction."""
    return " ".join((PLEASE, *manners, STOP))
