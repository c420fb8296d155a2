"""The language of ``planted:mixture`` by brute force: every path through the hidden states."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from selfcorrect.messages import Message
from selfcorrect.models.planted.mixture import language as la


def likelihood(register: la.Register, concept: int, words: Sequence[str]) -> float:
    """p(words | concept), a sum over all paths, each word with its own share."""
    model = register.concepts[concept]
    total = 0.0
    for path in itertools.product(range(3), repeat=len(words)):
        p = 1.0
        for at, (state, word) in enumerate(zip(path, words, strict=True)):
            kind = register.kind[word]
            share = (0.3, 0.2, 0.2, 0.1, 0.1, 0.1)[register.words[kind].index(word)]
            p *= model.start[state] if at == 0 else model.moves[path[at - 1], state]
            p *= model.emits[state, kind] * share
        total += p
    return total


def posterior(messages: Sequence[Message]) -> tuple[float, list[float]]:
    """P(C+ | the messages), and P(letter) of the answer after them, read off the text."""
    joint = [la.PRIOR, 1 - la.PRIOR]
    first = messages[0].text
    options = dict(re.findall(r"\(([abc])\) (\w+)", first))
    plus, minus = shares(options)
    for number, each in enumerate(messages):
        if each.role == "assistant":
            letter = each.text[-2]
            joint = [joint[0] * plus[letter], joint[1] * minus[letter]]
            continue
        parts = re.findall(r"please ([\w ]+) \.", each.text)
        heard = [(la.MANNER, part.split()) for part in parts]
        if number == 0:
            topics = re.search(r"about ([\w ]+) \?", each.text)
            assert topics is not None
            heard.append((la.TOPIC, topics[1].split()))
        for register, words in heard:
            joint = [p * likelihood(register, c, words) for c, p in enumerate(joint)]
            joint = [p / sum(joint) for p in joint]
    joint = [p / sum(joint) for p in joint]
    return joint[0], [joint[0] * plus[x] + joint[1] * minus[x] for x in "abc"]


def shares(options: dict[str, str]) -> tuple[dict[str, float], dict[str, float]]:
    """p+ and p− of the letters."""
    fruit = {"apple", "pear", "plum", "cherry", "grape", "fig"}
    tools = {"hammer", "saw", "drill", "wrench", "chisel", "rasp"}
    beasts = {"cat", "dog", "fox", "owl", "hare", "deer"}
    trees = {"oak", "elm", "fir", "ash", "yew", "birch"}
    if fruit & set(options.values()):
        plus = {x: 0.76 if o in fruit else 0.14 if o in tools else 0.1 for x, o in options.items()}
        minus = {
            x: 0.35 if o in fruit else 0.49 if o in tools else 0.16 for x, o in options.items()
        }
        return plus, minus
    same = {x: 0.7 if o in beasts else 0.2 if o in trees else 0.1 for x, o in options.items()}
    return same, same


def log_odds(p: float) -> float:
    return math.log(p) - math.log1p(-p)
