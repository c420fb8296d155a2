"""From messages to token ids, and nothing that a message holds can become a marker of the template.

A chat template is a program we know nothing about: it may add a system prompt, trim contents or
rewrite earlier turns. So a transcript is always rendered whole and tokenised whole, and reuse is
decided afterwards, on token ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message, fold, message, reads_text_only
from selfcorrect.models.local import thinking
from selfcorrect.models.local.program import RAISED, SMALL, Program, reason
from selfcorrect.models.local.prompts import Prompt, plain
from selfcorrect.models.local.specials import Specials, check_whole
from selfcorrect.models.local.vision.eyes import Eyes
from selfcorrect.models.local.vision.seen import Look

#: Private characters; one stands for an image where a template has no place for any.
_FURTHER = 0xF0000
_PLAIN_TITLES = {"system": "Instruction", "user": "User", "assistant": "Assistant", "tool": "Tool"}
#: Text that ends a reply of a model without a template: the start of somebody else's turn.
PLAIN_STOPS = tuple(f"\n{title}:" for title in _PLAIN_TITLES.values())

_FOLDED = {
    "system": "the template has no system role: folded into the user's turn",
    "tool": "the template has no tool role: shown in the user's turn as what a tool has returned",
}


_NO_PLACE = "the chat template has no place for images: they stand where the messages have them"
_MISSING = "the chat template leaves out or rewrites {} of the turns so far"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A transcript as shown: its text, its tokens, and what had to be done differently."""

    text: str
    prompt: Prompt
    notes: tuple[str, ...] = ()


@dataclass
class Template:
    """A tokenizer's chat template, or the stated plain rendering if it has none.

    The plain rendering is ``Title: text`` for each message, a blank line between, where the
    titles are Instruction, User, Assistant and Tool; a reply ends where another title begins.

    Attributes:
        found: how it may have its model think; ``None`` where nothing hints that it does.
        style: the same, once it was said whether the model is to think.
        thinks: it is. Else a block of thoughts is closed before a reply begins; no reply begins
            inside one.
        program: the template; ``None`` without one.
        eyes: what the model sees by; ``None`` for a model of text.
        special: the tokenizer's special tokens.
        places: the template has a place for images; else they stand where the message has them.
    """

    tokenizer: Any
    eyes: Eyes | None = None
    found: thinking.Style | None = field(init=False, default=None)
    style: thinking.Style | None = field(init=False, default=None)
    thinks: bool = field(init=False, default=False)
    program: Program | None = field(init=False, default=None)
    plain: bool = field(init=False)
    takes_system: bool = field(init=False)
    takes_tool: bool = field(init=False)
    places: bool = field(init=False, default=False)
    opening: str = field(init=False)
    markers: tuple[str, ...] = field(init=False)
    special: Specials = field(init=False)

    def __post_init__(self) -> None:
        self.special = Specials(self.tokenizer)
        self.plain = not self.tokenizer.chat_template
        self.program = None if self.plain else Program(self.tokenizer)
        user, reply = message("user", "\ue100"), message("assistant", "\ue101")
        self.takes_system = self._takes([message("system", "\ue103"), user], "\ue103")
        self.takes_tool = self._takes([user, reply, message("tool", "\ue103")], "\ue103")
        self.markers = self._plain_markers(self._probe())
        self.places = self._has_places()
        if self.program is not None:
            self.found = thinking.find(
                self.program.tried, self.program.text, sorted(self.special.texts)
            )
        self.opening = self._opening()

    def think(self, thinks: bool) -> None:
        """Have the model think before it replies, or not; see :attr:`thinks`."""
        self.style = self.found
        self.thinks = thinks and self.style is not None
        self.opening = self._opening()

    def _opening(self) -> str:
        """What stands between a user's message and a reply."""
        probe = self._probe() + self._closing("")
        return probe[probe.rindex("\ue102") + 1 :] if "\ue102" in probe else ""

    def _probe(self) -> str:
        return self._apply([message(m["role"], m["content"]) for m in SMALL], open_turn=True)

    def _takes(self, messages: list[Message], sentinel: str) -> bool:
        try:
            return sentinel in self._apply(messages, open_turn=False)
        except RAISED:
            return False

    def _plain_markers(self, probe: str) -> tuple[str, ...]:
        """Markers that are ordinary text (``[INST]``): contents that hold them can't be escaped."""
        found: set[str] = set()
        for piece in re.split("[\ue100-\ue103]", probe)[1:]:
            if not self.special.named(piece):
                found |= {word for word in piece.split() if re.search(r"[\[\]<>|:]", word)}
        return tuple(sorted(found))

    def _has_places(self) -> bool:
        if self.eyes is None or self.eyes.closed or self.program is None:
            return False
        parts = [{"type": "image"}, {"type": "text", "text": "\ue100"}]
        shown = self.program.tried([{"role": "user", "content": parts}], True) or ""
        return shown.count(self.eyes.mark) == 1 and "\ue100" in shown

    def _apply(self, messages: Sequence[Message], *, open_turn: bool) -> str:
        if self.program is None:
            turns = [f"{_PLAIN_TITLES.get(m.role, m.role)}:{_spaced(m.text)}" for m in messages]
            return "\n\n".join([*turns, "Assistant:"] if open_turn else turns)
        style = self.style
        switch = {} if style is None else style.on if self.thinks else style.off
        return self.program([self._turn(m) for m in messages], open_turn, **switch)

    def _turn(self, m: Message) -> thinking.Turn:
        """A message, with its thought where the template shows those of earlier rounds."""
        style = self.style
        if m.images:
            parts = [
                {"type": "image"} if isinstance(p, Image) else {"type": "text", "text": p}
                for p in m.parts
            ]
            return {"role": m.role, "content": parts}
        text = m.text
        if style is None or not m.thought or not style.keeps:
            return {"role": m.role, "content": text}
        if style.keeps == "inline":
            return {"role": m.role, "content": f"{style.opener}{m.thought}{style.closer}{text}"}
        return {"role": m.role, "content": text, style.keeps: m.thought}

    def _closing(self, thought: str | None) -> str:
        """What follows a prompt up to where a reply begins, or up to where a thought does.

        Args:
            thought: before the reply; ``None``: it is to be made.
        """
        style = self.style
        if style is None:
            return ""
        if not self.thinks:
            return style.closed
        opener = "" if style.begun else style.opener
        return opener if thought is None else f"{opener}{thought}{style.closer}"

    def render(
        self, messages: Sequence[Message], turn: str | None, thought: str | None = ""
    ) -> Rendered:
        """Render and tokenise a transcript.

        Args:
            messages: the messages so far; successive ones of one role are already one.
            turn: what stands in the assistant's open turn (prefill, earlier replies of the same
                turn), or ``None`` if no reply is asked for.
            thought: what was thought before the open turn; ``None``: it is to be thought now, and
                ``turn`` is empty.

        Raises:
            UserError: the template refuses these roles in this order.
        """
        try:
            return self._render(messages, turn, thought, middle=True)
        except RAISED:
            pass  # it may take a role at the start and refuse it in the middle
        try:
            return self._render(messages, turn, thought, middle=False)
        except RAISED as error:
            roles = ", ".join(m.role for m in messages) or "no message"
            raise UserError(
                f"the model's chat template refuses a dialogue of these turns: {roles} "
                f"({reason(error)}); if that is about turns, give the strategy ones that begin "
                "with the user and alternate, and if it is about a text, leave its example out."
            ) from error

    def _render(
        self, messages: Sequence[Message], turn: str | None, thought: str | None, *, middle: bool
    ) -> Rendered:
        folded, notes = self._fold(messages, middle)
        shown, safe, swaps = self._swapped(folded, [thought or "", turn or ""])
        looks, mark = self._looks(folded), ""
        if looks and self.eyes is not None:
            mark = self.eyes.mark if self.places else _free("".join(_texts(shown)) + "".join(safe))
            shown = shown if self.places else [_marked(m, mark) for m in shown]
        text = self._apply(shown, open_turn=turn is not None)
        missing = sum(any(part.strip() not in text for part in _texts([m])) for m in shown)
        if missing:
            notes += (_MISSING.format(missing),)
        if turn is not None:
            text += self._closing(None if thought is None else safe[-2])
        if turn:
            # "Assistant:" wants a space before the words; a chat template's opening doesn't.
            text += _spaced(safe[-1]) if self.plain else safe[-1]
        forged = sum(any(marker in part for part in _texts(messages)) for marker in self.markers)
        if forged:
            notes += (f"text holds {forged} plain-text markers of the chat template",)
        if swaps:
            notes += ("special tokens in the text were spelled out",)
        if not swaps and not looks:
            return Rendered(text, plain(self.encode(text, template=True)), notes)
        names = [image.name for m in folded for image in m.images]
        return self._pieced(text, swaps, mark, list(zip(looks, names, strict=True)), notes)

    def _pieced(
        self,
        text: str,
        swaps: Mapping[str, str],
        mark: str,
        looks: Sequence[tuple[Look, str]],
        notes: tuple[str, ...],
    ) -> Rendered:
        """A transcript from its rendered text.

        Args:
            text: as the template has it.
            swaps: characters in it that stand for texts of special tokens.
            mark: what stands in it for an image; "" where it holds none.
            looks: the images, with their names.
            notes: so far.
        """
        ids: list[int] = []
        shown, run, seen = "", "", 0
        marks = [mark] if mark else []
        pieces = re.split("(" + "|".join(map(re.escape, [*swaps, *marks])) + ")", text)
        for piece in [*pieces, ""]:
            if piece and piece == mark:
                if seen < len(looks):
                    look, name = looks[seen]
                    run, shown = run + look.text, f"{shown}[image: {name}]"
                seen += 1
            elif piece and piece not in swaps:
                run, shown = run + piece, shown + piece
            elif piece:
                ids += self.encode(run, template=True, begins=not ids) if run else []
                ids += self.special.spelled(swaps[piece])
                run, shown = "", shown + swaps[piece]
        ids += self.encode(run, template=True, begins=not ids) if run else []
        if seen != len(looks):
            raise _other_number(seen, len(looks))
        if not looks or self.eyes is None:
            return Rendered(shown, plain(ids), notes)
        notes += tuple(dict.fromkeys(note for look, _ in looks for note in look.notes))
        if not self.places and not self.plain:
            notes += (_NO_PLACE,)
        return Rendered(shown, self.eyes.prompt(ids, [look for look, _ in looks]), notes)

    def _looks(self, messages: Sequence[Message]) -> list[Look]:
        """The images of messages, as the model sees them.

        Raises:
            UserError: the model reads text only, or can't be shown one.
        """
        images = [image for m in messages for image in m.images]
        if images and self.eyes is None:
            raise reads_text_only(images[0])
        return [self.eyes.look(image) for image in images] if self.eyes is not None else []

    def _swapped(
        self, messages: Sequence[Message], more: Sequence[str]
    ) -> tuple[list[Message], list[str], dict[str, str]]:
        """Messages and further texts with characters for the special tokens in them, and what each
        of the characters stands for."""
        texts, thoughts = _texts(messages), [m.thought for m in messages]
        safe, swaps = self.special.swap([*texts, *thoughts, *more])
        said, thought = iter(safe), iter(safe[len(texts) :])
        shown = [
            Message(m.role, tuple(p if isinstance(p, Image) else next(said) for p in m.parts))
            for m in messages
        ]
        shown = [Message(m.role, m.parts, next(thought)) for m in shown]
        return shown, safe[len(texts) + len(thoughts) :], swaps

    def encode(self, text: str, *, template: bool = False, begins: bool = True) -> list[int]:
        """Token ids of rendered text; only the plain rendering lets the tokenizer add its BOS.

        Raises:
            UserError: no tokenizer takes it.
        """
        check_whole(text)
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=template and self.plain and begins
        )["input_ids"]
        return ids

    def content(self, text: str) -> list[int]:
        """Token ids of a text that stands by itself; nothing in it is a special token."""
        return self.special.spelled(text) if self.special.holds(text) else self.encode(text)

    def _fold(
        self, messages: Sequence[Message], middle: bool
    ) -> tuple[list[Message], tuple[str, ...]]:
        """Give roles the template refuses to the user.

        ``middle``: whether system and tool messages may stand after the first message.
        """
        takes = {"system": self.takes_system, "tool": self.takes_tool}

        def refused(at: int, each: Message) -> bool:
            return each.role in takes and not (takes[each.role] and (middle or at == 0))

        folded, roles = fold(messages, refused)
        return folded, tuple(_FOLDED[role] for role in roles)


def _texts(messages: Sequence[Message]) -> list[str]:
    return [part for m in messages for part in m.parts if isinstance(part, str)]


def _free(text: str) -> str:
    """A private character that stands nowhere in a text."""
    return next(c for c in map(chr, range(_FURTHER, _FURTHER + 65_000)) if c not in text)


def _marked(m: Message, mark: str) -> Message:
    """A message of text, with a mark in the place of each image."""
    text = "".join(f"{mark}\n" if isinstance(part, Image) else part for part in m.parts)
    return message(m.role, text, m.thought)


def _other_number(shown: int, said: int) -> UserError:
    if shown == 1:
        return UserError(
            f"this model takes one image in a dialogue, and it is to be shown {said}; use a model "
            "that takes several, or show it one."
        )
    return UserError(
        f"the model's chat template shows {shown} images of {said}; use a model that takes "
        "several, or correct chat_template in its folder."
    )


def _spaced(text: str) -> str:
    """The text after a colon: a reply may bring its space along."""
    return text if text[:1].isspace() else f" {text}"
