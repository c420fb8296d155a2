"""What the theory costs: its loss, its contexts and its descent baseline, against plain loops.

    python -m benchmarks.theory           # prints, and writes theory/speed.json
    python -m benchmarks.theory --quick   # fewer contexts and turns: prints, writes nothing

One thread of one process, CPU time. Both sides of a ratio take turns on the same contexts, and the
median of the turns' ratios is given. The loops are as the definitions are written: the loss context
by context, prefix by prefix, term by term, through autograd; the sampler with a map W* and W_ε for
each context, response by response.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from selfcorrect.models.local.machine import processor
from selfcorrect.theory.contexts import Contexts, sample
from selfcorrect.theory.descent import descent
from selfcorrect.theory.preferences import (
    cosine_score,
    loss_and_gradient,
    plackett_luce,
    prefixes,
)
from selfcorrect.theory.training import NOISE, sizes_of

RESULTS = Path(__file__).with_name("theory") / "speed.json"
#: The paper's data: N responses of dimension d, read after n = 2 … N − 1 of them.
RESPONSES, D = 20, 5
SIZES = sizes_of(RESPONSES)
#: A turn's time of ours is over at least so many seconds: a single call is too short to time.
LEAST = 0.05
#: What each figure should be: at least, or at most.
GOALS: dict[str, tuple[str, float]] = {
    "loss_times": ("≥", 300),
    "loss_autograd_times": ("≥", 300),
    "sampler_times": ("≥", 50),
    "descent_seconds": ("<", 30),
    "loss_off": ("≤", 1e-5),
}
WHAT = {
    "loss_times": "loss with gradient, closed form, against the loop",
    "loss_autograd_times": "the same through autograd",
    "sampler_times": "sampler against the loop",
    "descent_seconds": "descent of {descent_contexts:,} contexts × {descent_noise_levels} noise "
    "levels, CPU seconds",
    "loss_off": "largest difference of the losses, relative",
}


def contexts(count: int, seed: int) -> Contexts:
    return sample(count, responses=RESPONSES, d=D, generator=torch.Generator().manual_seed(seed))


def predictions(count: int) -> Tensor:
    """One for each context and prefix [B, P, d], at random."""
    return torch.randn(count, len(SIZES), D, generator=torch.Generator().manual_seed(1))


# --- as one would write it first -----------------------------------------------------------------


def loop_loss(f: Tensor, of: Contexts) -> tuple[Tensor, Tensor]:
    """Plackett-Luce with cosine scores [B, P] and its gradient in f [B, P, d]."""
    f = f.clone().requires_grad_()
    losses = []
    for b in range(len(of.rewards)):
        for k, n in enumerate(SIZES.tolist()):
            order = torch.argsort(of.rewards[b, :n], descending=True)
            scores = torch.cosine_similarity(f[b, k], of.responses[b, order], dim=-1)
            loss = torch.zeros(())
            for i in range(n - 1):
                loss = loss + torch.logsumexp(scores[i:], 0) - scores[i]
            losses.append(loss)
    found = torch.stack(losses).view(len(of.rewards), len(SIZES))
    found.sum().backward()
    assert f.grad is not None
    return found.detach(), f.grad


def loop_sample(count: int, generator: torch.Generator) -> Contexts:
    """Contexts whose maps are drawn."""
    drawn = []
    for _ in range(count):
        x = torch.randn(D, generator=generator)
        best, noise = (torch.randn(D, D, generator=generator) for _ in range(2))
        responses, rewards = [], []
        for _ in range(RESPONSES):
            r = torch.rand((), generator=generator)
            responses.append(r * (best @ x) + (1 - r) * (noise @ x))
            rewards.append(r)
        drawn.append((x, torch.stack(responses), torch.stack(rewards), best @ x))
    return Contexts(*(torch.stack(each) for each in zip(*drawn, strict=True)))


# --- measured ------------------------------------------------------------------------------------


def seconds(work: Callable[[], object], least: float = 0.0) -> float:
    """CPU seconds a call, over as many calls as take ``least`` seconds."""
    calls, started = 0, time.process_time()
    while not calls or time.process_time() - started < least:
        work()
        calls += 1
    return (time.process_time() - started) / calls


def in_turns(
    name: str, loop: Callable[[], object], ours: Callable[[], object], turns: int
) -> dict[str, Any]:
    """How many times as fast ours is: the median of the turns' ratios, and all of them."""
    ours()  # the first call of a size costs more
    pairs = [(seconds(loop), seconds(ours, LEAST)) for _ in range(turns)]
    ratios = [theirs / mine for theirs, mine in pairs]
    return {
        f"{name}_times": statistics.median(ratios),
        f"{name}_ratios": ratios,
        f"{name}_seconds": statistics.median(mine for _, mine in pairs),
        f"{name}_loop_seconds": statistics.median(theirs for theirs, _ in pairs),
    }


def loss(count: int, turns: int) -> dict[str, Any]:
    """The loss with its gradient, in closed form and through autograd."""
    drawn, f, mask = contexts(count, 0), predictions(count), prefixes(RESPONSES, SIZES)
    y, r = drawn.responses[:, None], drawn.rewards[:, None]

    def closed() -> tuple[Tensor, Tensor]:
        return loss_and_gradient(f, y, r, "cosine", mask)

    def through() -> tuple[Tensor, Tensor]:
        g = f.clone().requires_grad_()
        found = plackett_luce(cosine_score(g, y), r, mask)
        found.sum().backward()
        assert g.grad is not None
        return found.detach(), g.grad

    looped, slope = loop_loss(f, drawn)
    off, off_slope = 0.0, 0.0
    for found, gradient in (closed(), through()):
        off = max(off, float(((found - looped) / looped).abs().max()))
        off_slope = max(off_slope, float((gradient - slope).abs().max()))
    return {
        **in_turns("loss", lambda: loop_loss(f, drawn), closed, turns),
        **in_turns("loss_autograd", lambda: loop_loss(f, drawn), through, turns),
        "loss_off": off,
        "loss_gradient_off": off_slope,
        "loss_contexts": count,
    }


def sampler(count: int, turns: int) -> dict[str, Any]:
    """Contexts drawn."""
    generator = torch.Generator().manual_seed(2)

    def ours() -> Contexts:
        return sample(count, responses=RESPONSES, d=D, generator=generator)

    def loop() -> Contexts:
        return loop_sample(count, generator)

    return {**in_turns("sampler", loop, ours, turns), "sampler_contexts": count}


def baseline(count: int, turns: int) -> dict[str, Any]:
    """50 steps of Adam for every context and prefix, at every level of reward noise."""

    def once() -> None:
        generator = torch.Generator().manual_seed(3)
        drawn = contexts(count, 4)
        for p in NOISE:
            descent(drawn.noisy(p, generator), SIZES, generator=generator)

    return {
        "descent_seconds": statistics.median(seconds(once) for _ in range(turns)),
        "descent_contexts": count,
        "descent_noise_levels": len(NOISE),
    }


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Every figure; the whole process is left with one thread."""
    torch.set_num_threads(1)
    turns = 2 if quick else 9
    return {
        "machine": processor("cpu"),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "turns": turns,
        **loss(8 if quick else 64, turns),
        **sampler(32 if quick else 256, turns),
        **baseline(64 if quick else 1024, 1 if quick else 3),
    }


def met(name: str, value: float) -> bool:
    """Whether a figure is what it should be."""
    sign, goal = GOALS[name]
    return value >= goal if sign == "≥" else value < goal if sign == "<" else value <= goal


def table(found: dict[str, Any]) -> Table:
    """Measured beside the goals."""
    shown = Table("figure", "measured", "turns, from – to", "goal", "met")
    for name, (sign, goal) in GOALS.items():
        ratios = found.get(name.replace("_times", "_ratios")) if "_times" in name else None
        spread = f"{min(ratios):,.0f} – {max(ratios):,.0f}" if ratios else ""
        value = f"{found[name]:,.0f} times" if ratios else f"{found[name]:.2g}"
        limit = f"{sign} {goal:g}"
        shown.add_row(
            WHAT[name].format(**found),
            value,
            spread,
            limit,
            "yes" if met(name, found[name]) else "no",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer contexts; writes nothing")
    given = parser.parse_args()
    found = measure(quick=given.quick)
    console = Console()
    console.print(table(found))
    console.print(f"{found['machine']}, torch {found['torch']}, one thread, CPU time.")
    if given.quick:
        console.print("Few contexts: calls cost more than the work, so the goals are not for this.")
    else:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
