"""Which of two series goes ahead of the other over the rounds: c_t on u_{t+1}, and the reverse.

Each is asked in two ways, since each can be fooled. *Levels*: u_{t+1} on c_t, given u_t and the
round. Series that have nothing but their examples in common (a hard one is high in both) look as
if one led, as u_t tells the example's own level with noise. *Changes*: u_{t+1} − u_t on
c_t − c_{t−1}, given u_t − u_{t−1} and the round: what an example keeps over all rounds is gone. A
trend over rounds that all share is taken out of both.

Two noisy readings of one thing tell each other's next value, and so do series that settle or
alternate, whatever leads. So a series is named first only where it
leads in both ways and is shown to lead by more than it follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import LEVEL
from selfcorrect.measures.regression import Coefficient, in_deviations, regression

#: With fewer rounds there are no two changes in a row.
LEAST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Cells:
    """Records of a lagged regression: what follows, what leads, and what was before, [D, t]."""

    after: Floats
    leader: Floats
    before: Floats


def order(c: ArrayLike, u: ArrayLike, clusters: ArrayLike, *, family: int = 1) -> dict[str, Any]:
    """Does one of two series go ahead of the other?

    Args:
        c, u: [D, T], a row a dialogue, a column a round; NaN is missing.
        clusters: the cluster of each dialogue [D].
        family: among how many pairs of series this is one; what may be named wrongly is divided
            by it.

    Returns:
        ``forward``, c on the next u, and ``backward``, u on the next c: of each ``levels`` and
        ``changes``, tables of :meth:`Coefficient.table`, per standard deviation of both series;
        ``shown``, the sign where both show it and clusters are enough to name a direction, else 0.
        ``more``: by how much the change's coefficient is larger forwards than backwards, in size.
        ``first``: ``"c"``, ``"u"``, ``"both"`` where each leads and neither by more, or ``None``.
        ``still``: which of ``"c"`` and ``"u"`` never change from one round to the next, so that
        nothing can go ahead of them, nor they of anything.

    Raises:
        ValueError: fewer than three rounds, or series of different shapes.
    """
    one, other = in_deviations(c), in_deviations(u)
    if other.shape != one.shape or one.shape[1] < LEAST_ROUNDS:
        raise ValueError(f"two series of at least {LEAST_ROUNDS} rounds, not of {one.shape}")
    names = np.asarray(clusters)
    ways = {"forward": (one, other), "backward": (other, one)}
    found: dict[str, Any] = {}
    for way, (leader, follower) in ways.items():
        each = {
            name: _alone(cells(leader, follower), names)
            for name, cells in (("levels", _levels), ("changes", _changes))
        }
        signs = {_sign(of, family) for of in each.values()}
        found[way] = {
            **{name: of.table() for name, of in each.items()},
            "shown": signs.pop() if len(signs) == 1 else 0,
        }
    more = _more(ways, found, names)
    found["more"] = more.table()
    found["first"] = _first(
        found["forward"]["shown"], found["backward"]["shown"], _sign(more, family)
    )
    found["still"] = [name for name, x in (("c", one), ("u", other)) if _still(x)]
    return found


def _first(forward: int, backward: int, more: int) -> str | None:
    if forward and more > 0:
        return "c"
    if backward and more < 0:
        return "u"
    return "both" if forward and backward else None


def _levels(leader: Floats, follower: Floats) -> _Cells:
    # the same rounds as of the changes, so that both speak of the same records
    return _Cells(follower[:, 2:], leader[:, 1:-1], follower[:, 1:-1])


def _changes(leader: Floats, follower: Floats) -> _Cells:
    moved, mine = np.diff(leader), np.diff(follower)
    return _Cells(mine[:, 1:], moved[:, :-1], mine[:, :-1])


def _alone(cells: _Cells, names: NDArray[Any]) -> Coefficient:
    """What the leader tells of the next value of what follows it."""
    dialogues, rounds = cells.after.shape
    return regression(
        cells.after.ravel(),
        {"leader": cells.leader.ravel(), "before": cells.before.ravel()},
        np.repeat(names, rounds),
        fixed=np.tile(np.arange(rounds), dialogues),
    )["leader"]


def _more(
    ways: dict[str, tuple[Floats, Floats]],
    found: dict[str, Any],
    names: NDArray[Any],
) -> Coefficient:
    """|forward| − |backward| of the changes: both regressions as one, each with its own
    coefficients, so that what they have in common is in the error."""
    parts = []
    for number, (way, (leader, follower)) in enumerate(ways.items()):
        value = found[way]["changes"]["value"]
        sign = -1.0 if value is not None and value < 0 else 1.0
        cells = _changes(sign * leader, follower)
        rounds = cells.after.shape[1]
        parts.append(
            {
                "after": cells.after.ravel(),
                "leader": cells.leader.ravel(),
                "forward": cells.leader.ravel() * (number == 0),
                **{f"before {n}": cells.before.ravel() * (n == number) for n in range(len(ways))},
                "clusters": np.repeat(names, rounds),
                "cell": np.tile(np.arange(rounds), len(cells.after)) * len(ways) + number,
            }
        )
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    after, clusters, cell = (joined.pop(key) for key in ("after", "clusters", "cell"))
    return regression(after, joined, clusters, fixed=cell)["forward"]


def _sign(found: Coefficient, family: int) -> int:
    e = found.estimate
    if e.value is None or found.p is None or e.few or found.p >= (1 - LEVEL) / family:
        return 0
    return 1 if e.value > 0 else -1


def _still(x: Floats) -> bool:
    moved = np.diff(x)
    known = np.isfinite(moved)
    most = np.abs(x[np.isfinite(x)]).max(initial=0.0)
    return bool(known.any() and (np.abs(moved[known]) <= 1e-12 * most).all())
