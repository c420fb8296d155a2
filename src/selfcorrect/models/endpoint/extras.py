"""What only some servers can: asked when it is first needed, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.models.endpoint import probing
from selfcorrect.models.endpoint.capabilities import Row
from selfcorrect.models.endpoint.served import Served

_CAN = {True: "yes", False: "no"}


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
        """Both, each with what is done then."""
        for what, name, probe, can, else_ in (
            ("images", "images", probing.sees, "examples may have them",
             "examples with images are refused"),
            ("hidden states", "states", probing.tells_states, "they can be read, and concepts",
             "there is no reading of concepts"),
        ):  # fmt: skip
            before = len(self.served.doubts)
            can_it = self._once(name, probe)
            known = can_it or len(self.served.doubts) == before
            yield Row(what, _CAN[can_it] if known else "not known", can if can_it else else_)

    @property
    def _model(self) -> str:
        return f"{self.served.name!r} at {self.served.server.address.place}"

    def _once(self, what: str, probe: Callable[[Served], Coroutine[Any, Any, bool]]) -> bool:
        """What a probe finds out, the first time."""
        with self._asking:
            if what not in self._found:
                self._found[what] = self.served.server.run(probe(self.served))
        return self._found[what]
