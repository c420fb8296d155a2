"""A model's folder, tuned on texts into another folder that ``--model`` takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import kind_of
from selfcorrect.models.local.files import Source, locate
from selfcorrect.models.tuned import TUNED, Tuned, read_tuned, text_key
from selfcorrect.places import writing
from selfcorrect.runs.store import Store
from selfcorrect.tasks.data.texts import Text, digest_of
from selfcorrect.tuning.fit import Fitted, Settings, Told, check_lora, encoded, fit

#: Of a model's folder: its weights, and what says where they lie.
_WEIGHTS = (".safetensors", ".bin", ".index.json", ".gguf")
_PART = ".part"
USUAL = Settings()


def source_of(name: str, *, trust: bool = False) -> Source:
    """The files of a model that can be tuned.

    Raises:
        UserError: it can't be, or isn't there.
    """
    if (kind := kind_of(name)) == "served":
        raise UserError(
            f"{name} is behind a server, which doesn't let its weights be tuned: give a folder of "
            "transformers, or a Hugging Face id."
        )
    if kind in ("planted", "function"):
        raise UserError(f"{name} has no weights to be tuned: give a folder of transformers.")
    if name.lower().endswith(".gguf"):
        raise UserError(
            f"{name} is a GGUF file, whose weights are rounded for use and not for tuning: give "
            "the folder of transformers that it was made from."
        )
    return locate(name, trust=trust)


def opened(source: Source, longest: int = 0) -> tuple[Any, Any, list[int]]:
    """A model's network in float32, its tokenizer, and the token that begins a text.

    Raises:
        UserError: it can't be read, or texts are to be longer than its context window.
    """
    import torch

    from selfcorrect.models.local.loading import read_network, read_tokenizer
    from selfcorrect.models.local.texts import begin_of

    tokenizer = read_tokenizer(source)
    network = read_network(source, torch.float32)
    context = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    if context is not None and longest >= context:
        raise UserError(
            f"texts of {longest:,} tokens don't fit the context window of {source.name}, which has "
            f"{context:,}: give a smaller --longest."
        )
    return network, tokenizer, begin_of(source.name, tokenizer)


def tune(
    model: str,
    texts: Sequence[Text],
    out: str | Path,
    settings: Settings = USUAL,
    *,
    device: str = "auto",
    trust: bool = False,
    name: str = "",
    every: int = 25,
    told: Told = lambda *_: None,
) -> Path:
    """Tune a model on texts, or go on where that was stopped.

    While it is under way its state lies in ``OUT.part``.

    Args:
        model: a folder, a Hugging Face id or ``smollm2``.
        texts: to tune on.
        out: the folder to be made.
        settings: learning rate, steps and so on.
        device: where it is computed.
        trust: the Python in the model's folder may be run.
        name: of the texts, for ``tuned.toml``.
        every: so many steps lie between two states that are kept.
        told: after each step.

    Returns:
        The folder, which holds the model, its tokenizer and ``tuned.toml``.

    Raises:
        UserError: the model can't be tuned, it isn't known what it was tuned on before, the folder
            is there already, or the loss became no number; then the folder holds the last good
            state, if there is one.
    """
    from selfcorrect.models.local.machine import resolve
    from selfcorrect.models.local.reading import quiet

    place, part = _places(out)
    source = source_of(model, trust=trust)
    before = read_tuned(model)
    if settings.lora:
        check_lora()
    settings = settings.for_texts(len(texts))
    network, tokenizer, begins = opened(source, settings.longest)
    _check_room(network, place)
    rows = encoded(tokenizer, [each.text for each in texts], begins, settings.longest)
    device = resolve("float32", device)[1]
    with Store(part).lock():  # another command would write into the same files
        _places(out)
        fitted = fit(
            network, rows, settings,
            device=device, keep=part, of=source.fingerprint, every=every, told=told,
        )  # fmt: skip
        made = part / "model"
        shutil.rmtree(made, ignore_errors=True)
        tuned = _tuned(source, texts, settings, fitted, sum(map(len, rows)), name)
        if before is not None:  # it has seen what its parent has
            tuned = tuned.after(before)
        with quiet(), writing(place):
            fitted.network.cpu().save_pretrained(made)
            for file in made.glob("*.safetensors"):  # which are written for nobody else to read
                file.chmod((made / "config.json").stat().st_mode)
            _copy_tokenizer(source.folder, made)
            (made / TUNED).write_bytes(tuned.toml())
            os.replace(made, place)
        shutil.rmtree(part, ignore_errors=True)
    if fitted.stopped is not None:
        raise UserError(
            f"the loss became no number in step {fitted.stopped + 1} of {settings.steps} at the "
            f"rate {settings.rate:g}; {place} holds the last good state, of step "
            f"{len(fitted.losses)}: give a smaller --rate and another --out for all of it."
        )
    return place


def _places(out: str | Path) -> tuple[Path, Path]:
    """The folder to be made, and the one beside it in which the work lies.

    Raises:
        UserError: something is there already, or it can't be made.
    """
    try:
        place = Path(out).expanduser().resolve()
        if place.exists():
            raise UserError(f"{out} is there already: give the name of a new folder with --out.")
        if not place.parent.is_dir():
            raise UserError(f"there is no folder {place.parent} for {out}: make it first.")
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{str(out)!r:.200} can't be a folder's place: {error}.") from None
    part = place.with_name(place.name + _PART)
    if part.is_symlink() or (part.exists() and not part.is_dir()):
        raise UserError(f"{part} is in the way, and is no folder: move it away.")
    return place, part


def _check_room(network: Any, place: Path) -> None:
    """Before any step: weights of four bytes each have to find room in the end.

    Raises:
        UserError: they won't.
    """
    needed = 4 * sum(each.numel() for each in network.parameters())
    free = shutil.disk_usage(place.parent).free
    if free < needed:
        raise UserError(
            f"the tuned model takes {needed / 2**20:,.0f} MiB, and {place.parent} has "
            f"{free / 2**20:,.0f} MiB left: make room, or give an --out elsewhere."
        )


def _copy_tokenizer(folder: Path, made: Path) -> None:
    """All that isn't weights or configuration, as it stands: tokenizer and template. What a link
    leads to outside of the model is left where it is: a tuned folder may be given away."""
    inside = folder.resolve()
    if inside.parent.name == "snapshots":  # the hub's cache, where files are links to its blobs
        inside = inside.parent.parent
    for file in sorted(folder.iterdir()):
        kept = file.suffix in (".json", ".jinja", ".model", ".txt", ".py")
        weights = file.name.endswith(_WEIGHTS)
        own = file.resolve().is_relative_to(inside)
        if own and file.is_file() and kept and not weights and not (made / file.name).exists():
            shutil.copyfile(file, made / file.name)


def _tuned(
    source: Source,
    texts: Sequence[Text],
    settings: Settings,
    fitted: Fitted,
    tokens: int,
    name: str,
) -> Tuned:
    clusters: dict[str, set[str]] = {}
    for each in texts:
        if each.task:
            clusters.setdefault(each.task, set()).add(each.cluster)
    losses = fitted.losses
    result: dict[str, Any] = {"steps": len(losses)}
    if losses:
        result |= {"first_loss": losses[0], "last_loss": losses[-1]}
    if fitted.stopped is not None:
        result["stopped"] = "the loss became no number"
    return Tuned(
        parent={"name": source.name, "fingerprint": source.fingerprint},
        texts={"name": name, "n": len(texts), "tokens": tokens, "digest": digest_of(texts)},
        settings=asdict(settings),
        result=result,
        trained=frozenset(
            text_key(text) for each in texts for text in (each.text, each.usual) if text
        ),
        clusters={task: frozenset(names) for task, names in clusters.items()},
    )
