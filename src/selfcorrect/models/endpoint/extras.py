"""What only some servers can: asked when it is first needed, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.models.endpoint import probing
from selfcorrect.models.endpoint.capabilities import Row, unknown
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.together import together

_QUESTIONS = {"images": "does it take them?", "hidden states": "does it send them?"}


class Extras:
    """Whether a server takes images and sends hidden states. For use from several threads."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._found: dict[str, bool] = {}
        self._asking = threading.Lock()

    def check_images(self, images: Sequence[Image]) -> None:
        """Check that the server takes images.

        Raises:
            UserError: it doesn't.
        """
        if not self._once("images", probing.sees):
            raise UserError(
                f"{self._model} takes no images, and it is to be shown {images[0].name}; serve a "
                "model that sees, or leave out examples with images."
            )

    def check_states(self) -> None:
        """Check that the server sends hidden states.

        Raises:
            UserError: it doesn't.
        """
        if not self._once("states", probing.tells_states):
            raise UserError(
                f"hidden states can't be read from {self._model}; serve it by vLLM with the plugin "
                "vllm-lens, use a local model, or ask for no states."
            )

    def rows(self) -> Iterator[Row]:
        """Both, each with what is done then; asked at the same time."""
        work = [_found_out(self.served, probe) for probe in (probing.sees, probing.tells_states)]
        (sees, seeing), (tells, telling) = self.served.server.run(together(work))
        then = "examples may have them" if sees else "examples with images are refused"
        yield _row(Row("images", _yes(sees), then), sees, seeing)
        then = "they can be read, and concepts" if tells else "no concepts can be read"
        yield _row(Row("hidden states", _yes(tells), then), tells, telling)

    @property
    def _model(self) -> str:
        return f"{self.served.name!r} at {self.served.server.address.place}"

    def _once(self, what: str, probe: Callable[[Served], Coroutine[Any, Any, bool]]) -> bool:
        """What a probe finds out, the first time."""
        with self._asking:
            if what not in self._found:
                self._found[what] = self.served.server.run(probe(self.served))
        return self._found[what]


async def _found_out(
    served: Served, probe: Callable[[Served], Coroutine[Any, Any, bool]]
) -> tuple[bool, str]:
    """What a probe finds out, and what kept it from that; "" where nothing did."""
    mine = replace(served, doubts=[])
    try:
        return await probe(mine), next(iter(mine.doubts), "")
    except UserError as error:  # a package that it would be read with isn't installed
        return False, str(error)


def _row(row: Row, can: bool, doubt: str) -> Row:
    return unknown(row, _QUESTIONS[row.what]) if doubt and not can else row


def _yes(can: bool) -> str:
    return "yes" if can else "no"
