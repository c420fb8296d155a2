"""planted:logits: what it says in each round follows its formula."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.models.planted import load

NAME = "planted:logits"


def ran(law: str, strategy: str, out: Path, rounds: int = 4) -> tuple[Any, Any]:
    """p [rounds, n, K] with the right option first, and the answers [rounds, n], 0 being right."""
    run = sc.run(
        f"{NAME}?{law}", "planted", strategy, rounds=rounds, limit=60, out=out,
        controls=False, progress=False,
    )  # fmt: skip
    frame = run.records.sort("example", "round")
    p = np.array(frame["option_p"].to_list())
    target, choice = frame["target"].to_numpy(), frame["choice"].to_numpy()
    p = np.take_along_axis(p, (target[:, None] + np.arange(3)) % 3, 1)
    answers = ((choice - target) % 3).reshape(-1, rounds).T
    return p.reshape(-1, rounds, 3).swapaxes(0, 1), answers


@pytest.mark.parametrize(
    ("sharpen", "drift", "copy"),
    [(1.3, 0.0, 0.0), (1.0, 0.4, 0.0), (1.0, 0.0, 0.6), (1.1, 0.2, 0.3)],
)
def test_every_round_follows_from_the_first(
    sharpen: float, drift: float, copy: float, tmp_path: Path
) -> None:
    law = f"sharpen={sharpen},drift={drift},copy={copy},noise=0,spread=1"
    p, answers = ran(law, "intrinsic", tmp_path)
    for t in range(1, 4):
        counts = np.array([np.bincount(a, minlength=3) for a in answers[:t].T])
        z = sharpen**t * np.log(p[0]) + t * drift * np.eye(3)[0] + copy * counts
        assert p[t] == pytest.approx(softmax(z, axis=1), abs=1e-4)


def test_the_anchors_stay_where_they_are(tmp_path: Path) -> None:
    p, _ = ran("sharpen=2,drift=1,copy=1,noise=0", "anchor", tmp_path)
    assert p[..., 0] == pytest.approx(0.85, abs=1e-4)
    p, _ = ran("sharpen=2,drift=1,copy=1,noise=0", "negation", tmp_path)
    assert p.max(axis=-1) == pytest.approx(0.7, abs=1e-4)
    assert p[..., 0] == pytest.approx(0.15, abs=1e-4)


def test_noise_is_independent_in_every_round(tmp_path: Path) -> None:
    p, _ = ran("noise=0.2", "intrinsic", tmp_path)
    z = np.log(p) - np.log(p).mean(axis=-1, keepdims=True)
    away = z[1:] - z[0]
    assert away.std() == pytest.approx(0.2 * math.sqrt(2 / 3), rel=0.15)
    assert np.corrcoef(away[1, :, 0], away[2, :, 0])[0, 1] == pytest.approx(0, abs=0.35)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("sharpen=-1", "sharpen is a factor from 0 to 10"),
        ("drift=nan", "drift is added to a logit"),
        ("copy=1e9", "copy is added to a logit"),
        ("start=1", "start is between 0 and 1"),
        ("noise=-1", "noise is a standard deviation"),
        ("plus=2", "plus is a probability"),
        ("shrapen=1", "did you mean 'sharpen'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as told:
        load(f"{NAME}?{setting}")
    assert "\n" not in str(told.value)
