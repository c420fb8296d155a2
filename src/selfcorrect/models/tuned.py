"""``tuned.toml``: what a model's folder says of how it was tuned, and on what.

It lies beside the weights, and is no part of the model's fingerprint: those say what they are.
A stranger's folder may hold one too, so nothing in it is opened or run; it only ever refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import tomli_w

from selfcorrect import toml_lines
from selfcorrect.errors import UserError
from selfcorrect.regular import read_file

TUNED = "tuned.toml"
#: Two million texts have 40 MB.
_LARGEST = 128 * 2**20


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

    def after(self, before: Tuned) -> Tuned:
        """The same of a model that was tuned already, as ``before`` says: it knows those texts and
        clusters, too."""
        clusters = {
            task: self.clusters.get(task, frozenset()) | before.clusters.get(task, frozenset())
            for task in {**before.clusters, **self.clusters}
        }
        return replace(self, trained=self.trained | before.trained, clusters=clusters)

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
        table = toml_lines.parse(read_file(file, _LARGEST).decode())
        trained = _table(table, "trained")
        clusters = {
            task: frozenset(_texts(names, f"clusters.{task}"))
            for task, names in _table(trained, "clusters").items()
        }
        parts = {part: _table(table, part) for part in ("parent", "texts", "settings", "result")}
        known = frozenset(_texts(trained.get("texts"), "texts"))
        return Tuned(**parts, trained=known, clusters=clusters)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"{file} can't be read ({why}), so what the model was trained on isn't known: tune it "
            "again."
        ) from None


def _table(held: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = held.get(name)
    if not isinstance(found, dict):
        raise ValueError(f"it has no table {name}")
    return found


def _texts(held: object, name: str) -> list[str]:
    """A list of texts: of anything else nobody could say that it knows no text."""
    if not isinstance(held, list) or not all(isinstance(each, str) for each in held):
        raise ValueError(f"trained.{name} is no list of texts")
    return held
