"""Anchors that haven't settled, put where they would have.

The anchors are the last rounds of two runs. If such a run still changes there, the anchor contains
some of the other concept, every ε is measured on a shifted and stretched scale, and the estimated ρ
is too far from 1. As the odds go by a factor a round, an ε near 0 (or 1 − ε near 1) goes by about
the same factor, so the steps still to come are a geometric series. With a dialogue's last two steps
u_1, u_2 and k = Σ ⟨u_2, u_1⟩ / Σ ‖u_1‖² over all dialogues, it ends u_2 k/(1 − k) beyond its last
round (Aitken's extrapolation). Dialogues that are far from settled are not yet geometric, so this
isn't exact: ``python -m benchmarks.bridge`` measures what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.identified import MOST_LAST_STEP
from selfcorrect.studies.bridge.tables import beyond

#: Steps that shrink by less a round tell little about where they end.
_SLOWEST = 0.9


def settled(
    data: Aligned, last_steps: Mapping[str, Mapping[str, Any]] | None
) -> tuple[Aligned, list[str]]:
    """The runs with anchors where they would end, if it is shown that they still moved.

    Args:
        data: the three runs.
        last_steps: by how much ε of each anchor's run changed in its last round, as estimates.

    Returns:
        The runs, and which anchors were moved (``anchor``, ``negation``): none where nothing shows
        that they moved, or there are fewer than three rounds of them.
    """
    if not last_steps or data.earlier is None or len(data.earlier) < 2:
        return data, []
    moved = [name for name in last_steps if beyond(last_steps[name], MOST_LAST_STEP)]
    plus, minus = (
        _end(p, *data.earlier[:, place]) if name in moved else p
        for place, (name, p) in enumerate((("anchor", data.plus), ("negation", data.minus)))
    )
    return replace(data, plus=plus, minus=minus), moved


def _end(last: Floats, before: Floats, sooner: Floats) -> Floats:
    """Where distributions [n, K] end, from the last three rounds."""
    step, earlier = last - before, before - sooner
    shrinks = float((step * earlier).sum() / max(float((earlier**2).sum()), 1e-12))
    k = min(_SLOWEST, max(0.0, shrinks))
    inside = np.maximum(last + step * k / (1 - k), 0.0)
    return np.asarray(inside / inside.sum(axis=1, keepdims=True))
