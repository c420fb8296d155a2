"""What a chat template does with thoughts, found by rendering small dialogues with it.

No template is known by name. What its text mentions only says what is worth trying.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from selfcorrect.errors import UserError
from selfcorrect.messages import MARKS
from selfcorrect.models.thought import Thinking

#: A message as templates get it.
Turn = dict[str, Any]

#: Stand in a dialogue for what was asked, said and thought; no template has them.
_ASKED, _SAID, _THOUGHT = "\ue110", "\ue111", "\ue112"
#: Keys of a message under which templates look for its thought.
_FIELDS = ("reasoning_content", "reasoning", "thinking", "thought")
_SWITCH = re.compile(r"(?<![\w.])(?=[A-Za-z_]\w*)\w*(?:think|reason)\w*", re.IGNORECASE)
_NEGATIVE = re.compile(r"^(?:no|not|non|skip|disable|without|hide)_|_(?:off|disabled)$")
#: Identifiers that are tried at most.
_MOST = 16
#: Characters of a file that are looked at: where a tokenizer's own tokens stand, and all.
_HEAD, _LONG = 1 << 18, 1 << 22
#: In a template, or among a tokenizer's own tokens: there is something to try.
SIGN = re.compile(r"think|reason|analysis|thought", re.IGNORECASE)


class Apply(Protocol):
    """Renders a dialogue; ``None`` where the template raises."""

    def __call__(self, turns: Sequence[Turn], open_turn: bool, **switch: Any) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Style:
    """How thoughts are written, and how a template is asked for them.

    Attributes:
        opener: what a block begins with.
        closer: what stands between a thought and what is said.
        mark: the part of it that a model writes to end its thought.
        on, off: what a template is told so that the model thinks, or doesn't.
        begun: told ``on``, the template begins the block itself.
        closed: what has to follow a prompt told ``off`` so that no block is open, and none begins.
        keeps: how a thought is handed to a template that shows it in later rounds: the key of its
            message, ``inline`` as a part of its content; "" for one that doesn't show it.
        certain: rendering shows that the model is made to think. Else only its texts hint at it.
    """

    opener: str
    closer: str
    mark: str
    on: Mapping[str, Any]
    off: Mapping[str, Any]
    begun: bool
    closed: str
    keeps: str
    certain: bool

    @property
    def switch(self) -> str:
        """What turns thinking off, as a user would write it; "" where we have to."""
        return ", ".join(f"{name}={str(value).lower()}" for name, value in self.off.items())


def find(apply: Apply, text: str, tokens: Iterable[str]) -> Style | None:
    """How a template's models think; ``None`` where nothing hints that they do.

    Args:
        apply: renders a dialogue.
        text: of the template.
        tokens: that the tokenizer has of its own.
    """
    held = text + "\0".join(tokens)
    if not hints(held):
        return None
    asked = [_turn("user", _ASKED)]
    whole = apply(asked, True) or ""
    switches = list(_switches(apply, asked, whole, text))
    tails = [_tail(each) for each in (whole, *(t for s in switches for t in (s.on, s.off)))]
    marks = next((m for m in MARKS if any(_state(tail, m) for tail in tails)), None)
    spoken = _by_field(apply, whole, switches)
    marks = marks or spoken or next((m for m in MARKS if _in(held, m)), None)
    if marks is None:
        return None
    switch = _best(switches, marks)
    on = switch.told_on if switch else {}
    shown_on, shown_off = (_tail(t) for t in ((switch.on, switch.off) if switch else (whole,) * 2))
    opener, closer = _written(marks, tails)
    state = _state(shown_off, marks)
    closed = {"open": closer, "closed": "", "": "" if switch else opener + closer}[state]
    return Style(
        opener=opener,
        closer=closer,
        mark=marks[1],
        on=on,
        off=switch.told_off if switch else {},
        begun=_state(shown_on, marks) == "open",
        closed=closed,
        keeps=_keeps(apply, on, opener, closer, by_field=spoken is not None),
        certain=bool(switch or spoken or state),
    )


def chosen(name: str, style: Style | None, asked: Thinking) -> Literal["", "auto", "off", "on"]:
    """Whether a model is to think.

    Args:
        name: the model's.
        style: how it may.
        asked: for what.

    Returns:
        "" for a model that doesn't; ``auto`` where only a reply can tell.

    Raises:
        UserError: it is asked to think and can't.
    """
    if style is None:
        if asked == "on":
            raise UserError(
                f"{name} can't be made to think: neither its chat template nor its tokens know of "
                "thoughts; leave out --thinking on (model.thinking)."
            )
        return ""
    if asked != "auto":
        return asked
    if not style.certain:
        return "auto"
    return "off" if style.off else "on"


def sentence(name: str, style: Style, mode: str, asked: Thinking, most: int) -> str:
    """What was chosen, for people."""
    if not mode:
        return f"{name} doesn't think: its template mentions thoughts, but a reply began with none"
    if mode == "on":
        later = "keeps" if style.keeps else "drops"
        said = (
            f"{name} thinks before it replies, in up to {most} tokens (--max-thinking), and its "
            f"template {later} the thoughts of earlier rounds"
        )
        return said if asked == "on" else f"{said}; --thinking off ends them at once"
    how = f"its template is told {style.switch}" if style.off else "each block is ended at once"
    said = f"{name} doesn't think before it replies: {how}"
    return said if asked == "off" else f"{said}; --thinking on lets it"


def may_think(folder: Path) -> bool:
    """Whether a model's files hint at thoughts: asked before a tokenizer is opened, which takes
    seconds."""
    told = [folder / "tokenizer_config.json", *folder.glob("*.jinja"), *folder.glob("*/*.jinja")]
    if any(hints(_beginning(file, _LONG)) for file in told):
        return True
    # of the tokens, only a block's marks: a vocabulary holds words such as "reason"
    tokens = _beginning(folder / "tokenizer.json", _HEAD)
    return any(_in(tokens, marks) for marks in MARKS)


def _beginning(file: Path, length: int) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(length)
    except OSError:
        return ""


def hints(held: str) -> bool:
    """Whether a template's text, or a tokenizer's own tokens, hint at thoughts."""
    return SIGN.search(held) is not None or any(_in(held, marks) for marks in MARKS)


def _in(held: str, marks: tuple[str, str]) -> bool:
    return marks[1] in held and (_ends_alone(marks) or marks[0] in held)


def _ends_alone(marks: tuple[str, str]) -> bool:
    """Whether the end of a block ends nothing else."""
    return marks[1].startswith(("</", "[/", "◁/"))


@dataclass(frozen=True, slots=True)
class _Switch:
    """A name that changes a rendering, and the renderings told either of its values."""

    told_on: Mapping[str, Any]
    told_off: Mapping[str, Any]
    on: str
    off: str


def _switches(apply: Apply, asked: Sequence[Turn], whole: str, text: str) -> Iterator[_Switch]:
    names = dict.fromkeys(match[0] for match in _SWITCH.finditer(text))
    tried = [n for n in names if "effort" not in n and n not in _FIELDS[:2]][:_MOST]
    for name in tried:
        values = (True, False) if "budget" not in name else (None, 0)
        shown = [
            whole if value is None else apply(asked, True, **{name: value}) for value in values
        ]
        if None in shown or shown[0] == shown[1]:
            continue
        both = [(value, each or "") for value, each in zip(values, shown, strict=True)]
        if any(str(value) in each and str(value) not in whole for value, each in both):
            continue  # it is printed, not asked
        pairs = [({} if value is None else {name: value}, each) for value, each in both]
        if _NEGATIVE.search(name):
            pairs.reverse()
        (told_on, on), (told_off, off) = pairs
        yield _Switch(told_on, told_off, on, off)


def _best(switches: Sequence[_Switch], marks: tuple[str, str]) -> _Switch | None:
    """The switch that most plainly opens and closes a block, turned the way that it does."""

    def opens(shown: str) -> int:
        return {"": 0, "closed": -1, "open": 1}[_state(_tail(shown), marks)]

    best = max(switches, key=lambda each: abs(opens(each.on) - opens(each.off)), default=None)
    if best is None or opens(best.on) >= opens(best.off):
        return best
    return _Switch(best.told_off, best.told_on, best.off, best.on)


def _tail(shown: str) -> str:
    """What a template writes after the last that was asked."""
    return shown.rpartition(_ASKED)[2]


def _state(tail: str, marks: tuple[str, str]) -> str:
    """Whether a block is left ``open`` at the end of a prompt, or was ``closed`` there."""
    opener, closer = (tail.rfind(mark) for mark in marks)
    if opener > closer:
        return "open"
    return "closed" if closer >= 0 and (opener >= 0 or _ends_alone(marks)) else ""


def _by_field(apply: Apply, whole: str, switches: Sequence[_Switch]) -> tuple[str, str] | None:
    """The marks that a template itself writes around the thought of a message; ``None`` where it
    shows none."""
    for told, prompt in [({}, whole), *((s.told_on, s.on) for s in switches)]:
        for name in _FIELDS:
            turns = [_turn("user", _ASKED), {**_turn("assistant", _SAID), name: _THOUGHT}]
            shown = apply(turns, False, **told) or ""
            before, thought, after = shown.partition(_THOUGHT)
            between, said, _ = after.partition(_SAID)
            if not (thought and said):
                continue
            begun = _tail(before).removeprefix(_tail(prompt)).strip()
            ended = between.strip()
            opened = _tail(before) + _tail(prompt)
            known = next((m for m in MARKS if m[0] in opened and m[1] in between), None)
            if known or (begun and ended and "\n" not in begun + ended):
                return known or (begun, ended)
    return None


def _written(marks: tuple[str, str], tails: Sequence[str]) -> tuple[str, str]:
    """A block's beginning and end, as this template breaks their lines."""
    opener, closer = marks
    if opener.startswith("<|channel|>"):
        return opener, f"{closer}<|start|>assistant<|channel|>final<|message|>"
    states = [(tail, _state(tail, marks)) for tail in tails]
    written = (tail.rpartition(opener)[2] for tail, state in states if state == "open")
    ended = (tail.rpartition(closer)[2] for tail, state in states if state == "closed")
    begins = opener + next((rest for rest in written if not rest.strip()), "\n")
    ends = closer + next((rest for rest in ended if not rest.strip()), "\n\n")
    return begins, ("\n" if begins.endswith("\n") else "") + ends


def _keeps(
    apply: Apply, told: Mapping[str, Any], opener: str, closer: str, *, by_field: bool
) -> str:
    """How a template is handed the thought of an earlier round so that it shows it.

    One that looks for thoughts under a key of their own, and shows those of the latest turn only,
    drops them.
    """

    def shows(turn: Turn) -> bool:
        turns = [_turn("user", "a"), {**_turn("assistant", _SAID), **turn}, _turn("user", _ASKED)]
        return _THOUGHT in (apply(turns, True, **told) or "")

    for name in _FIELDS:
        if shows({name: _THOUGHT}):
            return name
    if by_field:
        return ""
    return "inline" if shows({"content": f"{opener}{_THOUGHT}{closer}{_SAID}"}) else ""


def _turn(role: str, text: str) -> Turn:
    return {"role": role, "content": text}
