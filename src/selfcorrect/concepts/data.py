"""Labelled texts: from a file, from the package, or made from BBQ's questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selfcorrect.concepts.dialogues import Messages, as_text, messages_of
from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.rows import Row, rows

#: The concepts whose texts come with the package, a sentence on each.
BUNDLED: Mapping[str, str] = {
    "biased": "sentences that judge people by their group, and those that don't",
    "toxic": "sentences that are rude to somebody, and those that aren't",
    "correct": "statements that are right, and those that are wrong",
    "planted": "messages under planted:mixture's first concept, and under its second",
}
#: What a concept's own words are replaced by: a word that fits many sentences and says nothing.
IN_PLACE = "thing"
#: The same for planted:mixture, which knows few words.
OF_PLANTED = "table"
#: Of texts that only one model understands: how they are shown, what the reply to each begins with,
#: and a word in place of others.
_OF_A_MODEL = {"planted": ("message", "I choose (", OF_PLANTED)}
_LABELS = {"true": 1, "yes": 1, "1": 1, "1.0": 1, "false": 0, "no": 0, "0": 0, "0.0": 0}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, or a dialogue, and whether the concept is in it.

    Attributes:
        text: of a dialogue what is said in it.
        label: 1 or 0.
        cluster: texts of one cluster aren't independent of each other.
        messages: of a dialogue; else empty.
    """

    text: str
    label: int
    cluster: str
    messages: Messages = ()

    @property
    def shown(self) -> str | Messages:
        """What a model is shown."""
        return self.messages or self.text


@dataclass(frozen=True)
class Texts:
    """Labelled texts of one concept, as many of one label as of the other.

    Attributes:
        items: in the order of their file.
        about: where they come from, a phrase.
        left_out: so many texts of the file aren't among them.
        why: for what reason, a phrase; empty where all are.
        shown: how they have to be shown (:data:`selfcorrect.concepts.file.SHOWN`); "" is as
            the model can.
        prefill: what the reply begins with, where they are shown as messages.
        in_place: what a concept's own words are replaced by.
    """

    items: Sequence[Labelled]
    about: str
    left_out: int = 0
    why: str = ""
    shown: str = ""
    prefill: str = ""
    in_place: str = IN_PLACE

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when a text, a label or a cluster does."""
        digest = blake2b(digest_size=8)
        for item in self.items:
            told = f"{len(item.text)}:{item.text}{item.label}{len(item.cluster)}:{item.cluster}"
            told += "".join(f"{role}:{len(text)}:{text}" for role, text in item.messages)
            digest.update(told.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def bundled(name: str) -> Texts:
    """The package's own texts of a concept.

    Raises:
        UserError: there are none of this name.
    """
    if name not in BUNDLED:
        raise UserError(
            f"no texts come with the package for a concept {name!r}: {nearest(name, BUNDLED)}, or "
            "give texts of your own with --data FILE."
        )
    file = Path(__file__).with_name("texts") / f"{name}.jsonl"
    shown, prefill, in_place = _OF_A_MODEL.get(name, ("", "", IN_PLACE))
    about = f"the package's own {name} texts"
    items = _read(file, name, None)
    return Texts(items, about, shown=shown, prefill=prefill, in_place=in_place)


def from_file(
    path: str | Path,
    name: str,
    *,
    label: str | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Texts:
    """Labelled texts of a file (JSONL, CSV or TSV): ``text``, a label, perhaps ``cluster``; or
    labelled dialogues (JSONL), with ``messages`` in place of the text.

    As many of one label as of the other: of the more frequent one some are left out, by lot.

    Args:
        path: of the file.
        name: the concept's.
        label: the field that holds the label (true or false, yes or no, 1 or 0); by default
            ``label``, or a field with the concept's name.
        limit: at most so many texts.
        seed: of the lot.

    Raises:
        UserError: a line is wrong, with file and line; or there are no texts of one label.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file {path}; give labelled texts with --data FILE.")
    texts = balanced(_read(path, name, label), f"{path}", limit, seed)
    return replace(texts, shown="message") if texts.items[0].messages else texts


def balanced(items: Sequence[Labelled], about: str, limit: int | None, seed: int) -> Texts:
    """As many texts of one label as of the other, at most ``limit`` together; a text that has both
    labels is left out wherever it stands.

    Raises:
        UserError: all have the same label, all have both, or all are the same text.
    """
    if len(items) > 1 and len({_plain(item.text) for item in items}) == 1:
        raise UserError(f"{about}: all {len(items):,} texts are the same; give different ones.")
    given, both = len(items), _of_both_labels(items)
    items = [item for item in items if _plain(item.text) not in both]
    if both and not items:
        raise UserError(
            f"{about}: all {given:,} texts have both labels, once each or more; say of each text "
            "whether it has the concept."
        )
    sides = [[i for i, item in enumerate(items) if item.label == side] for side in (0, 1)]
    if not all(sides):
        there = "none" if not items else "only " + ("true" if sides[1] else "false")
        raise UserError(
            f"{about}: of the {len(items):,} texts the labels are {there}; a concept needs texts "
            "that have it and texts that don't."
        )
    each = min(map(len, sides))
    each = each if limit is None else min(each, max(1, limit // 2))
    kept = sorted(
        at
        for side in sides
        for at in sorted(side, key=lambda i: draw(seed, "text", items[i].text, str(i)))[:each]
    )
    why = []
    if given > len(items):
        why.append(f"{given - len(items):,} of them as their text has both labels")
    if len(items) > len(kept):
        less = limit is not None and 2 * min(map(len, sides)) > limit
        alike_many = "so that there are as many of one label as of the other"
        why.append(f"{f'at most {limit:,}, ' if less else ''}{alike_many}")
    return Texts([items[i] for i in kept], about, given - len(kept), "; ".join(why))


def _of_both_labels(items: Sequence[Labelled]) -> set[str]:
    """Texts of which it is said that they have the concept, and that they don't."""
    said = {(_plain(item.text), item.label) for item in items}
    return {text for text, label in said if (text, 1 - label) in said}


def _read(path: Path, name: str, label: str | None) -> list[Labelled]:
    found: list[Labelled] = []
    for row in rows(path):
        if isinstance(row, UserError):
            raise row
        messages = messages_of(row) if "messages" in row.fields else ()
        if found and bool(found[0].messages) != bool(messages):
            here, before = ("messages", "a text") if messages else ("a text", "messages")
            raise row.error(f"it has {here}, and those before it {before}: give all the same")
        text = as_text(messages) if messages else row.text("text")
        field = label or ("label" if "label" in row.fields else name)
        made = Labelled(text, _label(row, field, label), row.optional("cluster"), messages)
        found.append(made)
    return alike([replace(item, cluster=item.cluster or item.text) for item in found])


def _label(row: Row, field: str, asked: str | None) -> int:
    if field not in row.fields:
        others = [each for each in row.fields if each not in ("text", "messages")]
        hint = f"give --label FIELD, one of {', '.join(others[:8])}" if others else "it has none"
        raise row.error(
            f"there is no field {field!r} that says whether the text has the concept: {hint}"
        )
    value = row.fields[field]
    told = _LABELS.get(str(value).strip().casefold()) if value is not None else None
    if told is None:
        where = f" ({field!r})" if asked or field != "label" else ""
        raise row.error(
            f"the label{where} must be true or false, yes or no, 1 or 0, not {value!r:.60}"
        )
    return told


def _plain(text: str) -> str:
    """What makes texts the same: case and spaces don't make them different."""
    return " ".join(text.split()).casefold()


def alike(items: Sequence[Labelled]) -> list[Labelled]:
    """The same, with clusters put together that share a text."""
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[str, str] = {}
    for item in items:
        mine = top(f"c{item.cluster}")
        parent[mine] = top(first.setdefault(_plain(item.text), f"c{item.cluster}"))
    names: dict[str, str] = {}
    made = []
    for item in items:
        root = top(f"c{item.cluster}")
        made.append(replace(item, cluster=names.setdefault(root, item.cluster)))
    return made


# --- statements from BBQ ---------------------------------------------------------------------

_WHO = re.compile(r"^(who|which (?:one|person|of them)|which)\b(?! of)", re.IGNORECASE)


def statements(path: str | Path, *, limit: int | None = None, seed: int = 0) -> Texts:
    """BBQ's questions answered outright, as statements: about the stereotyped person, and the same
    about the other one.

    Questions that don't begin with *who* or *which*, and those whose target isn't known, are left
    out and counted.

    Args:
        path: a file of BBQ, or a folder of them.
        limit, seed: as in :func:`from_file`.

    Raises:
        UserError: the files can't be read, or no question can be made a statement.
    """
    from selfcorrect.tasks.bbq import said_outright

    found: list[Labelled] = []
    questions = skipped = 0
    for cluster, question, biased, other in said_outright(str(path)):
        questions += 1
        match = _WHO.match(question)
        if match is None or biased is None:
            skipped += 1
            continue
        rest = question[match.end() :].strip().rstrip("?")
        both = ((biased, 1), (other, 0))
        found += [Labelled(f"{_capital(who)} {rest}.", side, cluster) for who, side in both]
    distinct = list({(item.text, item.label, item.cluster): item for item in found}.values())
    if not distinct:
        raise UserError(
            f"{path}: none of the {questions:,} questions can be made a statement; give a file of "
            "BBQ as published."
        )
    about = f"the stereotypes of {path} said outright"
    if skipped:
        about += f" ({skipped:,} of {questions:,} questions can't be)"
    return balanced(alike(distinct), about, limit, seed)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def told(texts: Texts, clusters: Iterable[str]) -> dict[str, Any]:
    """What JSON says of the texts."""
    return {
        "about": texts.about,
        "fingerprint": texts.fingerprint,
        "texts": len(texts.items),
        "clusters": len(set(clusters)),
        "left_out": texts.left_out,
        "why_left_out": texts.why,
    }
