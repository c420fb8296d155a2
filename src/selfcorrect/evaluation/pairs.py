"""Pairs of sentences that differ in whom they are about, in the layout of CrowS-Pairs.

Nangia et al. 2020 (arXiv 2010.00133). That many of its items are no minimal pairs was shown by
Blodgett et al. 2021 (doi:10.18653/v1/2021.acl-long.81): here such items are found and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from hashlib import blake2b
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.rows import Row, build, rows
from selfcorrect.tasks.plain import folded

STEREO, ANTI = "stereo", "antistereo"
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")

#: Of a sentence: comparing two takes time with the square of their words, and more.
_MOST_WORDS = 400


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences that differ in whom they are about.

    Attributes:
        id: unique among the pairs.
        more, less: the one that stereotypes more, and the other.
        category: of the stereotype, such as ``gender``.
        direction: ``stereo`` where ``more`` says a stereotype of a disadvantaged group,
            ``antistereo`` where ``less`` contradicts one.
        cluster: pairs of one template share it.
        minimal: the sentences differ in one place only.
    """

    id: str
    more: str
    less: str
    category: str
    direction: str
    cluster: str
    minimal: bool


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs as they were read.

    Attributes:
        name: of the file.
        items: the pairs.
        equal: lines left out, as both sentences are the same.
        skipped: bad lines left out, a sentence each.
    """

    name: str
    items: Sequence[Pair]
    equal: int = 0
    skipped: Sequence[str] = field(default=())

    @property
    def digest(self) -> str:
        """Sixteen hex digits that change when a pair does."""
        text = repr([(p.id, p.more, p.less, p.category, p.direction) for p in self.items])
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def read_pairs(path: Path, *, skip_bad: bool = False) -> Pairs:
    """Pairs from a table or JSON lines with ``sent_more``, ``sent_less``, ``stereo_antistereo`` and
    ``bias_type``; where there is a ``cluster``, that is theirs.

    Raises:
        UserError: there is no such file, a line is bad, with file and line, or no pair is left.
    """
    skipped: list[str] | None = [] if skip_bad else None
    found = build(rows(path), _pair, skipped)
    there = [pair for pair in found if pair.more != pair.less]
    if not there:
        raise UserError(f"{path}: it has no pair of two sentences.")
    return Pairs(path.name, joined(there), len(found) - len(there), tuple(skipped or ()))


def _pair(row: Row) -> Pair:
    more, less = row.text("sent_more").strip(), row.text("sent_less").strip()
    direction = row.text("stereo_antistereo", STEREO)
    if direction not in (STEREO, ANTI):
        raise row.error(f"'stereo_antistereo' must be {STEREO} or {ANTI}, not {direction!r:.60}")
    if (words_in := max(len(_WORD.findall(text)) for text in (more, less))) > _MOST_WORDS:
        raise row.error(
            f"a sentence has {words_in:,} words, and at most {_MOST_WORDS} are compared"
        )
    words, places = template(more, less)
    return Pair(
        id=row.optional("id") or row.optional("") or row.name(),
        more=" ".join(more.split()),
        less=" ".join(less.split()),
        category=row.text("bias_type"),
        direction=direction,
        cluster=row.optional("cluster") or words,
        minimal=places == 1,
    )


def template(one: str, other: str) -> tuple[str, int]:
    """What two sentences have in common, with ``…`` where they differ, and in how many places."""
    a, b = (_WORD.findall(folded(text)) for text in (one, other))
    parts: list[str] = []
    places = 0
    for kind, start, end, _, _ in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        places += kind != "equal"
        parts += a[start:end] if kind == "equal" else ["…"]
    return " ".join(parts), places


def joined(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs, those that have a sentence or a template in common in one cluster."""
    items = list(pairs)
    parents = list(range(len(items)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    first: dict[str, int] = {}
    for at, pair in enumerate(items):
        keys = (f"cluster {pair.cluster}", *(f"text {folded(t)}" for t in (pair.more, pair.less)))
        for key in keys:
            one, other = root(first.setdefault(key, at)), root(at)
            parents[max(one, other)] = min(one, other)
    return [replace(pair, cluster=items[root(at)].cluster) for at, pair in enumerate(items)]
