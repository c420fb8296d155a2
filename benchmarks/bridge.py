"""Which mechanism does the bridge name, where the true one is known? And how far off is its ρ?

    python -m benchmarks.bridge             # 100 runs of each truth and setting; writes the JSON
    python -m benchmarks.bridge --runs 4    # quick: prints, writes nothing

The same command again goes on where it was stopped: rows are kept in ``build/``, by the code that
they are of.

Runs are arrays of 150 dialogues and 6 rounds that obey one mechanism (:mod:`.bridge_truths`). Each
goes through what the study does: the preflight, the tournament, its verdict.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from benchmarks.bridge_truths import RHO, TRUTHS, Setting, made, unsettled

import selfcorrect as sc
from selfcorrect.measures.intervals import mean, wilson
from selfcorrect.runs.executors.pool import Pool
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.forecasts import folds_of
from selfcorrect.studies.bridge.measured import fitting, last_steps
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.studies.bridge.settled import settled
from selfcorrect.studies.bridge.tables import estimate
from selfcorrect.studies.bridge.tournament import (
    TWO,
    as_seen,
    best,
    competing,
    explains,
    odds_ratio,
)
from selfcorrect.theory import two_concept as tc
from selfcorrect.theory.log_scores import fit
from selfcorrect.theory.mechanisms import MECHANISMS

RESULTS = Path(__file__).with_name("theory") / "mechanisms.json"
PAGE = documented.DOCS / "theory.md"
KEPT = Path(__file__).parents[1] / "build" / "bridge-rows.json"
RUNS, FOLDS = 100, 5
SETTINGS: Mapping[str, Setting] = {
    "3 options": Setting(3, 0.0),
    "3 options, spread 1": Setting(3, 1.0),
    "2 options": Setting(2, 0.0),
    "2 options, spread 1": Setting(2, 1.0),
    "3 options, spread 1, varied anchors": Setting(3, 1.0, True),
}
#: Truths that no mechanism fits exactly are tried in the last setting only, and there few others.
CELLS = [
    (setting, truth)
    for setting, of in SETTINGS.items()
    for truth in TRUTHS
    if ("apart" in truth or truth in ("two concepts", "constant drift") or not of.varied)
    and ("apart" not in truth or of.varied)
]
#: Of which two concepts ρ is estimated: how they are made.
BIASES: Mapping[str, Setting] = {
    "no spread": Setting(3, 0.0),
    "spread 1": Setting(3, 1.0),
    "spread 2": Setting(3, 2.0),
    "unsettled anchors": Setting(3, 0.0),
    "unsettled anchors, spread 1": Setting(3, 1.0),
}
#: The code whose change makes rows stale, below the package.
OF = (
    "measures/clusters",
    "measures/intervals",
    "studies/bridge/arrays",
    "studies/bridge/forecasts",
    "studies/bridge/identified",
    "studies/bridge/measured",
    "studies/bridge/settled",
    "studies/bridge/tournament",
    "theory/log_scores",
    "theory/mechanisms",
    "theory/two_concept",
)
#: Identified, where another mechanism is true: at most so often.
MOST_FALSE = 0.05


def once(truth: str, setting: str, seed: int) -> tuple[str, bool]:
    """What is named in one run, and whether two concepts are called identified."""
    rng = np.random.default_rng([seed, *truth.encode(), *setting.encode()])
    data = made(truth, SETTINGS[setting], rng)
    scores = competing(data, folds_of(data, FOLDS, 0))[1]
    named = best(scores, data.clusters)
    # as in analysis.named
    identified = named == TWO and fitting(data).why is None and explains(data, scores)
    return named or "", identified


def estimated(setting: str, seed: int) -> dict[str, Any]:
    """The estimates of ρ in one run."""
    rng = np.random.default_rng([seed, *setting.encode()])
    if setting.startswith("unsettled"):
        data = unsettled(BIASES[setting], rng)
    else:
        data = made("two concepts", BIASES[setting], rng)
    line = tc.epsilon_terms(data.p[: len(FITTED)], data.plus, data.minus).sum(axis=0)
    own, settled_one = (own_rho(each) for each in (data, settled(data, last_steps(data))[0]))
    low, high = settled_one["low"], settled_one["high"]
    return {
        "mean": float(tc.odds_ratio(tc.epsilon(line), FITTED)),
        "own": own["value"],
        "settled": settled_one["value"],
        "holds": low is not None and low <= RHO <= high,
    }


def own_rho(data: Aligned) -> dict[str, Any]:
    """As the tournament estimates it."""
    whole = as_seen(data, np.ones(len(data.target), dtype=bool))
    return odds_ratio(data, fit(MECHANISMS[TWO], whole, data.p)).table()


def row(told: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """How often each mechanism is named, and two concepts identified, with Wilson's interval."""
    n = len(told)
    counts = Counter(name for name, _ in told)
    claims = {name: counts[name] for name in MECHANISMS}
    claims["identified"] = sum(identified for _, identified in told)
    claims["none"] = counts[""]
    return {
        name: {"runs": n, "share": k / n, "low": wilson(k, n)[0], "high": wilson(k, n)[1]}
        for name, k in claims.items()
    }


def share(e: Mapping[str, Any]) -> str:
    """``97 % [92, 99]``, or a dash for never."""
    if not e["share"]:
        return "–"
    return f"{100 * e['share']:.0f} % [{100 * e['low']:.0f}, {100 * e['high']:.0f}]"


def tables(found: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """The tables of the docs page as they were measured: name, head and rows of each."""
    keys = [*MECHANISMS, "none", "identified"]
    head = ["dialogues", "truth", *(m.label for m in MECHANISMS.values()), "none", "identified"]
    yield (
        "named",
        head,
        [
            (setting, truth, *(share(told[key]) for key in keys))
            for setting, truths in found["named"].items()
            for truth, told in truths.items()
        ],
    )
    head = [
        "dialogues",
        "ρ of the mean, rounds 1-3",
        "ρ of the tournament, anchors as measured",
        "the same, anchors that still move put where they would end",
        "its interval holds .6",
    ]
    rows = []
    for name, told in found["rho"].items():
        means = [told[each] for each in ("mean", "own", "settled")]
        shown = [estimate(e, 3) for e in means]
        rows.append((name, *shown, share(told["holds"])))
    yield "rho", head, rows


class Rows:
    """Finished rows, kept as long as the code that they are of stays the same."""

    def __init__(self, runs: int) -> None:
        package = Path(sc.__file__).parent
        files = [Path(__file__).with_name("bridge_truths.py")]
        files += [package / f"{name}.py" for name in OF]
        text = b"".join(file.read_bytes() for file in files)
        self.key = f"{runs} runs, {hashlib.blake2b(text, digest_size=8).hexdigest()}"
        stored = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
        self.rows: dict[str, Any] = stored.get(self.key, {})

    def of(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A row: the one that is kept, or made now."""
        if name not in self.rows:
            self.rows[name] = make()
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps({self.key: self.rows}), "utf-8")
        return dict(self.rows[name])


def biased(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of each estimate of ρ, and how often the interval holds it."""
    n, k = len(told), sum(each["holds"] for each in told)
    means = {
        name: mean(np.array([each[name] for each in told], dtype=np.float64), np.arange(n))
        for name in ("mean", "own", "settled")
    }
    low, high = wilson(k, n)
    holds = {"runs": n, "share": k / n, "low": low, "high": high}
    return {**{name: e.table() for name, e in means.items()}, "holds": holds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--truths", nargs="*", choices=list(TRUTHS), default=list(TRUTHS))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    started, n, rows = time.time(), given.runs, Rows(given.runs)
    found: dict[str, Any] = {"named": {}, "rho": {}}
    with Pool(given.processes) as pool:

        def every(work: Callable[..., Any], *what: str) -> list[Any]:
            return list(pool.map(work, *([w] * n for w in what), range(n), chunksize=5))

        for setting in BIASES:
            mine = rows.of(setting, lambda s=setting: biased(every(estimated, s)))
            found["rho"][setting] = mine
            print(setting, mine, flush=True)
        for setting, truth in CELLS:
            if truth not in given.truths:
                continue
            mine = rows.of(f"{setting}: {truth}", lambda s=setting, t=truth: row(every(once, t, s)))
            found["named"].setdefault(setting, {})[truth] = mine
            often = {k: share(v) for k, v in mine.items() if v["share"]}
            false = truth != "two concepts" and mine["identified"]["share"] > MOST_FALSE
            print(f"{setting:36} {truth:26} {often}{' (too often)' if false else ''}", flush=True)
    print(f"{time.time() - started:.0f} s")
    if given.runs >= RUNS and given.truths == list(TRUTHS):
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
        for name, head, shown in tables(found):
            PAGE.write_text(documented.filled(PAGE, name, head, shown), "utf-8")


if __name__ == "__main__":
    documented.command(main)
