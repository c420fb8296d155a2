"""The bridge from theory to runs: do three rounds and two anchors foretell the later rounds?

The two-concept model (:mod:`selfcorrect.theory.two_concept`) is fitted to rounds 1-3 of a run, with
p− measured in a ``negation`` run and p+ in an ``anchor`` run on the same examples, and predicts the
later rounds of clusters that the fit hasn't seen. Whether it may predict at all is decided from
the anchors and rounds 1-3 alone, never from what is predicted.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures.intervals import Estimate, Floats, mean, mean_t, of_sums, proportion
from selfcorrect.measures.paired import joint_level, share_difference
from selfcorrect.runs.folder import RUN, Run, open_run
from selfcorrect.theory import two_concept as tc

#: The rounds that are fitted; those after them are predicted.
FITTED = (1, 2, 3)
#: Anchors nearer to each other than this identify nothing (specification).
LEAST_TV = 0.05
#: A mixture that leaves more of the differences between records unexplained is no description.
MOST_RESIDUAL = 0.5
#: Answers that are the likeliest option in so large a share of records count as greedy.
GREEDY_FROM = 0.95

#: Estimates as tables, by method and quantity.
_Skills = dict[str, dict[str, dict[str, Any]]]

#: What predicts, persistence apart; see :func:`_predicted`.
METHODS = ("two_concept", "two_concept_steps", "exponential", "chain")
#: What is predicted of each record.
QUANTITIES = ("probability", "accuracy")

_COLUMNS = (
    "example", "cluster", "round", "choices", "choice", "likeliest", "target", "correct", "option_p"
)  # fmt: skip


@dataclass(frozen=True)
class Aligned:
    """What is needed of the three runs, on the examples that they share.

    Attributes:
        p: distributions over the options in each round [T, n, K]; options that an example doesn't
            have are 0.
        plus, minus: p+ and p− [n, K].
        target: the right option [n].
        correct: 1 where the answer given was right, else 0 [T, n].
        clusters: a number for each record's cluster [n].
        greedy: whether the answers count as the likeliest option, else as drawn.
        likeliest: the share of answers read that are the likeliest option.
    """

    p: Floats
    plus: Floats
    minus: Floats
    target: NDArray[np.int64]
    correct: Floats
    clusters: NDArray[np.int64]
    greedy: bool = True
    likeliest: float = 1.0

    def of_target(self, p: Floats) -> Floats:
        """The probability of the right option [..., n] in distributions [..., n, K]."""
        return np.asarray(p[..., np.arange(len(self.target)), self.target])

    def accuracy(self, p: Floats) -> Floats:
        """The accuracy [..., n] to be expected of answers from distributions [..., n, K]."""
        if self.greedy:
            return np.asarray(p.argmax(axis=-1) == self.target, dtype=np.float64)
        return self.of_target(p)


def bridge(
    run: Run,
    *,
    negation: Run | None = None,
    anchor: Run | None = None,
    folds: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Fit the two-concept model to a run and judge its forecasts on held-out clusters.

    Args:
        run: of at least four rounds, on a task with lettered options.
        negation: the run whose last round is p−; by default the one beside ``run`` of that
            strategy, on the same model, task, data and seed.
        anchor: the same for p+.
        folds: into how many parts the clusters are cut, each predicted from the others.
        seed: of the folds and of the resampling.

    Returns:
        See :func:`bridged`; with the three ``folders``, and ``left_out``, the examples of the run
        that were not used.

    Raises:
        UserError: a run is missing (with the command that makes it), is of another model, or of
            other data; or there are too few rounds, clusters or options' probabilities.
    """
    negation = _checked(run, negation, "negation") if negation else beside(run, "negation")
    anchor = _checked(run, anchor, "anchor") if anchor else beside(run, "anchor")
    if run.folder.resolve() in (negation.folder.resolve(), anchor.folder.resolve()):
        raise UserError(f"{run.folder} can't be its own anchor: give a run of another strategy.")
    data = aligned(run, negation, anchor)
    used = len(data.target)
    return {
        "folders": {
            name: str(each.folder)
            for name, each in (("run", run), ("negation", negation), ("anchor", anchor))
        },
        "left_out": run.dialogues - used,
        **bridged(data, folds=folds, seed=seed),
    }


def bridged(data: Aligned, *, folds: int = 5, seed: int = 0) -> dict[str, Any]:
    """The same from arrays.

    Returns:
        ``identified`` and, if not, ``why``; ``n``, ``clusters``, ``rounds``; ``tv``, ``residual``,
        ``bend``, ``rho``, ``anchors`` (mean probability of the right option under p+ and p−);
        ``epsilon``, ``spread`` and ``actual``, a row a round; ``odds_fit`` (a and b, or ``None``);
        ``answers``; ``skill`` by method and quantity, ``lead``, how far ``two_concept``'s exceeds
        each other's, and ``predictions``, a row a later round, all empty where it isn't
        identified; ``fallbacks``, in how many folds a method had nothing but persistence;
        ``settings``. Estimates as :meth:`selfcorrect.measures.intervals.Estimate.table`.

    Raises:
        UserError: fewer than four rounds, or fewer than two clusters a fold.
    """
    rounds = len(data.p)
    _check_size(rounds, len(np.unique(data.clusters)), folds)
    fitted = slice(0, len(FITTED))
    early = data.p[fitted]
    sums = partial(of_sums, clusters=data.clusters, seed=seed)
    terms = tc.epsilon_terms(data.p, data.plus, data.minus)
    first = terms[:, [0, 1, 2, -1]]

    tv = mean(tc.total_variation(data.plus, data.minus), data.clusters, seed=seed)
    residual = sums(
        tc.residual_terms(early, data.plus, data.minus), tc.residual, bounds=(0.0, np.inf)
    )
    epsilon = [sums(terms[:, [t, -1]], lambda s: tc.epsilon(s)[..., 0]) for t in range(rounds)]
    spread = [
        sums(tc.spread_terms(p, data.plus, data.minus), tc.spread, bounds=(0.0, np.inf))
        for p in data.p
    ]
    rho = sums(first, lambda s: tc.odds_ratio(tc.epsilon(s), FITTED), bounds=(0.0, np.inf))
    why = _unidentified(tv, residual, [e.value for e in epsilon[fitted]])
    found: dict[str, Any] = {
        "identified": why is None,
        "why": why,
        "n": len(data.target),
        "clusters": tv.clusters,
        "rounds": rounds,
        "tv": tv.table(),
        "residual": residual.table(),
        "anchors": {
            name: mean(data.of_target(p), data.clusters, seed=seed).table()
            for name, p in (("anchor", data.plus), ("negation", data.minus))
        },
        "epsilon": [{"round": t + 1, **e.table()} for t, e in enumerate(epsilon)],
        "spread": [{"round": t + 1, **e.table()} for t, e in enumerate(spread)],
        "actual": _actual(data, seed),
        "rho": rho.table(),
        "bend": sums(first, lambda s: tc.bend(tc.epsilon(s))).table(),
        "odds_fit": None,
        "answers": {
            "taken_as": "greedy" if data.greedy else "drawn",
            "likeliest": data.likeliest,
        },
        "skill": {},
        "lead": {},
        "predictions": [],
        "fallbacks": {},
        "settings": {
            "folds": folds,
            "seed": seed,
            "fitted_rounds": list(FITTED),
            "least_tv": LEAST_TV,
            "most_residual": MOST_RESIDUAL,
            "greedy_from": GREEDY_FROM,
        },
    }
    if why is not None:
        found["rho"] = Estimate(None, None, None, rho.n, rho.clusters, why).table()
        return found
    a, b = (float(x) for x in tc.odds_line(tc.epsilon(first.sum(axis=0)), FITTED))
    line = tc.on_line(a, b, range(1, rounds + 1))
    for row, of_line in zip(found["epsilon"], line, strict=True):
        row["line"] = float(of_line)
    predicted, fallbacks = _predicted(data, folds, seed)
    skill, lead = _skill(data, predicted, terms, seed)
    return {
        **found,
        "odds_fit": {"a": a, "b": b},
        "skill": skill,
        "lead": lead,
        "predictions": _rows(found["actual"], predicted),
        "fallbacks": fallbacks,
    }


# --- the three runs ------------------------------------------------------------------------------


def beside(run: Run, strategy: str) -> Run:
    """The run of a strategy on the same model, task, data, seed and system message, if there is one
    among the folders beside this run's; of several the one with most dialogues, then rounds.

    Raises:
        UserError: there is none, with the command that makes it.
    """
    found = [
        other
        for other in _siblings(run)
        if other.header.about.get("strategy", {}).get("name") == strategy
        and _same(run, other)
        and (other.spec.seed, other.spec.system) == (run.spec.seed, run.spec.system)
        and other.dialogues
    ]
    if not found:
        raise UserError(
            f"there is no {strategy} run beside {run.folder} on the same model, data and seed: "
            f"make one with {command(run, strategy)}"
        )
    return max(found, key=lambda other: (other.dialogues, other.spec.rounds))


def command(run: Run, strategy: str) -> str:
    """The command that makes a run of another strategy on the same examples, beside this one."""
    spec = run.spec
    options: list[tuple[str, Any]] = [
        ("--strategy", strategy),
        ("--model", spec.model.name),
        ("--dtype", None if spec.model.dtype == "auto" else spec.model.dtype),
        ("--device", None if spec.model.device == "auto" else spec.model.device),
        ("--task", spec.task.name),
        ("--data", spec.task.data),
        ("--categories", ",".join(spec.task.categories) or None),
        ("--rounds", spec.rounds),
        ("--limit", spec.limit),
        ("--seed", spec.seed or None),
        ("--system", spec.system),
        ("--out", run.folder.parent),
    ]
    words = ["selfcorrect", "run"]
    for name, value in options:
        words += [] if value is None else [name, str(value)]
    words += ["--skip-bad"] if spec.skip_bad else []
    words += ["--no-baseline"]
    for key, value in spec.task.options.items():
        written = str(value).lower() if isinstance(value, bool) else str(value)
        words.append(f"task.options.{key}={written}")
    return shlex.join(words)


def aligned(run: Run, negation: Run, anchor: Run) -> Aligned:
    """Read the three runs and reduce them to the examples that all of them have whole.

    Raises:
        UserError: no options' probabilities, no shared examples, or different options of one.
    """
    own = _records(run)
    rounds = run.spec.rounds
    whole = own.group_by("example").len().filter(pl.col("len") == rounds).select("example")
    anchors = [_last(each) for each in (negation, anchor)]
    shared = whole
    for each in anchors:
        shared = shared.join(each, on="example", how="semi")
    if shared.is_empty():
        raise UserError(
            f"{run.folder}, {negation.folder} and {anchor.folder} share no example that all of "
            "them have whole: give runs on the same data, with the same limit and seed."
        )
    own = own.join(shared, on="example", how="semi").sort("example", "round")
    first = own.filter(pl.col("round") == own["round"].min())
    ends = [first.select("example").join(e, on="example", how="left") for e in anchors]
    for other, end in zip((negation, anchor), ends, strict=True):
        differ = first.filter(first["choices"] != end["choices"])
        if len(differ):
            raise UserError(
                f"{other.folder} asks example {differ['example'][0]!r} with other options, or in "
                f"another order, than {run.folder}: give a run on the same data and seed."
            )
    n, width = len(first), int(own["option_p"].list.len().to_numpy().max())
    read = own.filter(pl.col("choice").is_not_null())
    likeliest = float((read["choice"] == read["likeliest"]).to_numpy().mean()) if len(read) else 0.0
    return Aligned(
        p=_padded(own["option_p"], width).reshape(n, rounds, width).swapaxes(0, 1),
        plus=_padded(ends[1]["option_p"], width),
        minus=_padded(ends[0]["option_p"], width),
        target=first["target"].to_numpy().astype(np.int64),
        correct=own["correct"].cast(pl.Float64).to_numpy().reshape(n, rounds).T,
        clusters=np.unique(first["cluster"].to_numpy(), return_inverse=True)[1].astype(np.int64),
        greedy=likeliest >= GREEDY_FROM,
        likeliest=likeliest,
    )


def _siblings(run: Run) -> Iterator[Run]:
    for path in sorted(run.folder.resolve().parent.glob(f"*/{RUN}")):
        try:
            yield open_run(path)
        except UserError:  # a damaged folder is no candidate, and not this command's business
            continue


def _same(run: Run, other: Run) -> bool:
    mine, others = (each.header.about.get("fingerprints", {}) for each in (run, other))
    return bool(
        run.spec.task.name == other.spec.task.name
        and mine.get("data") == others.get("data")
        and mine.get("model", {}).get("fingerprint") == others.get("model", {}).get("fingerprint")
    )


def _checked(run: Run, other: Run, name: str) -> Run:
    if not _same(run, other):
        raise UserError(
            f"{other.folder} has another model, task or data than {run.folder}: give a {name} run "
            f"made with {command(run, name)}"
        )
    return other


def _records(run: Run) -> pl.DataFrame:
    """The graded records that have the options' probabilities."""
    frame = run.read(_COLUMNS).filter(
        pl.col("option_p").is_not_null()
        & pl.col("target").is_not_null()
        & pl.col("correct").is_not_null()
    )
    if frame.is_empty():
        raise UserError(
            f"{run.folder} has no record with the probabilities of lettered options: give a run "
            "on a task with options, such as bbq, choices or planted."
        )
    return frame


def _last(run: Run) -> pl.DataFrame:
    frame = _records(run)
    return frame.filter(pl.col("round") == run.spec.rounds).select("example", "choices", "option_p")


def _padded(rows: pl.Series, width: int) -> Floats:
    table = np.zeros((len(rows), width))
    there = np.arange(width) < rows.list.len().to_numpy()[:, None]
    table[there] = rows.explode().to_numpy()
    return table


# --- whether it may predict ----------------------------------------------------------------------


def _check_size(rounds: int, clusters: int, folds: int) -> None:
    if rounds <= len(FITTED):
        raise UserError(
            f"the run has {rounds} round{'' if rounds == 1 else 's'}, and three are fitted before "
            "any is predicted: give a run of at least 4 rounds (--rounds 10)."
        )
    if folds < 2:
        raise UserError(f"folds must be at least 2, not {folds}.")
    if clusters < 2 * folds:
        raise UserError(
            f"{clusters} cluster{'' if clusters == 1 else 's'} can't be cut into {folds} folds of "
            "at least 2: run all three on more examples (a larger --limit)."
        )


def _unidentified(tv: Estimate, residual: Estimate, epsilon: Sequence[float | None]) -> str | None:
    """Why the model isn't identified here, from the anchors and rounds 1-3; ``None`` if it is."""
    if tv.value is None or tv.value < LEAST_TV:
        return (
            f"the anchors say nearly the same: the total variation between p+ and p− is "
            f"{tv.value or 0:.3f}, under {LEAST_TV:g}."
        )
    if tv.low is not None and tv.low < LEAST_TV:
        return (
            f"the anchors aren't shown to differ: the interval of the total variation between p+ "
            f"and p− reaches down to {tv.low:.3f}, under {LEAST_TV:g}."
        )
    for round, value in zip(FITTED, epsilon, strict=True):
        if value is None or not 0 < value < 1:
            said = "undefined" if value is None else f"{value:.3f}".replace("-", "−")
            return (
                f"the run doesn't lie between its anchors: ε in round {round} is {said}, and a "
                "probability is between 0 and 1."
            )
    if residual.value is None or residual.value > MOST_RESIDUAL:
        share = "all" if residual.value is None else f"{100 * min(residual.value, 1):.0f} %"
        return (
            f"the run isn't a mixture of its anchors: {share} of what differs between records in "
            f"rounds 1-3 stays unexplained, over {100 * MOST_RESIDUAL:.0f} %."
        )
    return None


# --- what is predicted ---------------------------------------------------------------------------

#: method → quantity → what is predicted of each record in each later round [T − 3, n].
_Predicted = Mapping[str, Mapping[str, Floats]]


def _predicted(data: Aligned, folds: int, seed: int) -> tuple[_Predicted, dict[str, int]]:
    """Every method's forecast of each record, from the other folds' clusters.

    ``two_concept`` puts a record between its own anchors, where the line says.
    ``two_concept_steps`` adds the line's steps after round 3 to the record's own round 3, so that
    an anchor that is off by as much in every round does no harm. ``exponential`` and ``chain``
    foretell the mean, and move every record by as much. Where a method can't foretell anything it
    is persistence, and that is counted.
    """
    rounds = len(data.p)
    at, ahead = len(FITTED) - 1, rounds - len(FITTED)
    later = range(len(FITTED) + 1, rounds + 1)
    k = int(data.clusters.max()) + 1
    fold = np.random.default_rng(seed).permutation(k)[data.clusters] % folds
    p3 = data.p[at]
    actual = _quantities(data)
    now = {name: values[at] for name, values in actual.items()}
    made: dict[str, dict[str, Floats]] = {
        "persistence": {
            "distribution": np.repeat(p3[None], ahead, axis=0),
            **{name: np.repeat(values[None], ahead, axis=0) for name, values in now.items()},
        }
    }
    for method, quantities in {
        "two_concept": (*QUANTITIES, "distribution"),
        "two_concept_steps": (*QUANTITIES, "distribution"),
        "exponential": QUANTITIES,
        "chain": ("accuracy",),
    }.items():
        made[method] = {name: made["persistence"][name].copy() for name in quantities}
    fallbacks = {"two_concept": 0, "exponential_probability": 0, "exponential_accuracy": 0}
    fallbacks["chain"] = 0

    for number in range(folds):
        train, test = fold != number, fold == number
        sums = tc.epsilon_terms(data.p[: at + 1, train], data.plus[train], data.minus[train])
        a, b = tc.odds_line(tc.epsilon(sums.sum(axis=0)), FITTED)
        if np.isfinite(b):
            line = tc.on_line(float(a), float(b), [FITTED[-1], *later])
            plus, minus = data.plus[test], data.minus[test]
            steps = (line[1:] - line[0])[:, None, None] * (minus - plus)
            made["two_concept"]["distribution"][:, test] = tc.mixture(line[1:], plus, minus)
            made["two_concept_steps"]["distribution"][:, test] = p3[test] + steps
        else:
            fallbacks["two_concept"] += 1
        for name, values in actual.items():
            start = float(now[name][test].mean())
            means = values[: at + 1, train].mean(axis=1).tolist()
            fallbacks[f"exponential_{name}"] += _move(
                made["exponential"][name], test, tc.exponential(means, start, ahead), start
            )
        start = float(now["accuracy"][test].mean())
        path = tc.chain(data.correct[: at + 1, train], start, ahead)
        fallbacks["chain"] += _move(made["chain"]["accuracy"], test, path, start)
    for method in ("two_concept", "two_concept_steps"):
        made[method]["probability"] = data.of_target(made[method]["distribution"])
        made[method]["accuracy"] = data.accuracy(made[method]["distribution"])
    return made, fallbacks


def _move(values: Floats, test: NDArray[np.bool_], path: Floats | None, start: float) -> int:
    """Move the held-out records [L, n] so that their mean follows a path; 1 where there is none."""
    if path is None:
        return 1
    values[:, test] += (path - start)[:, None]
    return 0


def _quantities(data: Aligned) -> dict[str, Floats]:
    return {"probability": data.of_target(data.p), "accuracy": data.correct}


def _skill(
    data: Aligned, predicted: _Predicted, terms: Floats, seed: int
) -> tuple[_Skills, _Skills]:
    """1 − a method's error over persistence's, where anything moves after round 3; and by how much
    ``two_concept``'s exceeds each other's.

    The error of means is Σ_t |mean predicted − mean measured| over the later rounds, of records'
    distributions Σ_t Σ_i ‖p̂ − p‖². The intervals resample the clusters that are predicted, with
    the fits as they are. The noise of a measured mean is nobody's to foretell and counts as error,
    so that few records keep even the truth below 1.
    """
    at, later = len(FITTED) - 1, slice(len(FITTED), None)
    actual, along = _quantities(data), terms[:, :-1].T
    still = {
        name: _still(values[later], values[at], data.clusters, name == "accuracy", seed)
        for name, values in {**actual, "distribution": along}.items()
    }
    n, k = len(terms), int(data.clusters.max()) + 1

    def estimate(name: str, columns: Sequence[Floats], value: Callable[[Floats], Floats]) -> Any:
        if (why := still[name]) is not None:
            return Estimate(None, None, None, n, k, why).table()
        terms = np.concatenate(columns).T
        bounds = (-math.inf, 1.0 if value is _skill_of else math.inf)
        return of_sums(terms, value, data.clusters, bounds=bounds, seed=seed).table()

    errors: dict[str, dict[str, Floats]] = {}
    for method, guesses in predicted.items():
        errors[method] = {
            name: ((guess - data.p[later]) ** 2).sum(axis=-1)
            if name == "distribution"
            else guess - actual[name][later]
            for name, guess in guesses.items()
        }
    skill: _Skills = {
        method: {
            name: estimate(name, (mine, errors["persistence"][name]), _skill_of)
            for name, mine in errors[method].items()
        }
        for method in METHODS
    }
    lead: _Skills = {
        method: {
            name: estimate(
                name, (errors["two_concept"][name], theirs, errors["persistence"][name]), _lead_of
            )
            for name, theirs in errors[method].items()
        }
        for method in METHODS
        if method != "two_concept"
    }
    return skill, lead


def _skill_of(sums: Floats) -> Floats:
    """From sums of errors, a method's in each later round and then persistence's [..., 2 L]."""
    mine, base = np.moveaxis(_totals(sums, 2), -1, 0)
    return np.asarray(1 - mine / base)


def _lead_of(sums: Floats) -> Floats:
    """Our skill − another's, from sums of errors, ours, its and persistence's [..., 3 L]."""
    mine, theirs, base = np.moveaxis(_totals(sums, 3), -1, 0)
    return np.asarray((theirs - mine) / base)


def _totals(sums: Floats, methods: int) -> Floats:
    """Σ_t |…| of each method [..., methods]."""
    return np.asarray(np.abs(sums).reshape(*sums.shape[:-1], methods, -1).sum(axis=-1))


def _still(
    after: Floats, before: Floats, clusters: NDArray[Any], share: bool, seed: int
) -> str | None:
    """Why persistence can't be beaten: no later round is shown to differ from round 3.

    Tested for all later rounds at once, with the intervals of a simultaneous band.

    Args:
        after: in the later rounds [L, n].
        before: in round 3 [n].
        clusters: of the records [n].
        share: whether they are zeros and ones.
        seed: of the band.
    """
    level = joint_level((after - before).T, clusters, seed=seed)
    for row in after:
        e = (
            share_difference(row, before, clusters, level=level)
            if share
            else mean_t(row - before, clusters, level=level)
        )
        if e.low is not None and e.high is not None and (e.low > 0 or e.high < 0):
            return None
    return (
        "no later round is shown to differ from round 3, so there is no movement that could be "
        "foretold better than by persistence"
    )


def _actual(data: Aligned, seed: int) -> list[dict[str, Any]]:
    quantities = _quantities(data)
    return [
        {
            "round": t + 1,
            "probability": mean(quantities["probability"][t], data.clusters, seed=seed).table(),
            "accuracy": proportion(quantities["accuracy"][t], data.clusters).table(),
        }
        for t in range(len(data.p))
    ]


def _rows(actual: Sequence[Mapping[str, Any]], predicted: _Predicted) -> list[dict[str, Any]]:
    """A row a later round: what was measured, and each method's mean."""
    return [
        {
            "round": row["round"],
            **{
                name: {
                    "actual": row[name],
                    **{
                        method: float(of[name][t].mean())
                        for method, of in predicted.items()
                        if name in of
                    },
                }
                for name in QUANTITIES
            },
        }
        for t, row in enumerate(actual[len(FITTED) :])
    ]
