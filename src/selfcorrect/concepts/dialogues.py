"""Labelled dialogues: what a concept is found in where it shows over several messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from selfcorrect.errors import nearest
from selfcorrect.tasks.data.rows import Row

#: Role and text of each message, in order.
Messages = tuple[tuple[str, str], ...]

_ROLES = ("system", "user", "assistant")


def messages_of(row: Row) -> Messages:
    """The ``messages`` of a row, ``role`` and ``content`` each. A reply is due after them: the last
    is the user's, or the beginning of the assistant's reply.

    Raises:
        UserError: they aren't that, with file and line.
    """
    found = []
    for number, entry in enumerate(row.get("messages", list), 1):
        if not isinstance(entry, Mapping):
            raise row.error(f"message {number} must be an object with 'role' and 'content'")
        role, content = entry.get("role"), entry.get("content")
        if role not in _ROLES:
            raise row.error(f"message {number} has the role {role!r}: {nearest(str(role), _ROLES)}")
        if not isinstance(content, str):
            raise row.error(f"the content of message {number} must be text")
        row.writable(f"message {number}", content)
        found.append((str(role), content))
    if not any(role == "user" for role, _ in found):
        raise row.error("none of the messages is the user's: there is nothing to reply to")
    if found[-1][0] == "system":
        raise row.error(
            "the last message is the system's: end with the user's, or with the beginning of the "
            "assistant's reply"
        )
    return tuple(found)


def as_text(messages: Messages) -> str:
    """What is said in a dialogue, for whoever looks at words alone."""
    return "\n\n".join(text for _, text in messages)


def changed(shown: str | Messages, change: Callable[[str], str]) -> str | Messages:
    """A text, or every message of a dialogue, changed."""
    if isinstance(shown, str):
        return change(shown)
    return tuple((role, change(text)) for role, text in shown)
