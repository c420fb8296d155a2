"""What words alone give: a text model on the same parts, and texts without a concept's words."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.folds import INNER, Ints, area, folds, parts_of
from selfcorrect.errors import UserError
from selfcorrect.tasks.data.lines import text_lines

Floats = NDArray[np.float64]

#: So many words of a training part are its concept's own.
OWN_WORDS = 30
#: What a list of them may hold; each is looked for in every text.
_MOST_WORDS, _MOST_BYTES = 2_000, 100_000
_LONGEST = f"at most {_MOST_WORDS:,} words in {_MOST_BYTES:,} bytes"
_STRENGTHS = (0.1, 1.0, 10.0)
_WORD = r"(?u)\b\w\w+\b"


def by_words(
    texts: Sequence[str],
    labels: Ints,
    clusters: Sequence[str],
    outer: Sequence[tuple[Ints, Ints]],
    seed: int,
) -> Floats:
    """Log odds [n] of each text by a model of words and pairs of words (TF-IDF and logistic
    regression) made from the other parts; the strength of its penalty is chosen inside."""
    scores = np.zeros(len(texts))
    for train, test in outer:
        inside, names = [texts[i] for i in train], [clusters[i] for i in train]
        held = np.zeros((len(_STRENGTHS), len(train)))
        inner = folds(labels[train], names, INNER, seed, "the training part")
        for a, b in inner:
            held[:, b] = _by_strength(inside, labels[train], a, b, _STRENGTHS)
        parts = parts_of(inner)
        best = int(np.argmax([area(each, labels[train], parts) for each in held]))
        (scores[test],) = _by_strength(texts, labels, train, test, _STRENGTHS[best : best + 1])
    return scores


def _by_strength(
    texts: Sequence[str], labels: Ints, train: Ints, test: Ints, strengths: Sequence[float]
) -> list[Floats]:
    """For each strength the log odds of some texts, by a model made from others."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    try:
        found = words.fit_transform([texts[i] for i in train])
    except ValueError:  # no word at all
        return [np.zeros(len(test)) for _ in strengths]
    others = words.transform([texts[i] for i in test])
    return [
        LogisticRegression(C=strength, max_iter=1000)
        .fit(found, labels[train])
        .decision_function(others)
        for strength in strengths
    ]


def own_words(texts: Sequence[str], labels: Ints) -> list[str]:
    """The words that tell texts with a concept from those without, by the weights of a model of
    words (TF-IDF and logistic regression), the weightiest first; of either side."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(sublinear_tf=True, token_pattern=_WORD)
    try:
        found = words.fit_transform(texts)
    except ValueError:
        return []
    model = LogisticRegression(C=1.0, max_iter=1000).fit(found, labels)
    order = np.argsort(-np.abs(model.coef_[0]), kind="stable")[:OWN_WORDS]
    names = words.get_feature_names_out()
    return [str(names[at]) for at in order]


def without(text: str, words: Collection[str], in_place: str) -> str:
    """The text with another word in place of each of these, whatever their case."""
    if not words:
        return text
    longest = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", re.IGNORECASE)
    return pattern.sub(in_place, text)


def read_words(path: str | Path) -> list[str]:
    """A concept's own words from a file, one a line.

    Raises:
        UserError: it can't be read, or holds none.
    """
    path = Path(path).expanduser()
    try:
        if not path.is_file():
            raise UserError(f"{path} is no ordinary file: give a list of words, one a line.")
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path} is too long for a list of a concept's own words: {_LONGEST}.")
        rows = list(text_lines(path, "word"))
    except (OSError, ValueError) as error:
        raise UserError(f"the words {path} can't be read: {error}.") from None
    found: list[str] = []
    for row in rows:
        if isinstance(row, UserError):
            raise row
        found.append(row.fields["word"])
    found = list(dict.fromkeys(found))
    if not found:
        raise UserError(f"{path} holds no words: give one a line.")
    if len(found) > _MOST_WORDS:
        raise UserError(f"{path} holds {len(found):,} words: {_LONGEST}.")
    return found
