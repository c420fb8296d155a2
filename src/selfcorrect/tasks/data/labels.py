"""Labelled texts: which columns of a row hold text and label, and whether a label says harmful.

A direction is never guessed: where neither a label nor its column says which way it goes, the user
does.
"""

from __future__ import annotations

import re

from selfcorrect.tasks.data.rows import Row

#: columns in which text and label are looked for, if none is named
TEXTS = ("text", "prompt", "comment", "comment_text", "sentence", "instruction")
LABELS = ("harmful", "toxic", "toxicity", "unsafe", "hateful", "harmless", "safe", "label")

#: words that say which way a label goes, in its column's name or as its value
_HARMFUL = {"harmful", "harm", "toxic", "toxicity", "unsafe", "hateful", "hate"}
_HARMFUL |= {"offensive", "abusive"}
_HARMLESS = {"harmless", "safe", "benign", "nontoxic", "nothate", "nothateful", "notharmful"}
_HARMLESS |= {"nottoxic", "nonhate", "nonhateful", "nonharmful"}
#: words that turn it round, and those that leave it as it is
_NOT = {"not", "non", "no"}
_NEUTRAL = {"is", "are", "has", "contains", "the", "label", "labels", "flag", "text", "prompt"}
_NEUTRAL |= {"response", "answer", "reply", "comment", "sentence", "completion", "output"}
_NEUTRAL |= {"message", "content", "instruction", "question", "speech"}
_TRUTH = {"true": True, "yes": True, "1": True, "1.0": True}
_TRUTH |= {"false": False, "no": False, "0": False, "0.0": False}


def columns_of(row: Row, text: str, label: str) -> tuple[str, str]:
    """The columns of text and label, by the options of these names, or those that are known.

    Raises:
        UserError: there is none, or several could be.
    """
    return _column(row, "text", text, TEXTS), _column(row, "label", label, LABELS)


def _column(row: Row, option: str, given: str, known: tuple[str, ...]) -> str:
    if given:
        if given not in row.fields:
            raise row.error(
                f"there is no field {given!r}, which the option {option!r} names; "
                f"{row.there(given)}"
            )
        return given
    found = [name for name in known if name in row.fields]
    if len(found) == 1:
        return found[0]
    if found:
        raise row.error(
            f"both {found[0]!r} and {found[1]!r} could hold the {option}: say which with the "
            f"option {option!r}"
        )
    raise row.error(
        f"there is no {option}: no field is named {', '.join(known[:-1])} or {known[-1]}; name it "
        f"with the option {option!r}; {row.there(known[0])}"
    )


def labelled(row: Row, column: str, told: bool | None) -> bool:
    """Whether a label says that its text is harmful; ``told`` is the truth value that harmful texts
    have, if the user says.

    Raises:
        UserError: it doesn't say.
    """
    value = row.fields[column]
    if isinstance(value, bool | int | float | str):
        plain = str(value).strip()
        truth = _TRUTH.get(plain.casefold())
        if truth is not None:
            harmful = told if told is not None else _direction(column)
            if harmful is None:
                raise row.error(
                    f"{column!r} is {value!r:.60}, and its name doesn't say whether that is a "
                    "harmful or a harmless text: give the option harmful=true if harmful texts "
                    "have 1, true or yes there, or harmful=false if they have 0, false or no"
                )
            return truth == harmful
        if told is None and (said := _direction(plain)) is not None:
            return said
    if told is not None:
        raise row.error(
            f"the option 'harmful' is of labels that are true or false, yes or no, 1 or 0, and "
            f"{column!r} is {value!r:.60}"
        )
    raise row.error(
        f"{column!r} must say whether the text is harmful: true or false, yes or no, 1 or 0, "
        f"harmful or harmless, toxic or non-toxic, not {value!r:.60}"
    )


def _direction(name: str) -> bool | None:
    """Whether a name says of a text that it is harmful (true) or harmless (false).

    ``None`` where a word of it isn't known: a direction is never guessed. ``isSafe``, ``is-safe``
    and ``IS_SAFE_1`` are the same.
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = [word for word in re.split(r"[\W\d_]+", apart.casefold()) if word]
    turned, said = False, []
    for word in words:
        if word in _NOT:
            turned = not turned
        elif word in _HARMFUL | _HARMLESS:
            said.append(word in _HARMFUL)
        elif word not in _NEUTRAL:
            return None
    return said[0] != turned if len(said) == 1 else None
