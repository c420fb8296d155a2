"""What a model is shown of a dialogue: its messages, no two neighbours of one role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from selfcorrect.messages.message import BETWEEN, Message, joined, message


@dataclass(slots=True)
class Transcript:
    """The messages of one dialogue. Successive ones of one role are one message.

    Attributes:
        messages: in order.
    """

    messages: tuple[Message, ...] = ()

    def say(self, new: Message) -> None:
        """Append a message."""
        earlier = self.messages
        if earlier and earlier[-1].role == new.role:
            earlier, new = earlier[:-1], joined(new.role, [earlier[-1], new])
        self.messages = (*earlier, new)

    def restart(self, messages: Iterable[Message]) -> None:
        """Start over with these messages."""
        self.messages = ()
        for each in messages:
            self.say(each)

    def branch(self) -> Transcript:
        """A copy that goes its own way."""
        return Transcript(self.messages)

    def open_turn(self) -> tuple[tuple[Message, ...], str]:
        """What stands before the assistant's next words: the messages before its turn, and the
        beginning of the turn, which is empty unless the assistant spoke last."""
        if self.messages and self.messages[-1].role == "assistant":
            return self.messages[:-1], self.messages[-1].text + BETWEEN
        return self.messages, ""

    @property
    def thought(self) -> str:
        """What was thought before the open turn's beginning; "" where the turn hasn't begun."""
        last = self.messages[-1] if self.messages else None
        return last.thought if last is not None and last.role == "assistant" else ""

    def close_turn(self, turn: str, thought: str = "") -> None:
        """Enter the assistant's whole turn, in the place of what :meth:`open_turn` gave of it, with
        what was thought before it, unless that was entered with its beginning."""
        earlier, _ = self.open_turn()
        self.messages = (*earlier, message("assistant", turn, self.thought or thought))


def say_all(transcripts: Sequence[Transcript], messages: Sequence[Message | None]) -> None:
    """Append a message to each transcript; ``None`` leaves one as it is."""
    for mine, new in zip(transcripts, messages, strict=True):
        if new is not None:
            mine.say(new)


def restart_all(
    transcripts: Sequence[Transcript], messages: Sequence[Sequence[Message] | None]
) -> None:
    """Start each transcript over; ``None`` leaves one as it is."""
    for mine, new in zip(transcripts, messages, strict=True):
        if new is not None:
            mine.restart(new)


#: Stands before what a tool has returned, where it is shown in the user's turn.
TOOL_RESULT = "A tool has returned this:\n"


def fold(
    messages: Iterable[Message], refused: Callable[[int, Message], bool]
) -> tuple[list[Message], list[str]]:
    """Give messages whose role is refused to the user.

    A system message is joined to the next user message, or, where none follows, to the one before.
    Any other becomes a user message where it stands, a tool's one that says so
    (:data:`TOOL_RESULT`). Neighbours of one role are joined.

    Args:
        messages: in order.
        refused: whether a message, at its index, can't keep its role.

    Returns:
        The messages, and the roles that were given to the user.
    """
    roles: list[str] = []
    folded = Transcript()
    pending: list[Message] = []
    for at, each in enumerate(messages):
        mine = each
        if refused(at, each):
            roles.append(each.role)
            if each.role == "system":
                pending += [each] if any(each.parts) else []
                continue
            named = [message("user", TOOL_RESULT)] if each.role == "tool" else []
            mine = Message("user", tuple(part for one in (*named, each) for part in one.parts))
        if mine.role == "user" and pending:
            mine, pending = joined("user", [*pending, mine]), []
        folded.say(mine)
    if pending:
        folded.say(joined("user", pending))
    return list(folded.messages), list(dict.fromkeys(roles))
