"""How directions are found in labelled states: one function a kind.

All work in a standardised space, in which each number of a state has mean 0 and standard deviation
1 over the texts that a probe is made from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Inverse strengths of the penalty among which a linear probe's is chosen.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
_STEPS = 200


@dataclass(frozen=True)
class Fitted:
    """Probes of all layers, one for each of S settings.

    Attributes:
        centre, scale: [L, H].
        weights, bias: [S, L, H] and [S, L]: a state's log odds are weights · z + bias.
        apart: of pairs, half of how far the means of both sides lie from each other [L, H].
    """

    centre: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    apart: Floats | None = None

    def score(self, states: Floats) -> Floats:
        """Log odds [S, n, L] of states [n, L, H]; of pairs [n, 2, L, H] those of both together."""
        if states.ndim == 4:
            return self._of_pairs(states)
        z = (states - self.centre) / self.scale
        return _along(z, self.weights) + self.bias[:, None]

    def _of_pairs(self, pairs: Floats) -> Floats:
        """Half the sum of p(yes) and 1 − p(no), as log odds."""
        apart = 0 if self.apart is None else self.apart
        yes, no = self._p(pairs[:, 0] - apart), self._p(pairs[:, 1] + apart)
        p = np.clip((yes + 1 - no) / 2, 1e-12, 1 - 1e-12)
        return np.asarray(np.log(p / (1 - p)))

    def _p(self, states: Floats) -> Floats:
        z = (states - self.centre) / self.scale
        odds = _along(z, self.weights) + self.bias[:, None]
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -500, 500))))

    def at(self, setting: Ints) -> Fitted:
        """With the setting that was chosen in each layer [L]."""
        layers = np.arange(len(self.centre))
        weights, bias = self.weights[setting, layers], self.bias[setting, layers]
        return replace(self, weights=weights[None], bias=bias[None])


def _along(z: Floats, weights: Floats) -> Floats:
    """Products [S, n, L] of states [n, L, H] and weights [S, L, H]."""
    return np.asarray(np.einsum("nlh,slh->snl", z, weights, optimize=True))


#: From states [n, L, H] (or pairs), labels [n] and a seed, the probes of all settings; or of one in
#: each layer [L].
Fit = Callable[[Floats, Ints, int, Ints | None], Fitted]


def standardised(states: Floats) -> tuple[Floats, Floats, Floats]:
    """States [n, L, H] in their standardised space, its centre and its scale."""
    centre, scale = states.mean(0), states.std(0)
    # a number that never varies tells nothing, and isn't made large
    scale = np.where(scale > 1e-6 * np.abs(states).max() + 1e-12, scale, 1.0)
    return (states - centre) / scale, centre, scale


def linear(states: Floats, labels: Ints, seed: int, only: Ints | None = None) -> Fitted:
    """Logistic regression with an L2 penalty, by scikit-learn, for each of the strengths."""
    z, centre, scale = standardised(states)
    layers, hidden = centre.shape
    settings = len(STRENGTHS) if only is None else 1
    weights, bias = np.zeros((settings, layers, hidden)), np.zeros((settings, layers))
    for layer in range(layers):
        x = np.ascontiguousarray(z[:, layer])
        strengths = STRENGTHS if only is None else (STRENGTHS[only[layer]],)
        for s, (w, b) in enumerate(_logistic(x, labels, strengths, seed)):
            weights[s, layer], bias[s, layer] = w, b
    return Fitted(centre, scale, weights, bias)


def _logistic(
    x: Floats, y: Ints, strengths: Sequence[float], seed: int
) -> list[tuple[Floats, float]]:
    """Weights and bias for each strength, each found from the one before."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    found = []
    model = LogisticRegression(max_iter=500, warm_start=True, random_state=seed % (1 << 32))
    for strength in strengths:
        model.set_params(C=strength)
        with warnings.catch_warnings():
            # one that isn't fully converged is judged on other texts like any other
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        found.append((model.coef_[0].astype(np.float64), float(model.intercept_[0])))
    return found


def mean(states: Floats, labels: Ints, seed: int, _only: Ints | None = None) -> Fitted:
    """The mean of the states with the concept minus that of the others."""
    z, centre, scale = standardised(states)
    return _scaled(z, z[labels == 1].mean(0) - z[labels == 0].mean(0), labels, centre, scale, seed)


def statement(states: Floats, labels: Ints, seed: int, _only: Ints | None = None) -> Fitted:
    """The mean state of the stereotype said outright, seen from the mean of all statements."""
    z, centre, scale = standardised(states)
    return _scaled(z, z[labels == 1].mean(0), labels, centre, scale, seed)


def _scaled(
    z: Floats, directions: Floats, labels: Ints, centre: Floats, scale: Floats, seed: int
) -> Fitted:
    """Directions [L, H] made as long as makes their projection the log odds."""
    layers = len(directions)
    weights, bias = np.zeros((1, *directions.shape)), np.zeros((1, layers))
    for layer in range(layers):
        length = float(np.linalg.norm(directions[layer]))
        if length == 0:  # the states don't vary
            weights[0, layer, 0] = 1e-6
            continue
        unit = directions[layer] / length
        along = z[:, layer] @ unit
        spread = float(along.std()) or 1.0
        ((w, b),) = _logistic((along / spread)[:, None], labels, (1.0,), seed)
        weights[0, layer], bias[0, layer] = max(float(w[0]), 1e-6) / spread * unit, b
    return Fitted(centre, scale, weights, bias)


#: Of the texts with the concept, and of those without, so many tell which side of a direction that
#: was found without labels is the concept's.
ANCHORS = 5
TRIES = 10


def ccs(pairs: Floats, labels: Ints, seed: int, _only: Ints | None = None) -> Fitted:
    """Contrast-consistent search (Burns et al. 2022, arXiv 2212.03827): the direction by which a
    text said to have the concept and the same text said not to have it are as if one were the
    opposite of the other. Best of ten tries by the loss. The labels of the first five texts of
    either side say which side is the concept's, and nothing else.

    Args:
        pairs: states [n, 2, L, H] of the text that says yes, and of the one that says no.
        labels: of each [n]; only the anchors' are read.
        seed: of the tries' beginnings.
    """
    import torch

    sides = [pairs[:, side] for side in (0, 1)]
    apart = np.concatenate([side - side.mean(0) for side in sides])
    _, _, scale = standardised(apart)
    centre = (sides[0].mean(0) + sides[1].mean(0)) / 2
    between = (sides[0].mean(0) - sides[1].mean(0)) / 2
    # each side's own mean is taken away, or else "yes" and "no" would be all that is found
    yes, no = (torch.from_numpy((side - side.mean(0)) / scale).float() for side in sides)
    yes, no = (side.transpose(0, 1).contiguous() for side in (yes, no))  # [L, n, H]
    layers, _, hidden = yes.shape
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(layers, hidden, TRIES, generator=generator) / hidden**0.5
    b = torch.zeros(layers, 1, TRIES)
    w.requires_grad_(True)
    b.requires_grad_(True)
    optimiser = torch.optim.AdamW([w, b], lr=0.02, weight_decay=0.01)

    def losses() -> torch.Tensor:
        p, q = (torch.sigmoid(side @ w + b) for side in (yes, no))
        consistent = (p - (1 - q)) ** 2
        sure = torch.minimum(p, q) ** 2
        return (consistent + sure).mean(1)  # [L, TRIES]

    for _ in range(_STEPS):
        optimiser.zero_grad()
        torch.autograd.backward(losses().sum())
        optimiser.step()
    with torch.no_grad():
        best = losses().argmin(1)
        weights = w.detach().double().numpy()[np.arange(layers), :, best.numpy()]
        bias = b.detach().double().numpy()[np.arange(layers), 0, best.numpy()]
    found = Fitted(centre, scale, weights[None], bias[None], between)
    anchors = np.concatenate([np.flatnonzero(labels == side)[:ANCHORS] for side in (1, 0)])
    odds = found.score(pairs[anchors])[0]  # [anchors, L]
    side = np.where(labels[anchors] == 1, 1.0, -1.0)
    sign = np.where((odds * side[:, None]).sum(0) >= 0, 1.0, -1.0)
    return replace(found, weights=(weights * sign[:, None])[None], bias=(bias * sign)[None])


#: How each kind is found.
FITS: Mapping[str, Fit] = {"linear": linear, "mean": mean, "statement": statement, "ccs": ccs}
