"""The Python side of texts: which a model finds likelier, which it is unsure of, tuned on some."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfcorrect.arguments import public
from selfcorrect.errors import UserError
from selfcorrect.tuning import BATCH, LONGEST, RATE

if TYPE_CHECKING:
    from selfcorrect.evaluation.shown import Bias
    from selfcorrect.models.base import Model
    from selfcorrect.runs import RunSpec
    from selfcorrect.tasks.data.texts import Text
    from selfcorrect.tuning.chosen import Chosen


@public
def bias(
    model: str | Model = "smollm2",
    data: str | Path | None = None,
    *,
    skip_bad: bool = False,
    dtype: str = "auto",
    device: str = "auto",
    trust_remote_code: bool = False,
    base_url: str | None = None,
    page: str | Path | None = None,
    progress: bool = True,
) -> Bias:
    """Which sentence of a pair a model finds likelier: the one that stereotypes more?

    What ``selfcorrect bias`` does; the result is what it prints with ``--json``, and shows itself
    as its findings, in a notebook with its tables.

    Args:
        model: a name as in :func:`selfcorrect.run`, or a model that is open already.
        data: a file in the layout of CrowS-Pairs or StereoSet; by default pairs of our own.
        skip_bad: leave malformed lines of the data out, and count them.
        dtype, device, trust_remote_code, base_url: of a model that is named.
        page: write the page there, too; ``None`` writes none.
        progress: show how far it is.

    Returns:
        See :func:`selfcorrect.evaluation.bias.bias`: of pairs ``["versions"]["whole"]["share"]``
        and ``["gap"]`` (nats), of StereoSet ``["ss"]``, ``["lms"]``, ``["icat"]``; each with its
        interval and n.

    Raises:
        UserError: the file is bad, the model can't be opened, doesn't tell how likely texts are, or
            was tuned on a sentence of the data.
    """
    from selfcorrect.cli.parts import counted
    from selfcorrect.evaluation.bias import bias as measured
    from selfcorrect.evaluation.shown import Bias
    from selfcorrect.models import check_model
    from selfcorrect.places import new_file, put
    from selfcorrect.report.sheet import is_page
    from selfcorrect.report.sheet import page as as_page
    from selfcorrect.runs.prepare import open_model

    place = None if page is None else new_file(Path(page), "a page of ours", is_page)
    if not isinstance(model, str):
        check_model(model)
        opened = model
    else:
        opened = open_model(_spec(model, dtype, device, trust_remote_code, base_url).model)
    try:
        with counted("texts") if progress else nullcontext(_untold) as told:
            found = Bias(measured(opened, data, skip_bad=skip_bad, told=told))
    finally:
        if opened is not model:
            opened.close()
    if place is not None:
        put(place, as_page(found.sheet).encode("utf-8", "replace"))
    return found


@public
def choose(
    model: str = "smollm2",
    data: str | Path | None = None,
    *,
    size: int | None = None,
    samples: int = 5,
    swap: bool = False,
    limit: int | None = None,
    seed: int = 0,
    to: str | Path | None = None,
    dtype: str = "auto",
    device: str = "auto",
    trust_remote_code: bool = False,
    base_url: str | None = None,
    out: str | Path = "runs",
    progress: bool = True,
) -> Chosen:
    """Ask a model several times whether each text contains bias; choose texts by how sure it is.

    What ``selfcorrect choose`` does, with the same defaults. After a stop the same call goes on.

    Args:
        model: a name, as in :func:`selfcorrect.run`.
        data: a file of texts: JSONL, CSV, or a ``.txt`` file of lines; by default texts of our own.
        size: texts in each subset; a quarter by default.
        samples: replies drawn of each text, at least 2.
        swap: swap gendered words and names in the texts first.
        limit: ask about so many texts at most.
        seed: of all that is drawn.
        to: a new folder for the subsets; by default one in that of the run which asks.
        dtype, device, trust_remote_code, base_url, out, progress: as in :func:`selfcorrect.run`.

    Returns:
        ``.files`` (subset → its file, which :func:`tune` takes), ``.folder``, and ``.table``; all
        three are what the command prints with ``--json``. It shows itself as its findings.

    Raises:
        UserError: bad data, too few texts, a folder that is there, a model that can't be asked.
    """
    from selfcorrect.cli.display import shown
    from selfcorrect.tuning.chosen import choose_to

    spec = _spec(
        model, dtype, device, trust_remote_code, base_url, **{"seed": seed, "samples.k": samples}
    )
    place = None if to is None else Path(to)
    file = None if data is None else str(data)
    with shown(spec.model.name) if progress else nullcontext() as told:
        return choose_to(spec, file, size, place, limit=limit, swap=swap, out=out, progress=told)


@public
def tune(
    texts: str | Path | Sequence[str],
    out: str | Path,
    *,
    model: str = "smollm2",
    steps: int = 0,
    rate: float = RATE,
    batch: int = BATCH,
    lora: int = 0,
    longest: int = LONGEST,
    seed: int = 0,
    device: str = "auto",
    trust_remote_code: bool = False,
    progress: bool = True,
) -> Path:
    """Tune a model on texts, into a folder that ``run`` and all else take as a model.

    What ``selfcorrect tune`` does, with the same defaults. After a stop the same call goes on.

    Args:
        texts: a file, as for :func:`choose`, or the texts themselves.
        out: the folder of the new model.
        model: a name, as in :func:`selfcorrect.run`.
        steps: 0 is three passes over the texts.
        rate: the largest learning rate.
        batch: texts of a step.
        lora: rank of LoRA's matrices; 0 tunes all weights.
        longest: tokens that are read of a text.
        seed: of the order of the texts.
        device, trust_remote_code: as in :func:`selfcorrect.run`.
        progress: show how far it is.

    Returns:
        The folder; its ``tuned.toml`` says of which model, which texts and how.

    Raises:
        UserError: bad texts or settings, a model that can't be tuned, a folder that is there, or a
            loss that became no number; the folder then holds the last good state.
    """
    from selfcorrect.cli.parts import counted
    from selfcorrect.tasks.data.texts import read_texts
    from selfcorrect.tuning.fit import Settings
    from selfcorrect.tuning.options import TUNING
    from selfcorrect.tuning.tune import tune as made

    own: dict[str, Any] = {
        "steps": steps,
        "rate": rate,
        "batch": batch,
        "lora": lora,
        "longest": longest,
    }
    for name, value in own.items():
        least, whole = TUNING[name].least or 0, TUNING[name].kind is int
        if not isinstance(value, int if whole else (int, float)) or not value >= least:
            number = "whole number" if whole else "number"
            raise UserError(f"{name} must be a {number}, at least {least}, not {value!r:.60}.")
    named = isinstance(texts, (str, Path))
    found = read_texts(texts) if isinstance(texts, (str, Path)) else _plain(texts)
    spec = _spec(model, "auto", device, trust_remote_code, None, seed=seed)
    settings = Settings(**own, seed=spec.seed)
    with counted("steps") if progress else nullcontext(_untold) as told:
        return made(
            spec.model.name,
            found,
            out,
            settings,
            device=device,
            trust=trust_remote_code,
            name=Path(str(texts)).name if named else "",
            told=lambda now, every, _: told(now, every),
        )


def _spec(
    model: str, dtype: str, device: str, trust: bool, base_url: str | None, **more: Any
) -> RunSpec:
    from selfcorrect.runs import read_spec

    if not isinstance(model, str):
        raise UserError(f"{model!r:.60} is no name of a model: give its name or its folder.")
    values = {"model.name": model, "model.dtype": dtype, "model.device": device, **more}
    values |= {"model.trust_remote_code": True} if trust else {}
    values |= {"model.base_url": base_url} if base_url is not None else {}
    return read_spec(None, [], values)


def _plain(texts: Sequence[str]) -> list[Text]:
    """Texts that a program has, each once.

    Raises:
        UserError: they are no texts, or there is none.
    """
    from selfcorrect.tasks.data.texts import Text

    if not isinstance(texts, Sequence) or not all(isinstance(each, str) for each in texts):
        raise UserError(f"texts are a file or a list of strings, not {texts!r:.60}.")
    said = list(dict.fromkeys(text for each in texts if (text := each.strip())))
    if not said:
        raise UserError("there is no text to tune on: give at least one.")
    if half := [each for each in said if any("\ud800" <= c <= "\udfff" for c in each)]:
        raise UserError(
            f"the text {half[0]!r:.60} holds half a character (a lone surrogate), which no "
            "tokenizer knows: leave it out."
        )
    return [Text(str(at), text, str(at)) for at, text in enumerate(said)]


def _untold(now: int, every: int) -> None:
    pass
