"""The constructions as a sheet: what the weights do, their errors, and where they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, count, percent, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.construct import sheet_needed
from selfcorrect.studies.construct.formulas import FORMULAS
from selfcorrect.studies.construct.sheet_laws import WANTED, parts, power, slope

QUESTION = "Can a transformer's weights perform gradient descent on a ranking loss?"

Result = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_SETTING = (
    "A model has given N responses y₁ … y_N to a query x, and a critic has given each a reward. A "
    "policy f = Wx scores a response by −‖Wx − y‖². In the Plackett-Luce model the first response "
    "is drawn with a probability proportional to exp(score), then the next from the remaining "
    "ones, and so on; the loss is −log of the probability of the order that the rewards give. With "
    "two responses this is the Bradley-Terry model.",
    "One step of gradient descent with learning rate η changes the prediction f by "
    "2η‖x‖² Σ_{i<N} (y_i − Σ_{j≥i} b_ij y_j), where responses are numbered from the best and b_i "
    "is the softmax of −‖f − y_j‖² over the remaining ones, j ≥ i. Each term moves f towards the "
    "best remaining response and away from the softmax average of all remaining ones.",
    "The claim is that a transformer which reads the responses and rewards in its context can "
    "perform these steps by attention, with fixed weights. Here such weights are constructed, run, "
    "and compared with descent by automatic differentiation.",
)
_HOW = (
    "A token represents one response and has named channels: the prediction f, y, the reward r, a "
    "constant 1, and working channels. All tokens hold the same f. Softmax attention sees all "
    "tokens. As −‖f − y‖² equals 2⟨f, y⟩ − ‖y‖² plus a constant that all responses share, b_i is "
    "exactly one softmax head; the constructions differ in how a head knows which responses "
    "remain.",
    "Bradley-Terry: one head attends with logit Λr and copies the better response, one attends by "
    "score and copies the average. Their difference is the step.",
    "Rank flags: three preparatory blocks count, for each response, how many have a greater "
    "reward, and turn that rank into flags. To compare all pairs they need one-hot positions. "
    "Then every step is one block: a head for each of the N − 1 terms, masked by its flag, and one "
    "for the sum of all responses but the worst.",
    "Select and eliminate: one block for each term. One head attends with logit Λ(r − M₁·done) and "
    "copies the best remaining response together with its reward, one averages the remaining "
    "responses, and a feed-forward of 3 units sets done for every response whose reward is at "
    "least the copied one. The terms are summed in a channel of their own, since all must be "
    "computed at the same f. No positions are needed.",
    "Besides x, y and r the tokens are assumed to hold f = Wx at the start, ‖y‖² and ‖x‖²y. The "
    "latter two are products, which finitely many ReLU units only approximate; the last of the "
    "laws below says at what cost. η, Λ, M and the smallest gap of two rewards are in the weights.",
    "Λ = (45 + ln(N−1)) / gap, with the smallest gap of two rewards; M = R + 45 + ln(N−1), where R "
    "is the largest amount by which the logit of an excluded response exceeds that of the best "
    "remaining one during the whole descent. The weight that either leaves to the wrong responses "
    "is then below e⁻⁴⁵ = 3×10⁻²⁰. η is 2 / max ‖x‖²(N−1)D², where D is the largest distance of "
    "two responses, or 1: up to this rate descent doesn't multiply rounding errors.",
)
_LAWS = (
    "Predictions are closed forms, computed without a transformer. Lines are theory, markers are "
    "measured. Errors level off near 10⁻¹⁵, the precision of float64.",
    "Sharpness: a softmax at sharpness λ, instead of a hard maximum, gives the worse of two "
    "responses the weight σ(−λΔr), and the error of f is exactly 2η‖x‖²‖y_w − y_l‖ σ(−λΔr). With "
    "more responses the same is predicted term by term. This fails at low λ, as it assumes that "
    "the right responses are marked as done: a copied reward that is too low marks two at once.",
    "Mask depth: at M = R + k an excluded response has at most about the weight e^−k. Without "
    "knowing R no depth is safe.",
    "Squares: ReLU units make a piecewise linear function. With K pieces on [−B, B] it exceeds u² "
    "by at most (B/K)², and by ⅔ of that on average. Steps, unlike squares, have no such error: "
    "two units are exactly 0 on one side and, up to rounding, exactly 1 on the other.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what :func:`selfcorrect.studies.construct.analysis.construct` returns."""
    settings = result["settings"]
    return Sheet(
        title="Constructions",
        question=QUESTION,
        findings=_findings(result),
        sections=[
            Section("What is computed", _SETTING),
            Section("Three constructions", _HOW, [_table(result)]),
            _attention(result["attention"]),
            Section(
                "The errors of finite weights",
                _LAWS,
                parts(result["laws"]),
            ),
            _boundaries(result["boundaries"]),
            sheet_needed.section(result["needed"]),
        ],
        formulas=FORMULAS,
        settings={
            name: str(settings[name]) for name in ("n", "d", "steps", "tasks", "seed", "dtype")
        },
    )


# --- findings ------------------------------------------------------------------------------------


def _findings(result: Result) -> list[str]:
    found = result["constructions"]
    worst = max(found, key=lambda row: row["max_error"])
    steps, tasks = worst["steps"], worst["tasks"]
    moved = min(row["moved"]["median"] for row in found)
    other = min(row["error_if_reversed"] for row in found)
    said = "It can" if worst["max_error"] <= WANTED else "It can, but less exactly than wanted"
    return [
        f"{said}: after {count(steps, 'step')} the largest error of any construction, over "
        f"{count(tasks, 'task')}, all tokens and all coordinates, is {power(worst['max_error'])} "
        f"({worst['name']}, N = {worst['n']}). The predictions have moved by {short(moved)} or "
        f"more in the median, and descent on the reversed order ends {short(other)} or more away.",
        *_costs(found),
        _kept(result["laws"]),
        *_broken(result["boundaries"]),
        *sheet_needed.findings(result["needed"]),
    ]


def _costs(found: Rows) -> list[str]:
    pair = found[0]
    flags, select = ([row for row in found if key in row["name"]] for key in ("flags", "select"))
    return [
        f"A descent step needs {count(pair['blocks'], 'block')} of {count(pair['heads'], 'head')} "
        f"for two responses; for more, {count(flags[0]['blocks'], 'block')} of N heads after "
        f"{flags[0]['preparatory_blocks']} preparatory ones, if tokens have positions; N − 1 "
        f"blocks of {count(select[0]['heads'], 'head')}, if they don't."
    ]


def _kept(laws: Result) -> str:
    apart = max(row["apart"] for row in laws["sharpness"]["rows"])
    mask, squares = laws["mask"]["slope"], laws["squares"]["slope"]
    return (
        "Predicted and measured errors compared. Sharpness: they differ by at most "
        f"{power(apart)}. Mask depth: the logarithm of the leaked weight has the slope "
        f"{slope(mask, 5)}; −1 is predicted. Squares in K pieces: the error of f falls as K to the "
        f"power {slope(squares)}; −2 is predicted (intervals at 95 % over {squares['n']} tasks)."
    )


def _broken(found: Result) -> list[str]:
    lines = []
    pair, *others = found["causal"]
    lines.append(
        "With a causal mask both constructions for many responses fail: the error of the last "
        f"token is {short(min(row['last']['median'] for row in others))} or more in the median. "
        f"Bradley-Terry stays exact at the last token ({power(pair['last']['max'])}), which sees "
        "both responses."
    )
    fixed = found["fixed_mask"][0]
    apart = "whose responses are as far apart as in the paper's data"
    lines.append(
        f"With a fixed mask depth of {fixed['depth']:g} the error exceeds {power(WANTED)} in "
        f"{percent(fixed['share_wrong'])} % of the tasks {apart}, and reaches "
        f"{power(fixed['error']['max'])}."
        if fixed["share_wrong"]
        else f"A fixed mask depth of {fixed['depth']:g} is enough for these tasks, including those "
        f"{apart}; their largest excess is {short(fixed['largest_excess'], 1)}."
    )
    fast = max(row["error"]["max"] for row in found["fast"])
    lines.append(
        f"At 100 times the stable learning rate errors grow up to {power(fast)}: descent that "
        "overshoots multiplies rounding errors, in any implementation."
    )
    return lines


# --- the constructions ---------------------------------------------------------------------------


def _table(result: Result) -> Table:
    rows = []
    for row in result["constructions"]:
        before = f"{row['preparatory_blocks']} + " if row["preparatory_blocks"] else ""
        rows.append(
            [
                row["name"],
                str(row["n"]),
                f"{before}{row['blocks']}",
                str(row["heads"]),
                str(row["ffn"]),
                str(row["width"]),
                f"{row['parameters']:,}",
                power(row["max_error_first_step"]),
                power(row["max_error"]),
                short(row["moved"]["median"]),
            ]
        )
    steps = result["settings"]["steps"]
    return Table(
        title="Sizes, and errors compared with automatic differentiation",
        columns=[
            *("", "N", "blocks", "heads", "FFN", "width", "parameters"),
            *("step 1", f"step {steps}", "moved"),
        ],
        rows=rows,
        note=(
            "Blocks are those of one step; preparatory blocks, if any, stand before the +, and "
            f"have a feed-forward of at most {_most(result)} units. Heads and FFN are the largest "
            "numbers of heads and hidden units in a block of a step. Parameters are those of all "
            f"{count(steps, 'step')}; most are 0. Errors are the largest over "
            f"{count(result['settings']['tasks'], 'task')}, tokens and coordinates of f. Moved is "
            "the distance by which descent moved f, in the median."
        ),
    )


def _most(result: Result) -> int:
    return max(
        (unit for row in result["constructions"] for unit in row["preparatory_ffn"]), default=0
    )


# --- attention -----------------------------------------------------------------------------------


def _attention(found: Result) -> Section:
    drawn = found["constructions"]
    rows = max(
        abs(a - b)
        for each in drawn
        for block in each["blocks"]
        for head in block["heads"]
        for column in zip(*head["map"], strict=True)
        for a, b in ((max(column), min(column)),)
    )
    return Section(
        "What each head attends to",
        [
            "One example, the first descent step. Columns are the responses from the best to the "
            "worst, with their rewards; a row is a head and sums to 1. As all tokens hold the same "
            "f, their queries are equal: within a head the rows of different queries differ by "
            f"{power(rows)} at most, so one of them is drawn. Of {found['chosen_from']} contexts "
            "this is the one in which the scores spread the weight most; in the others more of it "
            "is on the responses nearest to f.",
            "The selecting heads put all weight on one response, the best remaining one, which is "
            "further to the right in every block. The averaging heads put none on responses that "
            "are done, and divide it among the others by score.",
        ],
        [_maps(place, each) for place, each in enumerate(drawn)],
    )


def _maps(place: int, each: Result) -> Chart:
    heads = [(block, head) for block in each["blocks"] for head in block["heads"]]
    names = [f"{_where(block, each)}{head['does']}" for block, head in heads]
    z = [head["map"][0] for _, head in heads]
    x = [f"{k}: r {short(r)}" for k, r in enumerate(each["rewards"], 1)]
    return Chart(
        name=f"attention-{('pair', 'flags', 'select')[place]}",
        title=f"{each['name']}, N = {each['n']}",
        alt=(
            f"Attention weights of {count(len(heads), 'head')} on {each['n']} responses from the "
            "best to the worst; "
            + "; ".join(
                f"{name}: {', '.join(short(w) for w in row)}"
                for name, row in zip(names, z, strict=True)
            )
            + "."
        ),
        data=[
            {
                "type": "heatmap",
                "x": x,
                "y": [f"{k}. {name}" for k, name in enumerate(names, 1)],
                "z": z,
                "text": [[short(weight) for weight in row] for row in z],
                "texttemplate": "%{text}",
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, "@outcome/0"], [1, "@outcome/60"]],
                "showscale": False,
                "xgap": 2,
                "ygap": 2,
                "hoverinfo": "skip",
            }
        ],
        layout={
            "xaxis": {"side": "top", "type": "category", "showgrid": False},
            "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False},
            "margin": {"l": 60, "r": 8, "t": 40, "b": 8},
        },
        caption="Attention weights, as numbers and as colour.",
        height=f"{4 + 2.2 * len(heads):g}rem",
    )


def _where(block: Result, each: Result) -> str:
    """The block of a head, where several have heads."""
    if not block["step"]:
        return "before: "
    several = sum(b["step"] == 1 for b in each["blocks"]) > 1
    return f"block {block['block']}: " if several else ""


# --- boundaries ----------------------------------------------------------------------------------


def _boundaries(found: Result) -> Section:
    ties = [
        ["two rewards tie", row["name"], which, *_errors(row[key])]
        for row in found["ties"]
        for key, which in (("mean", "mean of both orders"), ("either", "one of the orders"))
    ]
    causal = [
        ["causal mask", row["name"], f"{which} token", *_errors(row[which])]
        for row in found["causal"]
        for which in ("last", "first")
    ]
    fixed = [
        ["far apart", row["name"], f"depth {depth:.4g}", *_errors(row[key])]
        for row in found["fixed_mask"]
        for depth, key in ((row["depth"], "error"), (row["right_depth"], "right_error"))
    ]
    fast = [
        [
            "100 × the rate",
            row["name"],
            f"moved {short(row['moved']['median'])}",
            *_errors(row["error"]),
        ]
        for row in found["fast"]
    ]
    n = found["causal"][0]["last"]["n"]
    largest = short(found["fixed_mask"][0]["largest_excess"], 1)
    return Section(
        "Where they fail",
        [
            "Ties. Equal rewards rank neither response first, and construct refuses them. What the "
            "weights would do: for two responses the selecting head averages both, which is "
            "exactly the mean of the steps for the two orders. With more responses, rank flags "
            "exclude both from the next term, and select and eliminate marks both as done in one "
            "block, so that a term is lost: neither result is a step for any order.",
            "A causal mask. A response then doesn't see those after it, and its rank or mark is "
            "wrong. With two responses only the attention ranks them, and the last token attends "
            "to both: there the result stays exact.",
            "A fixed mask depth. Where responses are as far apart as in the paper's data, the "
            "logit of an excluded one can exceed those of all remaining ones so much that a depth "
            f"of 60 doesn't exclude it safely; the largest excess here is {largest}.",
            "A learning rate that is too high. The constructions do what descent does, and descent "
            "that overshoots multiplies differences, including rounding errors. This is no fault "
            "of the weights, but exactness can only be measured at lower rates.",
        ],
        [
            Table(
                title="Errors where a condition isn't met",
                columns=["", "construction", "", "median", "largest"],
                rows=[*ties, *causal, *fixed, *fast],
                note=(
                    f"The largest error of a coordinate of f in a task; median and largest over "
                    f"{n} tasks. Ties are those of the two best responses, after one step; the "
                    "other rows are after all steps."
                ),
            )
        ],
    )


def _errors(e: Result) -> list[str]:
    return [power(e["median"]), power(e["max"])] if e else [MISSING, MISSING]
