"""What a reply that nobody began says is the answer: its statements, and which of them counts.

A statement is a form of words that gives an option as the answer ("the answer is (b)", a box, a
line that is nothing but a letter). A letter or an option's text anywhere else is none. What is
negated, asked, supposed, or another's opinion is none either. The last one counts, unless it is
taken back or ruled out after it, or one that disagrees stands right beside it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from selfcorrect.tasks.lettered import phrases
from selfcorrect.tasks.lettered.canonical import BOX, BOX_END, canonical
from selfcorrect.tasks.lettered.guards import (
    WINDOW,
    after_clause,
    around,
    beside,
    holds,
    is_name,
    undone,
)
from selfcorrect.tasks.plain import EDGE

#: Of a text that is full of statements only the last ones are looked at.
_MOST = 24
_OPEN = r"[(\[\"'⟦{]{0,3} ?"
_LETTER = re.compile(rf"{_OPEN}(?P<letter>[a-z])(?!\w)(?P<shut>(?: ?[)\]⟧}}]){{0,3}}[\"']?)")
_JOIN = re.compile(
    r"(?: ?[,/&+] ?(?:(?:and|or|und|oder|et|ou|y|o) )?| (?:and|or|and/or|und|oder|et|ou|y|o) )"
)
#: What may follow a letter without a bracket, or an option's text.
_ENDS = re.compile(
    r" ?(?:\Z|\n|[.,;:!?)\]}\"'⟧](?!\w)|[-–—=](?![\w-])|[-–—] )"
    r"|,? (?:because|since|which|due to|given that|based on|instead|weil|denn|parce|porque|puisque"
    r"|perché|потому|omdat)(?!\w)"
    r"| \([a-z]\)| ?(?:です|である|だ|が|입니다|이다|因为|, 因)"
)
_LETTER_BEFORE = re.compile(
    r"(?<![\w'])((?:option |choice |answer )?)([(\[\"']?)([a-z])([)\]\"']?)\Z"
)
#: What an item of a list begins with.
_ITEM = re.compile(r"(?:\A|(?<= ))[(\[]?([a-z])[)\].:] ?(?=\w|\Z)")
_JUDGES = re.compile(r"(?:is|was|seems|looks|isn't|wasn't|can't|cannot|fits)(?!\w)")
_UNKEPT = re.compile(r"(?<!\w)(?:not|n't|never|cannot|if|whether|should|why|no longer)(?!\w)")
_BULLET = re.compile(r"(?:[-•] |[>#]+ ?|\d{1,2}[.)] )*")


@dataclass(frozen=True, slots=True)
class Statement:
    """A place in a text that gives an answer.

    Attributes:
        options: the options that it names: one, or several that it can't tell apart.
        start, end: of it in the canonical text.
        letter: where its letter stands in the text itself; ``None`` where it is named by its text.
        keeps: it keeps an earlier answer, the last or the first one.
    """

    options: frozenset[int]
    start: int
    end: int
    letter: int | None = None
    keeps: Literal["", "last", "first"] = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a text says is the answer; a problem, or what :class:`Statement` has.

    Attributes:
        begins: it is what the text begins with, so that more text after it hardly changes it.
    """

    option: int | None
    problem: str | None
    letter: int | None = None
    keeps: Literal["", "last", "first"] = ""
    begins: bool = False


class Reply:
    """A reply and the options that it may name.

    Args:
        text: without thoughts.
        choices: the options' texts.
        leads: further texts that an answer follows.
    """

    def __init__(self, text: str, choices: Sequence[str], leads: Sequence[str] = ()) -> None:
        shown = canonical(text)
        self.text, self._places = shown.text, shown.places
        self.labels = "abcdefghijklmnopqrstuvwxyz"[: len(choices)]
        self.texts = [_plain(each).strip(EDGE) for each in choices]
        every = [_plain(each).strip().rstrip("([{ ") for each in leads]
        self._leads = [each for each in every if each and BOX not in each]

    def stated(self) -> Stated:
        """The answer, or why there is none: ``empty``, ``no option``, ``several options``."""
        if not self.text.strip(EDGE + BOX + BOX_END):
            return Stated(None, "empty")
        found = self._all()
        if not found:
            return Stated(None, "no option")
        last = found[-1]
        if undone(self.text, last.end, [self.labels[k] for k in last.options]):
            return Stated(None, "no option")
        for other in reversed(found[:-1]):
            if other.options and last.options and other.options != last.options:
                if beside(self.text, other.end, last.start):
                    return Stated(None, "several options")
                break
            if not beside(self.text, other.end, last.start):
                break
        if last.keeps:
            return Stated(None, "no option", keeps=last.keeps)
        if len(last.options) > 1:
            return Stated(None, "several options")
        begins = not self.text[: last.start].strip(EDGE)
        return Stated(next(iter(last.options)), None, last.letter, begins=begins)

    # -- statements -------------------------------------------------------------------------------

    def _all(self) -> list[Statement]:
        """Every statement, in the order of the text; of those that overlap that which ends last."""
        found = [
            *self._led(), *self._boxed(), *self._judged(), *self._lines(), *self._kept()
        ]  # fmt: skip
        found.sort(key=lambda each: (each.end, -each.start))
        kept: list[Statement] = []
        for each in found:
            while kept and each.start <= kept[-1].start and each.options:
                kept.pop()
            if kept and each.start < kept[-1].end and kept[-1].options and not each.options:
                continue
            kept.append(each)
        return kept

    def _led(self) -> Iterator[Statement]:
        """After words that lead in to an answer."""
        for lead in _last(phrases.LEAD.finditer(self.text)):
            weak = phrases.WEAK.match(lead[0]) is not None and not lead["of"]
            weak = weak and not lead[0].rstrip().endswith(":")
            found = self._named(lead.end(), by_text=not weak) or (
                self._named(lead.start("of"), by_text=not weak) if lead["of"] else None
            )
            if found is None:
                continue
            noun = lead.start("noun") if lead["noun"] else None
            if holds(self.text, lead.start(), found.end, noun):
                yield _from(found, lead.start())
        for words in self._leads:
            pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words.split())) + r" ?:? ?"
            for match in _last(re.finditer(pattern, self.text)):
                found = self._named(match.end(), by_text=True)
                if found is not None and holds(self.text, match.start(), found.end, None):
                    yield _from(found, match.start())

    def _boxed(self) -> Iterator[Statement]:
        for box in _last(re.finditer(rf"{BOX}([^{BOX}{BOX_END}]*){BOX_END}", self.text)):
            inside = re.match(r" ?(?:(?:the )?(?:answer|option|choice)(?: is)? ?:? ?)?", box[1])
            at = box.start(1) + (inside.end() if inside else 0)
            found = self._named(at, by_text=True)
            if found is not None and holds(self.text, box.start(), box.end(), None, strict=False):
                yield Statement(found.options, box.start(), box.end(), found.letter)

    def _judged(self) -> Iterator[Statement]:
        """An option that is said to be the right one: "(b) is correct"."""
        for right in _last(phrases.RIGHT.finditer(self.text)):
            found = self._before(right.start())
            if found is not None and holds(self.text, found.start, right.end(), None):
                yield Statement(found.options, found.start, right.end(), found.letter)

    def _before(self, end: int) -> Statement | None:
        """The option whose letter or text ends at a place."""
        text = self.text[max(0, end - WINDOW) : end].rstrip()
        offset = max(0, end - WINDOW)
        letter = _LETTER_BEFORE.search(text)
        if letter and letter[3] in self.labels:
            if letter[3] in "ai" and not (letter[1] or letter[4]):
                sentence, _ = around(text, letter.start(), letter.start())
                begins = not after_clause(sentence).strip(EDGE)
                if letter[3] == "i" or not begins:
                    return None
            option = frozenset({self.labels.index(letter[3])})
            place = self._places[offset + letter.start(3)]
            return Statement(option, offset + letter.start(), end, place)
        known = [k for k, each in enumerate(self.texts) if each and _ends_with(text, each)]
        longest = max((len(self.texts[k]) for k in known), default=0)
        options = frozenset(k for k in known if len(self.texts[k]) == longest)
        if not options:
            return None
        start = offset + len(text) - longest
        # a text counts where it is all that is called right, and no end of something longer
        clause = after_clause(self.text[max(0, start - WINDOW) : start]).strip(EDGE + " ")
        return None if clause else Statement(options, start, end)

    def _lines(self) -> Iterator[Statement]:
        """Lines that are nothing but an option: the first with what follows, and the last."""
        lines, at = [], 0
        for line in self.text.split("\n"):
            bullet = _BULLET.match(line)
            begin = at + (bullet.end() if bullet else 0)
            if line.strip():
                lines.append((begin, at + len(line)))
            at += len(line) + 1
        if not lines:
            return
        listed = self._listed(lines)
        begin, end = lines[0]
        if (found := self._begun(begin, end)) and not (found.options & listed):
            yield found
        if len(lines) > 1:
            begin, end = lines[-1]
            found = self._whole(begin, end)
            if found is not None and (not listed or self._apart(lines)):
                yield found

    def _apart(self, lines: Sequence[tuple[int, int]]) -> bool:
        """Whether the last line, after options that are shown again, is none of these: a letter
        alone that isn't the next one, or a text where the others have letters."""
        *others, last = (self.text[b:e].strip() for b, e in lines)
        marks = [mark[1] for each in others if (mark := _ITEM.match(each))]
        if alone := re.fullmatch(r"\W*([a-z])\W*", last):
            return not marks or ord(alone[1]) != ord(marks[-1]) + 1
        if mark := _ITEM.match(last):
            return mark[1] in marks
        plain = {each.strip(EDGE) for each in others}
        return last.strip(EDGE) in self.texts and not plain & set(self.texts)

    def _listed(self, lines: Sequence[tuple[int, int]]) -> frozenset[int]:
        """Options that are only shown again: several lines, or places in a line, begin with the
        letter of one and its own text or any other."""
        found: list[int] = []
        for begin, end in lines:
            for match in _ITEM.finditer(self.text[begin:end]):
                label = match[1]
                starts = match.start() == 0
                if label not in self.labels:
                    continue
                option = self.labels.index(label)
                start = begin + match.end()
                rest = self.text[start : min(end, start + len(self.texts[option]) + WINDOW)]
                starts = starts and not _JUDGES.match(rest)
                if starts or _begins_with(rest, self.texts[option]):
                    found.append(option)
        plain = [self.text[b:e].strip(EDGE) for b, e in lines]
        found += [k for k, each in enumerate(self.texts) if each and each in plain]
        several = frozenset(found)
        return several if len(several) > 1 else frozenset()

    def _begun(self, begin: int, end: int) -> Statement | None:
        """What the text begins with, where that is an option; its first line ends at a place."""
        found = self._named(begin, by_text=False)
        if found is None:
            return self._whole(begin, end)
        if not holds(self.text, begin, found.end, None, strict=False):
            return None
        shut = self.text[found.end - 1 : found.end] in tuple(")]}⟧")
        tail = self.text[found.end :]
        rest = tail.lstrip(" .,;:!?\"'-–—=)]}⟧").strip()
        own = len(found.options) == 1 and _begins_with(rest, self.texts[next(iter(found.options))])
        because = re.match(r"\W*(?:because|since|as|which|due to|given|based)(?!\w)", tail)
        if not rest or own or because or len(found.options) > 1:
            return found
        others = re.search(rf"[(\[][{self.labels}][)\]]|(?<!\w)option [{self.labels}](?!\w)", tail)
        if shut or re.match(r"[\"'.!]{0,2} ?\n", tail):
            return None if others else found
        return None

    def _whole(self, begin: int, end: int) -> Statement | None:
        """An option that is all of a line or text, perhaps as "option b"."""
        head = re.match(
            r"(?:(?:final |correct |my |the )?(?:answer|option|choice|letter|opción|réponse|antwort"
            r"|respuesta)\.? ?[:=]? ?)?",
            self.text[begin:end],
        )
        at = begin + (head.end() if head else 0)
        found = self._named(at, by_text=True)
        if found is None or not holds(self.text, begin, found.end, None, strict=False):
            return None
        rest = self.text[found.end : end].strip(EDGE + " -–—=" + BOX_END)
        if not rest:
            return Statement(found.options, begin, end, found.letter)
        option = next(iter(found.options))
        own = len(found.options) == 1 and rest in (self.texts[option], self.labels[option])
        return Statement(found.options, begin, end, found.letter) if own else None

    def _kept(self) -> Iterator[Statement]:
        for match in _last(phrases.KEEP.finditer(self.text)):
            before, after = around(self.text, match.start(), match.end())
            if _UNKEPT.search(before):
                continue
            if after.rstrip().endswith("?") or phrases.AFTER.match(after):
                continue
            first = match["which"] or match["which2"]
            yield Statement(
                frozenset(), match.start(), match.end(), None, "first" if first else "last"
            )

    # -- what is named at a place -----------------------------------------------------------------

    def _named(self, at: int, *, by_text: bool) -> Statement | None:
        """The option that a letter or, if wanted, an option's text names right at a place."""
        found = self._letters(at)
        return found or (self._text_at(at) if by_text else None)

    def _letters(self, at: int) -> Statement | None:
        match = _LETTER.match(self.text, at)
        if match is None or match["letter"] not in self.labels:
            return None
        options, end = {self.labels.index(match["letter"])}, match.end()
        one, single = match, match.end()
        while join := _JOIN.match(self.text, end):
            more = _LETTER.match(self.text, join.end())
            if more is None or more["letter"] not in self.labels or not self._shut(more):
                break
            options.add(self.labels.index(more["letter"]))
            end = more.end()
        if len(options) == 1:
            end = single
            option = next(iter(options))
            tail = self.text[end:].lstrip(" .,:-–—=)]}⟧\"'")
            own = _begins_with(tail, self.texts[option])
            line = tail.partition("\n")[0]
            bare = not one["shut"].strip()
            if not (self._shut(one) or own) or (
                bare and not own and is_name(self.text, match.end("letter"), option, self.texts)
            ):
                return None
            after = line[len(self.texts[option]) :].strip(EDGE + BOX_END)
            if own and bare and after and self.text[end : end + 1] == " " and one["letter"] in "ai":
                return None  # "a true statement"
            longest = max((t for t in self.texts if _begins_with(line, t)), key=len, default="")
            if longest and longest != self.texts[option] and not own:
                rest = line[len(longest) :].strip(EDGE + BOX_END)
                if not rest or one["shut"]:
                    options |= {k for k, each in enumerate(self.texts) if each == longest}
        return Statement(frozenset(options), at, end, self._place(match.start("letter")))

    def _shut(self, match: re.Match[str]) -> bool:
        """Whether a letter ends there, and isn't an article or the beginning of something else."""
        closed = match["shut"].strip(" \"'") != ""
        rest = self.text[match.end() :]
        if closed:
            return not re.match(r"\w", rest)
        if match["shut"].strip():  # a quotation mark
            return True
        return _ENDS.match(rest) is not None

    def _text_at(self, at: int) -> Statement | None:
        start = at + len(re.match(r"[(\[\"'⟦{ ]{0,4}", self.text[at:])[0])  # type: ignore[index]
        to = self.text.startswith("to ", start) and not any(t.startswith("to ") for t in self.texts)
        start += 3 * to
        fits = [
            k for k, each in enumerate(self.texts)
            if each and self.text.startswith(each, start)
            and _ENDS.match(self.text[start + len(each) :])
        ]  # fmt: skip
        if not fits:
            return None
        longest = max(len(self.texts[k]) for k in fits)
        options = frozenset(k for k in fits if len(self.texts[k]) == longest)
        return Statement(options, at, start + longest)

    def _place(self, at: int) -> int:
        return self._places[at]


@lru_cache(maxsize=256)
def _plain(text: str) -> str:
    """An option's text, or a lead-in: the same ones are looked for in many replies."""
    return canonical(text).text


def _from(found: Statement, start: int) -> Statement:
    return Statement(found.options, start, found.end, found.letter)


def _last(matches: Iterator[re.Match[str]]) -> Sequence[re.Match[str]]:
    return deque(matches, maxlen=_MOST)


def _begins_with(text: str, wanted: str) -> bool:
    """Whether a text begins with an option's text, as whole words."""
    return bool(wanted) and text.startswith(wanted) and not re.match(r"\w", text[len(wanted) :])


def _ends_with(text: str, wanted: str) -> bool:
    return text.endswith(wanted) and not re.search(r"\w\Z", text[: len(text) - len(wanted)])
