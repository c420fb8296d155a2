"""``selfcorrect bias``: a model's preferences on a file of pairs, whatever its layout."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.evaluation import preference, stereoset
from selfcorrect.evaluation.own_pairs import own_pairs
from selfcorrect.evaluation.pairs import Pairs, read_pairs
from selfcorrect.models.base import Model
from selfcorrect.models.scored import Progress, scores_texts, untold
from selfcorrect.models.tuned import read_tuned
from selfcorrect.regular import check_file


def pairs_of(data: str | Path | None, *, skip_bad: bool = False) -> Pairs:
    """Pairs of a file in the layout of CrowS-Pairs; our own where none is named.

    Raises:
        UserError: as :func:`.pairs.read_pairs`.
    """
    if data is None:
        return own_pairs()
    return read_pairs(_file(data), skip_bad=skip_bad)


def bias(
    model: Model,
    data: str | Path | None = None,
    *,
    skip_bad: bool = False,
    told: Progress = untold,
) -> dict[str, Any]:
    """Which of two sentences a model finds likelier.

    Args:
        model: an open model that tells how likely texts are.
        data: a file in the layout of CrowS-Pairs or StereoSet; our own pairs if not given.
        skip_bad: leave out bad lines, and count them.
        told: called with how many texts are scored, and of how many.

    Returns:
        JSON types: as :func:`.preference.measured` or :func:`.stereoset.measured`, with ``model``,
        ``fingerprint``, ``data``, ``digest`` and how texts are ``shown``.

    Raises:
        UserError: the file is bad, the model doesn't tell likelihoods, or was tuned on a sentence.
    """
    scorer = scores_texts(model)
    path = None if data is None else _file(data)
    about = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "shown": scorer.scored_as,
    }
    if path is not None and stereoset.is_stereoset(path):
        skipped: list[str] | None = [] if skip_bad else None
        items = stereoset.read_items(path, skipped)
        check_unseen(model.name, [text for item in items for text in item.texts], path.name)
        found = stereoset.measured(items, stereoset.scores(model, items, told), len(skipped or ()))
        digest = blake2b(repr(items).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return {**about, "data": path.name, "digest": digest, **found}
    pairs = pairs_of(path, skip_bad=skip_bad)
    check_unseen(model.name, [t for p in pairs.items for t in (p.more, p.less)], pairs.name)
    scored = preference.scored_pairs(model, pairs.items, told)
    found = preference.measured(pairs, scored)
    return {**about, "data": pairs.name, "digest": pairs.digest, **found}


def check_unseen(model: str, texts: Sequence[str], name: str) -> None:
    """Raises UserError where the model of this name was tuned on one of some texts."""
    tuned = read_tuned(model)
    if tuned is not None and (seen := [text for text in texts if tuned.knows([text])]):
        raise UserError(
            f"the model {model} was tuned on {len(seen):,} of the {len(texts):,} texts of "
            f"{name}, such as {seen[0]!r:.60}: give data that it hasn't seen."
        )


def _file(data: str | Path) -> Path:
    path = Path(data).expanduser()
    try:
        check_file(path)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}: give pairs, CSV or JSON.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read ({getattr(error, 'strerror', error)}).") from None
    return path
