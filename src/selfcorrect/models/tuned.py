"""``tuned.toml``: what a model's folder says of how it was tuned, and on what.

It lies beside the weights, and is no part of the model's fingerprint: those say what they are.
A stranger's folder may hold one too, so nothing in it is opened or run; it only ever refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import tomli_w

from selfcorrect import toml_lines
from selfcorrect.errors import UserError
from selfcorrect.regular import SMALL, read_file

TUNED = "tuned.toml"


@dataclass(frozen=True)
class Tuned:
    """How a model was tuned.

    Attributes:
        parent: name and fingerprint of the model that it was made from.
        texts: the file's name, how many texts and tokens, and their digest.
        settings: learning rate, steps, seed and so on.
        result: the loss before and after, and what else came out.
        trained: sixteen hex digits of each text, see :func:`text_key`.
        clusters: task → its clusters that the texts are of.
    """

    parent: Mapping[str, str]
    texts: Mapping[str, Any]
    settings: Mapping[str, Any]
    result: Mapping[str, Any] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    clusters: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def toml(self) -> bytes:
        """The file's content."""
        table = {
            "parent": dict(self.parent),
            "texts": dict(self.texts),
            "settings": dict(self.settings),
            "result": dict(self.result),
            "trained": {
                "texts": sorted(self.trained),
                "clusters": {task: sorted(names) for task, names in self.clusters.items()},
            },
        }
        return tomli_w.dumps(table).encode("utf-8", "replace")

    def knows(self, texts: Iterable[str]) -> bool:
        """Whether one of some texts was trained on."""
        return any(text_key(text) in self.trained for text in texts)


def text_key(text: str) -> str:
    """What two texts have in common that differ in capitals and blanks only."""
    plain = " ".join(text.split()).casefold()
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def read_tuned(name: str) -> Tuned | None:
    """How a model was tuned; ``None`` where its name is no folder, or the folder doesn't say.

    Args:
        name: of a model, as for ``--model``.

    Raises:
        UserError: the file is damaged, so that nobody knows what the model was trained on.
    """
    file = Path(name).expanduser() / TUNED
    try:
        if not file.is_file():
            return None
        table = toml_lines.parse(read_file(file, SMALL).decode())
        trained = table.get("trained", {})
        clusters = {
            str(task): frozenset(map(str, names))
            for task, names in dict(trained.get("clusters", {})).items()
        }
        parts = {k: dict(table.get(k, {})) for k in ("parent", "texts", "settings", "result")}
        known = frozenset(map(str, trained.get("texts", ())))
        return Tuned(**parts, trained=known, clusters=clusters)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} can't be read ({error}), so what the model was trained on isn't known: tune "
            "it again."
        ) from None
