"""What the tests of planted two concept share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import selfcorrect as sc

NAME = "planted:two-concept"


def ran(
    law: str, strategy: str, out: Path, *, rounds: int = 5, limit: int = 300, **options: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A run's p [rounds, n, K] with the right option first, answers [rounds, n], 0 being right,
    clusters [n], and masses [rounds, n]."""
    run = sc.run(
        f"{NAME}?{law}", "planted", strategy, rounds=rounds, limit=limit, out=out,
        task_options={"n": limit, **options}, controls=False, progress=False,
    )  # fmt: skip
    frame = run.records.sort("example", "round")
    p = np.array(frame["option_p"].to_list())
    target, choice = frame["target"].to_numpy(), frame["choice"].to_numpy()
    width = p.shape[1]
    shown = (target[:, None] + np.arange(width)) % width
    p = np.take_along_axis(p, shown, 1)
    n = len(p) // rounds
    answers = ((choice - target) % width).reshape(n, rounds).T
    clusters = frame["cluster"].to_numpy().reshape(n, rounds)[:, 0]
    masses = frame["option_mass"].to_numpy().reshape(n, rounds).T
    return p.reshape(n, rounds, width).swapaxes(0, 1), answers, clusters, masses
