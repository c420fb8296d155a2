"""The plain loops of benchmarks.theory are what ours is held against: do both compute the same?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import theory  # noqa: E402

from selfcorrect.theory.preferences import loss_and_gradient, prefixes  # noqa: E402


def test_the_loop_computes_the_same_loss() -> None:
    drawn, f = theory.contexts(3, 5), theory.predictions(3)
    loss, gradient = theory.loop_loss(f, drawn)
    y, r = drawn.responses[:, None], drawn.rewards[:, None]
    mask = prefixes(theory.RESPONSES, theory.SIZES)
    mine = loss_and_gradient(f, y, r, "cosine", mask)
    torch.testing.assert_close(mine, (loss, gradient), rtol=1e-5, atol=1e-5)


def test_the_loop_draws_the_same_contexts() -> None:
    """On one line, at the shares that the rewards say, and of the same size on average."""
    looped = theory.loop_sample(400, torch.Generator().manual_seed(0))
    for drawn in (looped, theory.contexts(400, 0)):
        r = drawn.rewards.unsqueeze(-1)
        noise = (drawn.responses - r * drawn.truth.unsqueeze(1)) / (1 - r)
        assert float((noise - noise[:, :1]).abs().amax((1, 2)).median()) < 1e-4
        # E‖W x‖² = d² and E‖W x‖⁴ = d²(d + 2)²: a standard error of 1.2 here
        assert float(drawn.truth.square().sum(-1).mean()) == pytest.approx(25, abs=5)


def test_a_figure_has_its_goal_and_the_module_is_not_its_folder() -> None:
    assert theory.__file__ is not None
    assert Path(theory.__file__).name == "theory.py"
    assert theory.met("loss_times", 300)
    assert not theory.met("loss_times", 299)
    assert not theory.met("descent_seconds", 30)
    assert theory.met("loss_off", 1e-5)
    found: dict[str, Any] = dict.fromkeys(theory.GOALS, 1.0)
    found |= {n.replace("_times", "_ratios"): [1.0, 2.0] for n in theory.GOALS if "_times" in n}
    shown = theory.table({**found, "descent_contexts": 8, "descent_noise_levels": 5})
    assert shown.row_count == len(theory.GOALS)


def test_the_committed_figures_reach_their_goals() -> None:
    found = json.loads(theory.RESULTS.read_text("utf-8"))
    assert [name for name in theory.GOALS if not theory.met(name, found[name])] == []
    assert found["threads"] == 1
