"""A stranger's folder, looked at before and after anything in it is opened."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.local.sense import check_numbers, check_sizes

#: Weights that a network may leave out: they are computed, or belong to a head that isn't used.
_SPARE = re.compile(r"pooler|position_ids|inv_freq|masked_bias|attn\.bias$|token_type_ids")
#: Plain words in some scripts. Whoever reads none of them reads no text.
_PLAIN = (
    "the people said that it is good and you are not", "люди говорят что это хорошо и ты нет",
    "人们说这很好而你不是", "人々はそれが良いと言います", "사람들은 그것이 좋다고 말합니다",
    "يقول الناس إن هذا جيد وأنت لا", "लोग कहते हैं कि यह अच्छा है", "οι άνθρωποι λένε ότι είναι καλό",
)  # fmt: skip


def read_folder(folder: Path, name: str) -> Any:
    """What ``config.json`` of a model's folder holds, once the folder was looked at.

    The one door of every folder of weights, whatever is made of it: nothing in it is opened that
    isn't a plain file, and nothing is made of a size that its bytes don't have.

    Args:
        folder: it has a ``config.json``.
        name: of the model.

    Raises:
        UserError: it holds what is no plain file, weights that lie elsewhere, or sizes that can't
            be.
    """
    check_files(folder, name)
    check_sizes(folder, name)
    file = folder / "config.json"
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not valid JSON ({error}); download it again.") from error
    check_numbers(folder, name, held)
    return held


def check_files(folder: Path, name: str) -> None:
    """Raise UserError where a folder holds what is no plain file (a device, a pipe), lists weights
    that lie outside of it, or is an adapter of a model that lies elsewhere."""
    for file in _files(folder):
        try:
            kind = file.stat().st_mode
        except OSError:
            continue  # a link that leads nowhere is as good as no file
        if not stat.S_ISREG(kind):
            raise UserError(
                f"the folder {name} holds {file.name!r}, which is no plain file; give a folder "
                "with files alone."
            )
    if (folder / "adapter_config.json").exists():  # where peft is there, it would be opened
        raise UserError(
            f"the folder {name} holds adapter_config.json, an adapter of another model that it "
            "only names, by any path: merge both into one folder, or move that file away."
        )
    for index in folder.glob("*.index.json"):
        for part in _listed(index):
            path = PurePosixPath(part.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts:
                raise UserError(
                    f"{index} lists {part!r:.80}, which lies outside the folder; download the "
                    "model again."
                )


def check_tokenizer(what: str, folder: Path, tokenizer: Any) -> None:
    """Raise UserError where a tokenizer isn't the folder's, or knows no words.

    Without files transformers makes one up, to which every word is the same unknown one.

    Args:
        what: is read, to begin the sentence with.
        folder: where its files should lie.
        tokenizer: as it was opened.
    """
    names = {"tokenizer.json", *getattr(tokenizer, "vocab_files_names", {}).values()}
    stored = len(names) > 1 or not tokenizer.is_fast
    if stored and not any((folder / each).is_file() for each in names):
        raise UserError(
            f"{what} has no tokenizer: there is no {_either(names)} in its folder; download it too."
        )
    if all(_unread(tokenizer, text) for text in _PLAIN):
        raise UserError(
            f"the tokenizer of {what} knows no words: most of a plain sentence is unknown to it; "
            "download it again."
        )


def left_out(network: Any, unexpected: Iterable[str]) -> str | None:
    """A weight that belongs to the body of a network and has no place in it, such as one of a
    layer that the configuration leaves out; ``None`` if there is none. Heads of another use and
    what is computed anyway don't count.

    Args:
        network: of transformers.
        unexpected: the weights that it has no place for.
    """
    prefix = getattr(network, "base_model_prefix", "")
    body = getattr(network, prefix, network) if prefix else network
    parts = {part for part, _ in body.named_children()}
    for key in sorted(unexpected):
        inner = key.removeprefix(f"{prefix}.")
        inside = inner.partition(".")[0] in parts and (inner != key or body is network)
        if inside and not _SPARE.search(key):
            return key
    return None


def _unread(tokenizer: Any, text: str) -> bool:
    found = tokenizer(text, add_special_tokens=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    return not found or (unknown is not None and 2 * found.count(unknown) > len(found))


def _either(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))


def _files(folder: Path) -> Iterator[Path]:
    """What a folder and its subfolders hold; no library looks deeper, nor follows links there."""
    for at, below, names in os.walk(folder):
        yield from (Path(at) / name for name in names)
        if Path(at) != folder:
            below.clear()


def _listed(index: Path) -> Iterator[str]:
    try:
        held = json.loads(index.read_text("utf-8"))
    except (ValueError, RecursionError, OSError):
        return  # the loader says what is wrong
    parts = held.get("weight_map") if isinstance(held, dict) else None
    if isinstance(parts, dict):
        yield from {part for part in parts.values() if isinstance(part, str)}
