"""A chat template as the program it is: what it has to be told so that it shows what is said.

It may want a content as text or as parts, ask for today's date, or raise. That is found out once,
by rendering a small dialogue; a template that can't show one is refused. It is somebody else's, so
it is rendered within limits (:mod:`.rendering`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2.exceptions import TemplateError

from selfcorrect.errors import UserError
from selfcorrect.models.local.rendering import LONGEST, render
from selfcorrect.text import visible

_LONGEST_REASON = 500  # characters of what a template raises that are shown
#: What templates are told that ask for today's date: with the true one, no run could be repeated.
TODAY = datetime(2025, 1, 1, 12)
DATED = f"its chat template asks for today's date, and is always told {TODAY:%d %B %Y}"
#: Whatever a template raises; that it passes a limit is a UserError.
RAISED = TemplateError
#: Names under which templates look for the thought of a message.
_THOUGHTS = ("reasoning_content", "thinking", "reasoning")

#: A small dialogue: what was said are characters that no template has.
SMALL = [
    {"role": "user", "content": "\ue100"},
    {"role": "assistant", "content": "\ue101"},
    {"role": "user", "content": "\ue102"},
]
_CLOCK = "strftime_now"
_FORMAT = re.compile(_CLOCK + r"""\(\s*(['"])(.*?)\1""")
# Templates are given plain data only, so the clock is a macro that looks the date up.
_MACRO = (
    "{{%- macro {}(format) -%}}{{{{- selfcorrect_dates.get(format, '{}') -}}}}{{%- endmacro -%}}"
)
_SHORT = TODAY.strftime("%d %b %Y")
#: Names under which templates want to be told a date.
_NAMES = re.compile(r"\b(?:date|date_string|current_date|today|now|current_time|datetime)\b")


class Program:
    """A tokenizer's chat template.

    Attributes:
        text: its source.
        dated: it is told :data:`TODAY` where it asks for a date.
    """

    def __init__(self, tokenizer: Any) -> None:
        """Raises UserError: it can't render a plain dialogue."""
        held = tokenizer.chat_template
        self.text = "\n".join(map(str, held.values())) if isinstance(held, dict) else str(held)
        self._where = str(getattr(tokenizer, "name_or_path", "")) or "the model"
        if len(self.text) > LONGEST:
            raise UserError(
                f"the chat template of {self._where} has {len(self.text):,} characters, and the "
                f"longest that is rendered {LONGEST:,}; use another model."
            )
        self.dated = _CLOCK in self.text
        self._source = _source(tokenizer)
        self._told: dict[str, Any] = _special(tokenizer)
        self._parts = False
        if self.dated:
            formats = {match[2] for match in _FORMAT.finditer(self.text)}
            self._source = _MACRO.format(_CLOCK, _SHORT) + self._source
            dates = {each: TODAY.strftime(each) for each in sorted(formats)}
            self._told["selfcorrect_dates"] = dates
        self._find_a_way()

    def __call__(self, turns: Sequence[dict[str, Any]], open_turn: bool, **switch: Any) -> str:
        """Render messages; ``open_turn`` ends with the beginning of the assistant's turn.

        Raises:
            RAISED: the template does, or there is no message.
            UserError: the template passes a limit.
        """
        if not turns:
            raise TemplateError("there is no message")
        if self._parts:
            turns = [{**t, "content": _as_parts(t["content"])} for t in turns]
        told: dict[str, Any] = {"tools": None, "documents": None}
        told |= {"add_generation_prompt": open_turn, "messages": [*map(_with_thought, turns)]}
        return render(self._source, {**told, **self._told, **switch}, self._where)

    def tried(self, turns: Sequence[dict[str, Any]], open_turn: bool, **switch: Any) -> str | None:
        """The same; ``None`` where the template raises."""
        try:
            return self(turns, open_turn, **switch)
        except RAISED:
            return None

    def _find_a_way(self) -> None:
        """Contents as text, else as parts; without a date, else with one."""
        dates = dict.fromkeys(_NAMES.findall(self.text), _SHORT)
        told, raised = self._told, None
        for more in ({}, dates) if dates else ({},):
            for self._parts in (False, True):
                self._told = {**told, **more}
                try:
                    shown = self(SMALL, True)
                except RAISED as error:
                    raised = raised or error
                    continue
                if "\ue100" in shown and "\ue102" in shown:
                    self.dated = self.dated or bool(more)
                    return
        if raised is not None:
            raise UserError(
                f"the model's chat template can't render a plain dialogue ({reason(raised)}); "
                "correct chat_template in its folder."
            ) from raised
        raise UserError(
            "the model's chat template leaves out what the user says, given as text or as parts; "
            "correct chat_template in its folder."
        )


def _as_parts(content: Any) -> Any:
    """A content as parts; one with images is that already."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _source(tokenizer: Any) -> str:
    """The template that is rendered, of several the default."""
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:
        raise UserError(
            f"the model's chat template can't render a plain dialogue ({reason(error)}); correct "
            "chat_template in its folder."
        ) from None


def _special(tokenizer: Any) -> dict[str, Any]:
    """A tokenizer's special tokens by the names that templates know them by."""
    found = tokenizer.special_tokens_map.items()
    return {k: [*map(str, v)] if isinstance(v, list | tuple) else str(v) for k, v in found}


def _with_thought(turn: Mapping[str, Any]) -> Mapping[str, Any]:
    """A turn with its thought under every name that templates look for."""
    thought = next((turn[name] for name in _THOUGHTS if turn.get(name) is not None), None)
    return turn if thought is None else {"thinking": thought, **turn, _THOUGHTS[0]: thought}


def reason(error: Exception) -> str:
    """What a template raised, on one line that can be shown."""
    said = visible(" ".join(str(error)[:_LONGEST_REASON].split()))
    return said or type(error).__name__
