"""The places of a transcript at which hidden states are read."""

from __future__ import annotations

from selfcorrect.errors import UserError
from selfcorrect.models.base import Site

#: see :class:`selfcorrect.models.base.Site`
BEFORE_ANSWER, FIRST_ANSWER, END_OF_MESSAGE = "before_answer", "first_answer", "end_of_message"


def message_number(site: Site) -> int | None:
    """The k of ``end_of_message:k``; ``None`` for a site at the answer.

    Raises:
        UserError: the site is at no such place.
    """
    if site.at in (BEFORE_ANSWER, FIRST_ANSWER):
        return None
    name, _, number = site.at.partition(":")
    if name != END_OF_MESSAGE or not number.removeprefix("-").isdecimal():
        raise UserError(
            f"hidden states can't be read at {site.at!r}: use {BEFORE_ANSWER!r}, "
            f"{FIRST_ANSWER!r} or '{END_OF_MESSAGE}:NUMBER'."
        )
    return int(number)


def message_index(site: Site, messages: int) -> int | None:
    """The same, counted from the first of so many messages.

    Raises:
        UserError: as above, or there is no such message.
    """
    number = message_number(site)
    if number is None:
        return None
    if not -messages <= number < messages:
        raise UserError(
            f"hidden states can't be read at {site.at!r}: the transcript has {messages} messages, "
            f"0 to {messages - 1}."
        )
    return number % messages
