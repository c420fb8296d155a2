"""Two concepts beside each other: how alike their directions are, by layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError
from selfcorrect.measures.paired import holm

#: So many pairs of random directions show what cosines chance gives.
PAIRS = 1000


def compare(a: Concept, b: Concept, *, seed: int = 0) -> dict[str, Any]:
    """Cosines of two concepts' directions in the model's own states, against random pairs.

    Args:
        a, b: of one model and site.
        seed: of the random pairs.

    Returns:
        ``{"a", "b", "pairs", "layers": [{"layer", "cosine", "random_low", "random_high", "p",
        "p_holm"}]}``:
        between ``random_low`` and ``random_high`` lie 95 % of the cosines of random pairs of as
        many numbers; ``p`` is the share of them at least as far from 0, this one counted too.

    Raises:
        UserError: they are of different models, sites or sizes.
    """
    for what, one, other in (
        ("models", a.bound.fingerprint, b.bound.fingerprint),
        ("sites", a.site, b.site),
        ("sizes", str(a.directions.shape), str(b.directions.shape)),
    ):
        if one != other:
            raise UserError(
                f"{a.name} and {b.name} are of different {what} ({one} and {other}), so their "
                "directions can't be compared; train both on one model."
            )
    random = _random(a.hidden, seed)
    low, high = np.quantile(random, [0.025, 0.975])
    found: list[dict[str, Any]] = []
    for layer in sorted({*a.there} & {*b.there}):
        cosine = float(a.vector(layer).astype(np.float64) @ b.vector(layer))
        beyond = int((np.abs(random) >= abs(cosine)).sum())
        found.append(
            {
                "layer": layer,
                "cosine": cosine,
                "random_low": float(low),
                "random_high": float(high),
                "p": (beyond + 1) / (PAIRS + 1),
            }
        )
    adjusted = holm([row["p"] for row in found])
    for row, p in zip(found, adjusted.tolist(), strict=True):
        row["p_holm"] = p
    told = {"a": a, "b": b}
    return {
        **{k: {"name": c.name, "kind": c.kind, "layer": c.layer} for k, c in told.items()},
        "pairs": PAIRS,
        "layers": found,
    }


def _random(hidden: int, seed: int) -> np.ndarray:
    """Cosines of pairs of directions that point anywhere."""
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((2, PAIRS, hidden))
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray((x * y).sum(1) / lengths)
