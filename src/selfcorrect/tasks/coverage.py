"""Which of the wanted words a text holds, in whatever form: by the word itself or by its lemma.

Lemmas are looked up in the dictionary that comes with lemminflect, for every part of speech that a
word may have: "saw" holds both ``see`` and ``saw``. Nothing is guessed by a model, so the same text
has the same coverage everywhere. English only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.plain import folded

#: To be raised when what follows here would find other words in the same text.
RULES = 1
#: So many different concepts with no other word between them are a bare list.
IN_A_ROW = 3

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_APOSTROPHE = re.compile(r"['’]")
#: "she's", "they're": a verb may hide in it (or a possessive; nobody can tell without grammar)
_SHORTENED = re.compile(r"['’](?:s|re|m|ve|ll|d)\b")
_VOWELS = "aeiou"


def matching() -> str:
    """What decides which words are found: the dictionary with its version, and our own rules.

    Raises:
        UserError: the dictionary isn't installed.
    """
    return f"lemminflect {_library().__version__}, rules {RULES}"


def words(text: str) -> list[str]:
    """The words of a text in order: runs of letters and digits, no capitals.

    A hyphen separates two words; what follows an apostrophe is left out (``dog's`` is ``dog``,
    ``isn't`` is ``is``).
    """
    found = []
    for match in _WORD.finditer(folded(text)):
        stem, *rest = _APOSTROPHE.split(match[0])
        found.append(stem[:-1] if rest[:1] == ["t"] and stem.endswith("n") else stem)
    return [word for word in found if word]


def missing(concepts: Sequence[str], text: str) -> list[str]:
    """The concepts that a text doesn't hold, in their order.

    A concept is held if one of the text's words is it, or has it as a lemma, as whatever part of
    speech. One that is itself no base form ("dogs") is held by its lemma's forms, too. Where the
    dictionary doesn't know a concept, its regular endings count: "frisbees". Of a concept of
    several words these stand one after the other. One word may hold several concepts.

    Args:
        concepts: in the form in which dictionaries have them.
        text: any.
    """
    said = [_forms(word) for word in words(text)]
    every = frozenset().union(*said)
    return [
        concept
        for concept in concepts
        if any(every.isdisjoint(accepted) for accepted in _accepted(concept))
        or not _places(concept, said)
    ]


def is_listed(concepts: Sequence[str], text: str) -> bool:
    """Whether the concepts are stuffed as a bare list, as far as that can be told without grammar.

    It is one if three different concepts follow each other with no word between them (neither
    punctuation nor numbers are words), or if no word has a verb's form in the dictionary. Both
    can be wrong: a good sentence may hold three concepts in a row ("dogs catch frisbees"), and a
    list may hold words that could be verbs ("dog", "table").
    """
    said = [word for word in words(text) if not word.isdigit()]
    forms = [_forms(word) for word in said]
    held: list[set[str]] = [set() for _ in said]
    for concept in concepts:
        for start in _places(concept, forms):
            for place in range(start, start + len(_accepted(concept))):
                held[place].add(concept)
    run: list[set[str]] = []
    for here in held:
        run = [*run, here] if here else []
        if len(run) >= IN_A_ROW and len(set().union(*run)) >= IN_A_ROW:
            return True
    return not _SHORTENED.search(folded(text)) and not any(map(_may_be_verb, said))


def claims_all(text: str) -> bool:
    """Whether a sentence of the text says that every word is there, or that none is missing.

    A sentence with "not", "if", "will" and the like, or a question, claims nothing.
    """
    return any(
        _CLAIM.search(sentence) and not _NO_CLAIM.search(sentence)
        for sentence in _SENTENCE.findall(folded(text.replace("\n", ".")))
    )


_SENTENCE = re.compile(r"[^.!?]+[.!?]?")
_THINGS = r"(?:(?:of|the|these|those|your|my|given|required|listed|provided|\d+)\s+)*"
_THINGS += r"(?:concepts?|words?|terms?)\b"
_ARE = r"(?:(?:is|are|was|were|have|has|been|now|already)\s+)"
_CLAIM = re.compile(
    rf"\b(?:all|every|each)\s+(?:one\s+)?{_THINGS}\s+(?:above\s+)?{_ARE}+"
    r"(?:included|used|covered|present|there|incorporated|mentioned|in)\b"
    rf"|\b(?:all|every|each)\s+(?:one\s+)?{_THINGS}\s+(?:included|used|covered|present)\s*[.!]?\Z"
    r"|\b(?:us(?:e|es|ed|ing)|includ(?:e|es|ed|ing)|cover(?:s|ed|ing)?|contain(?:s|ed|ing)?"
    r"|incorporat(?:e|es|ed|ing)|mention(?:s|ed|ing)?)\s+(?:all|every|each)\s+(?:one\s+)?"
    rf"{_THINGS}"
    rf"|\b(?:no|none\s+of)\s+{_THINGS}\s+{_ARE}*(?:missing|left\s+out|omitted)\b"
    rf"|\b(?:none|nothing)\s+{_ARE}*(?:missing|left\s+out|omitted)\b"
    rf"|\bmissing(?:\s+{_THINGS})?\s*:\s*(?:none|nothing)\b"
)
_NO_CLAIM = re.compile(
    r"\b(?:not|never|cannot|without|if|whether|should|must|needs?|try|tries|tried|trying|please"
    r"|write|make\s+sure|how|can|will|would|almost|nearly|except|unless)\b|n['’]t\b|['’]ll\b|\?"
)


def _places(concept: str, said: Sequence[frozenset[str]]) -> list[int]:
    """Where a concept begins among the words of a text, of which the forms are given."""
    accepted = _accepted(concept)
    return [
        start
        for start in range(len(said) - len(accepted) + 1)
        if not any(said[start + k].isdisjoint(forms) for k, forms in enumerate(accepted))
    ]


@lru_cache(maxsize=100_000)
def _accepted(concept: str) -> tuple[frozenset[str], ...]:
    """Of each word of a concept, what a word of the text may be, or have as a lemma."""
    accepted = []
    for word in words(concept):
        lemmas = _lemmas(word)
        if not lemmas:
            accepted.append(_endings(word))
        else:
            accepted.append(frozenset({word} if word in lemmas else {word, *lemmas}))
    return tuple(accepted)


@lru_cache(maxsize=100_000)
def _forms(word: str) -> frozenset[str]:
    return _lemmas(word) | {word}


@lru_cache(maxsize=100_000)
def _lemmas(word: str) -> frozenset[str]:
    """All base forms that the dictionary has for a word; empty where it doesn't know the word."""
    found = _library().getAllLemmas(word)
    return frozenset(lemma for lemmas in found.values() for lemma in lemmas)


@lru_cache(maxsize=100_000)
def _may_be_verb(word: str) -> bool:
    return not {"VERB", "AUX"}.isdisjoint(_library().getAllLemmas(word))


def _endings(word: str) -> frozenset[str]:
    """A word with the regular endings of nouns and verbs."""
    forms = {word, *(word + end for end in ("s", "es", "ed", "ing"))}
    if word.endswith("e"):
        forms |= {word + "d", word[:-1] + "ing"}
    if word.endswith("y"):
        forms |= {word[:-1] + "ies", word[:-1] + "ied"}
    if len(word) > 2 and word[-1] not in f"{_VOWELS}wxy" and word[-2] in _VOWELS:
        forms |= {word + word[-1] + "ed", word + word[-1] + "ing"}
    return frozenset(forms)


def _library() -> Any:
    try:
        import lemminflect  # imported late: it takes a third of a second, and is an extra
    except ImportError as problem:
        raise UserError(
            "words are counted by their lemmas, and lemminflect is not installed: "
            "pip install 'selfcorrect[text]'"
        ) from problem
    return lemminflect
