"""Requests that are under way at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from selfcorrect.models.endpoint.answers import Completion
from selfcorrect.models.endpoint.failures import RefusedError
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.wire import Ask

T = TypeVar("T")


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in order. What fails first ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def drawn(
    served: Served, one: Ask, seeds: Sequence[int]
) -> list[tuple[Sequence[int], Completion, tuple[str, ...]]]:
    """Replies to one prompt, in as few requests as the server takes: all at once, else in twos (as
    it was tried with), else one by one.

    Returns:
        For each request the seeds that its replies stand for, the first of which was sent; its
        answer, which may hold fewer; and notes.

    Raises:
        TooLongError, UserError: as :meth:`Served.ask`.
    """
    able = served.able.n and len(seeds) > 1
    sizes = [n for n in (len(seeds), 2) if able and n <= served.most_replies]
    for size in dict.fromkeys((*sizes, 1)):
        parts = [seeds[at : at + size] for at in range(0, len(seeds), size)]
        asks = [replace(one, seed=part[0], n=len(part)) for part in parts]
        try:
            found = await together([served.ask(ask) for ask in asks])
        except RefusedError:
            if size == 1:
                raise  # so it isn't their number
            continue
        if size < len(seeds) and able:
            served.most_replies = min(served.most_replies, size)
        return [(part, *each) for part, each in zip(parts, found, strict=True)]
    return []
