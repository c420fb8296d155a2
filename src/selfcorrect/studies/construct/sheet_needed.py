"""What can't be expressed without a part, as a table of statements and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import short
from selfcorrect.report.sheet import Section, Table
from selfcorrect.studies.construct.sheet_laws import power

Result = Mapping[str, Any]

_TEXT = (
    "What follows is about weights, not about training. Networks have one token a response, a "
    "residual stream, attention that sees all tokens and no layer norm; feed-forwards have ReLU "
    "units. A network is exact if, in real arithmetic, f in every token is that of one step, for "
    "all contexts of an open set. Proofs are on the page on theory in the docs; the last column "
    "is what they imply, computed.",
)


def section(found: Result) -> Section:
    """The section."""
    rows = [*_softmax(found["softmax"]), *_heads(found["heads"]),
            *_feed_forward(found["feed_forward"]), *_blocks(found["blocks"])]  # fmt: skip
    return Section(
        "What a part is needed for",
        _TEXT,
        [Table("Statements", ["without", "statement", "checked by", "measured"], rows)],
    )


def findings(found: Result) -> list[str]:
    """What is impossible without a part, and what isn't."""
    alone, bare = found["heads"].get("least_error"), found["feed_forward"]["attention_only"]
    said = (
        ""
        if alone is None
        else f" (the best of those fitted errs by {short(alone)} of the largest)"
    )
    return [
        "Without softmax no depth and width make an exact step. A block with a single head and no "
        f"feed-forward can't even approximate one{said}, but twice the blocks with one head each "
        "do the same as two. A feed-forward isn't needed to approximate a step if tokens have "
        f"positions ({bare['blocks']} blocks of {bare['heads']} heads without one, "
        f"N = {bare['n']}: error {power(bare['error'])}). N − 1 blocks aren't needed either: "
        f"{found['blocks']['flags']['blocks']} do with N = {found['blocks']['flags']['n']}, but a "
        "single one is never exact for three or more responses.",
    ]


def _softmax(found: Result) -> list[list[str]]:
    range_ = found["range"]
    rows = [
        [
            "softmax",
            "Linear attention with ReLU feed-forwards, of any depth, width and number of heads, is "
            "never exact, already for N = 2",
            f"{each['blocks']} block{'s' if each['blocks'] > 1 else ''} without feed-forward: "
            f"differences of order {each['order']} along f, of the network and of the step",
            f"{power(each['network'])}, {power(each['step'])}",
        ]
        for each in found["differences"]
    ]
    for blocks, each in enumerate(found["polynomials"], 1):
        rows.append(
            [
                "softmax",
                f"{blocks} block{'s' if blocks > 1 else ''} of linear attention without "
                f"feed-forward: an error of at least E(3^{blocks}) · 2η‖x‖²‖y_w − y_l‖ where "
                f"scores differ by up to {range_:g}",
                f"E: least largest error of a polynomial of degree {each['degree']} for σ",
                power(each["error"]),
            ]
        )
    return rows


def _heads(found: Result) -> list[list[str]]:
    rows = []
    if "least_error" in found:
        rows.append(
            [
                "second head",
                "One block of one softmax head without feed-forward, N = 2, d ≥ 2: the largest "
                "error is at least half of the largest step, over a class of contexts that "
                "contains their rotations and pairs of equal responses",
                f"the best of {found['starts']} heads fitted to {found['contexts']} contexts: its "
                "error ÷ the step; the least error ÷ its bound on these contexts (≥ 1)",
                f"{short(found['least_error'])}; {short(found['least_ratio'])}",
            ]
        )
    one = found["one_head"]
    rows.append(
        [
            "second head",
            "2(N − 1) blocks of one head are select and eliminate",
            f"N = {one['n']}, {one['blocks']} blocks a step: error after {one['steps']} steps",
            power(one["error"]),
        ]
    )
    return rows


def _feed_forward(found: Result) -> list[list[str]]:
    blunt, bare, gated = (found[name] for name in ("blunt", "attention_only", "gated"))
    return [
        [
            "feed-forward",
            "Attention alone, of any depth and number of heads, with finite weights and with or "
            "without positions, is never exact for both orders of two rewards",
            "Bradley-Terry at sharpness 5 ÷ gap: the error, and its closed form",
            f"{power(blunt['error'])}, {power(blunt['predicted'])}",
        ],
        [
            "feed-forward",
            "With feed-forwards and a smallest gap of rewards, N = 2 is exact with finite weights",
            f"a gated sum in {gated['blocks']} blocks, the largest weight "
            f"{short(gated['largest_weight'], 0)} (Λ would be {short(gated['sharpness'], 0)}): "
            "error",
            power(gated["error"]),
        ],
        [
            "feed-forward",
            "With one-hot positions, N − 1 blocks of two heads without feed-forward approximate a "
            "step to any accuracy",
            f"N = {bare['n']}, {bare['blocks']} blocks a step: error after {bare['steps']} steps",
            power(bare["error"]),
        ],
    ]


def _blocks(found: Result) -> list[list[str]]:
    poles, flags = found["poles"], found["flags"]
    return [
        [
            "N − 1 blocks",
            "One block, with any number of softmax heads and a ReLU feed-forward of any width, is "
            "never exact for N ≥ 3",
            f"near e^s_(N−1) + e^s_N = 0, f complex, N = {poles['n']}: the power of the distance "
            "by which the step grows, and the largest of heads with random weights",
            f"{short(poles['step'], 3)}, {short(poles['heads'], 3)}",
        ],
        [
            "N − 1 blocks",
            "Four blocks make a step to any accuracy for every N, with positions and N heads",
            f"rank flags, N = {flags['n']}, {flags['blocks']} blocks in all: error",
            power(flags["error"]),
        ],
    ]
