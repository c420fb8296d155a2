"""Which runs can be compared at all, what they are called, and with which of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from selfcorrect.errors import UserError
from selfcorrect.report.phrases import strategy_of
from selfcorrect.runs.run import Run
from selfcorrect.runs.scores import shared_by
from selfcorrect.runs.store import Store
from selfcorrect.scorers import named_scorer


def check(runs: Sequence[Run]) -> None:
    """Raises UserError where runs can't be compared at all."""
    if len(runs) < 2:
        raise UserError("a comparison needs two runs or more.")
    first, known = runs[0], dict[str, Run]()
    for run in runs:
        if (other := known.get(run.header.hash)) is not None:
            raise UserError(f"{run.folder} and {other.folder} are the same run: name it once.")
        known[run.header.hash] = run
    for run in runs[1:]:
        data = [each.header.about.get("fingerprints", {}).get("data") for each in (first, run)]
        pair = f"{first.folder} and {run.folder}"
        if data[0] != data[1] or data[0] is None:
            raise UserError(
                f"{pair} are of different data (the task {first.spec.task.name} and the task "
                f"{run.spec.task.name}, fingerprints {data[0]} and {data[1]}): only runs of the "
                "same data can be compared."
            )
        graded = [None if s is None else (s.scorer, s.fingerprint)
                  for s in (first.scores, run.scores)]  # fmt: skip
        if graded[0] != graded[1]:
            usable = _usable([first, run]) or "grade both by one scorer, and name it with --scorer."
            raise UserError(
                f"{pair} are graded differently ({_who(graded[0])} and {_who(graded[1])}): {usable}"
            )
        if first.outcome != run.outcome:
            raise UserError(
                f"{pair} have different outcomes ({first.outcome.name} and {run.outcome.name}, or "
                "other bounds): only runs with one outcome can be compared."
            )


def drawn_apart(runs: Sequence[Run]) -> list[str]:
    """Why measures of samples aren't compared, though one of the runs has them."""
    told = []
    for run in runs:
        drawn, meanings = run.header.spec.samples, run.meanings
        by = meanings.folder.removeprefix("scores/") if meanings else "grouped by nobody"
        told.append(f"{drawn.k} at {drawn.temperature:g}, {by}" if drawn.k else "none")
    if len(set(told)) == 1:
        return []
    said = "; ".join(dict.fromkeys(told))
    return [f"measures of samples are left out, as the runs drew other samples ({said})."]


def _who(graded: tuple[str, str] | None) -> str:
    return "no scorer" if graded is None else f"{graded[0]}, fingerprint {graded[1][:8]}"


def _usable(runs: Sequence[Run]) -> str:
    """Which scores all of these have, as a sentence's end; empty where there are none."""
    names = shared_by([Store(run.folder) for run in runs])
    return f"add --scorer {' or --scorer '.join(names)}." if names else ""


def ungraded(runs: Sequence[Run]) -> str:
    run = runs[0]
    if usable := _usable(runs):
        return f"nothing says by which scores these runs are to be compared: {usable}"
    usual = named_scorer(run.header.spec.scorer.name, run.header.outcome.scorer)
    return (
        f"the answers of these runs aren't graded, so there is no {run.outcome.name} to compare: "
        f"selfcorrect grade {run.folder} --scorer {usual} does that."
    )


def is_oracle(run: Run) -> bool:
    return any(bool(frame["oracle"].any()) for frame in run.chunks(["oracle"]))


def reference_of(runs: Sequence[Run], wanted: Run | None, oracle: Sequence[bool]) -> int:
    """Which run the others are compared with."""
    if all(oracle):
        raise UserError(
            "all of these runs use the truth (oracle), and such runs are never ranked: add one "
            "that doesn't."
        )
    if wanted is None:
        return oracle.index(False)
    found = [k for k, run in enumerate(runs) if run.header.hash == wanted.header.hash]
    if not found:
        raise UserError(f"the reference {wanted.folder} is none of the runs: name it among them.")
    if oracle[found[0]]:
        raise UserError(
            f"the reference {wanted.folder} uses the truth (oracle), so nothing can be ranked "
            "beside it: name another."
        )
    return found[0]


def names_of(runs: Sequence[Run]) -> list[str]:
    """The shortest of their names that tell them apart."""

    def strategy(run: Run) -> str:
        return strategy_of(run.spec.strategy.name)

    def model(run: Run) -> str:
        return run.spec.model.name.rstrip("/").rsplit("/", 1)[-1]

    parts: tuple[Callable[[Run], str], ...] = (
        strategy,
        model,
        lambda run: f"{run.spec.rounds} round{'s' * (run.spec.rounds > 1)}",
        lambda run: f"seed {run.spec.seed}",
    )
    for several in range(1, len(parts) + 1):
        for chosen in combinations(parts, several):
            found = [", ".join(part(run) for part in chosen) for run in runs]
            alone = several == 1 and chosen[0] in (strategy, model)
            if len(set(found)) == len(found) and (chosen[0] is strategy or alone):
                return found
    for last in (lambda run: run.folder.name, lambda run: str(run.folder)):
        found = [last(run) for run in runs]
        if len(set(found)) == len(found):
            return found
    return found
