"""What is trained: arms, each one shape and one recipe, collected into presets.

An arm differs from the one it is compared with only in what its name says. Arms of ``ablations``
and ``ranked`` are tuned and trained to several budgets (:mod:`.tuning`). The preset ``released`` is
the recipe of the code of arXiv 2405.18634. Each ``released-…`` is one thing that this code does
differently from what the paper says, together with what the paper says, to show the effect on the
published curves.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.theory.contexts import Kind
from selfcorrect.theory.training import Objective, Recipe
from selfcorrect.theory.transformer import Shape


@dataclass(frozen=True)
class Arm:
    """A shape and a recipe that are trained on several seeds.

    Attributes:
        name: unique within its preset.
        versus: the name of the arm of the preset that it is compared with, or ``None``.
        budgets: rising numbers of steps at which it is evaluated, in place of the recipe's steps;
            its learning rates are then chosen by validation. None of an arm with a fixed recipe.
    """

    preset: str
    name: str
    shape: Shape
    recipe: Recipe
    versus: str | None = None
    budgets: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


BASE = Shape()
#: Of the arms that are trained to several budgets, the last of which must have reached a plateau.
SMALL = replace(BASE, layers=2, width=24)
RANKED = replace(SMALL, responses=8, d=2)
#: N and d of each kind of data are those of this shape.
SHAPES: dict[Kind, Shape] = {"original": BASE, "warped": BASE, "ranked": RANKED}
BUDGETS = {"ablations": (300, 600, 1200), "ranked": (900, 1800, 3600)}
#: What an ablation changes.
PARTS: dict[str, dict[str, Any]] = {
    "linear attention": {"attention": "linear"},
    "no FFN": {"ffn": False},
    "1 head": {"heads": 1},
    "1 layer": {"layers": 1},
}


def _formats() -> list[Arm]:
    return [
        Arm("formats", "one-token", BASE, Recipe(steps=1000)),
        Arm("formats", "interleaved", replace(BASE, format="interleaved"), Recipe(steps=2500)),
    ]


def _tuned(preset: str, shape: Shape, recipe: Recipe) -> list[Arm]:
    """The whole shape, and the same without each of its parts."""
    budgets = BUDGETS[preset]
    return [
        Arm(preset, "base", shape, recipe, None, budgets),
        *(
            Arm(preset, name, replace(shape, **changed), recipe, "base", budgets)
            for name, changed in PARTS.items()
        ),
    ]


def _objectives() -> list[Arm]:
    names: tuple[Objective, ...] = ("ranking", "ranking, squared", "weighted")
    return [
        Arm(
            "objectives",
            name,
            BASE,
            Recipe(objective=name, steps=1000),
            None if name == "ranking" else "ranking",
        )
        for name in names
    ]


def _released(full: bool) -> dict[str, list[Arm]]:
    """The paper's recipe and the deviations of its code, at the paper's size or a smaller one.

    The smaller size, which a CPU can train, has the same optimiser and initialisation, ten times
    the learning rate, fewer steps and smaller batches, and one token per triple.
    """
    shape = (
        Shape(layers=20, heads=3, width=96, format="interleaved")
        if full
        else Shape(layers=4, heads=3, width=48)
    )
    recipe = Recipe(
        optimizer="adam",
        start="gpt2",
        steps=3000 if full else 1200,
        batch=256 if full else 64,
        others=1e-4 if full else 1e-3,
    )
    few, many = (5, 10) if full else (2, 4)
    narrow = {1: 32, 6: 192} if full else {1: 16, 6: 96}

    def pair(quirk: str, *arms: tuple[str, Shape, Recipe]) -> list[Arm]:
        """Arms that are compared with the first of them."""
        first = arms[0][0]
        of = f"released-{quirk}"
        return [Arm(of, name, s, r, None if name == first else first) for name, s, r in arms]

    linear, bare = replace(shape, attention="linear"), replace(shape, ffn=False)
    short = replace(recipe, steps=recipe.steps * 5 // 6)
    return {
        "released": [Arm("released", "released", shape, recipe)],
        "released-mask": [
            Arm("released-mask", "linear attention", linear, recipe),
            Arm(
                "released-mask",
                "linear attention, sees all",
                replace(linear, causal=False),
                recipe,
                "linear attention",
            ),
            Arm("released-mask", "no FFN", bare, recipe),
            Arm("released-mask", "no FFN, sees all", replace(bare, causal=False), recipe, "no FFN"),
        ],
        "released-norm": pair(
            "norm",
            ("no FFN", bare, recipe),
            ("no FFN, stream renormalised", replace(bare, renormalised=True), recipe),
        ),
        "released-width": pair(
            "width",
            *(
                (_heads(h, w), replace(shape, heads=h, width=w), recipe)
                for h, w in ((1, shape.width), *narrow.items(), (6, shape.width))
            ),
        ),
        "released-depth": pair(
            "depth",
            (f"{few} layers", replace(shape, layers=few), recipe),
            (f"{many} layers, said to be {few}", replace(shape, layers=many), recipe),
        ),
        "released-checkpoint": pair(
            "checkpoint",
            (f"{recipe.steps:,} steps", shape, recipe),
            (f"{short.steps:,} steps, said to be {recipe.steps:,}", shape, short),
        ),
    }


def presets(released_size: bool = False) -> dict[str, list[Arm]]:
    """Every preset by name.

    Args:
        released_size: the presets ``released…`` at the paper's own size: hours a seed on a CPU.
    """
    return {
        "ablations": _tuned("ablations", SMALL, Recipe()),
        "ranked": _tuned("ranked", RANKED, Recipe(kind="ranked")),
        "formats": _formats(),
        "objectives": _objectives(),
        **_released(released_size),
    }


def chosen(names: list[str], *, quick: bool, released_size: bool) -> list[Arm]:
    """The arms of these presets, or of all.

    Args:
        names: of presets; none for all.
        quick: for a first look: few arms and, except for the one-token format, a fifth of the
            steps, or a tenth of the budgets.
        released_size: see :func:`presets`.

    Raises:
        UserError: an unknown preset.
    """
    every = presets(released_size)
    for name in names:
        if name not in every:
            raise UserError(f"there is no preset {name!r}: give {', '.join(every)}.")
    arms = [arm for name in names or every for arm in every[name]]
    if not quick:
        return arms
    arms = [arm for arm in arms if names or (arm.preset, arm.name) in _QUICK]
    return [arm if arm.name == "one-token" else _shorter(arm) for arm in arms]


#: The arms of a first look.
_QUICK = {
    ("formats", "one-token"),
    ("formats", "interleaved"),
    ("ablations", "base"),
    ("ablations", "linear attention"),
    ("ablations", "no FFN"),
    ("ranked", "base"),
    ("ranked", "linear attention"),
    ("released-mask", "no FFN"),
    ("released-mask", "no FFN, sees all"),
}


def _shorter(arm: Arm) -> Arm:
    steps = max(arm.recipe.steps // 5, 1)
    budgets = tuple(budget // 10 for budget in arm.budgets)
    return replace(arm, recipe=replace(arm.recipe, steps=steps), budgets=budgets)


def _heads(heads: int, width: int | None = None) -> str:
    said = "1 head" if heads == 1 else f"{heads} heads"
    return said if width is None else f"{said}, width {width}"
