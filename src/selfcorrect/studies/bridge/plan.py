"""The three runs: planned from a spec, or found beside a run that exists already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selfcorrect.errors import UserError
from selfcorrect.measures.catalogue import margins
from selfcorrect.runs import Run, RunSpec, StrategySpec, open_run
from selfcorrect.runs.command import command_line
from selfcorrect.runs.header import RUN
from selfcorrect.studies.base import Settings

#: The rounds that are fitted; those after them are predicted.
FITTED = (1, 2, 3)
#: Each is a strategy: of the run whose later rounds are predicted, and of the two runs whose last
#: rounds are p− and p+.
ARMS = ("intrinsic", "negation", "anchor")


def plan(spec: RunSpec, _: Settings) -> Mapping[str, RunSpec]:
    """The three runs, which differ in their strategy only.

    Raises:
        UserError: fewer than four rounds.
    """
    check_rounds(spec.rounds)
    return {arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}) for arm in ARMS}


def three(run: Run, negation: Run | None = None, anchor: Run | None = None) -> Mapping[str, Run]:
    """The runs of a bridge from runs that exist already.

    Args:
        run: of any strategy, of at least four rounds, on a task with lettered options.
        negation: the run whose last round is p−; by default the one beside ``run`` of that
            strategy, on the same model, task, data and seed.
        anchor: the same for p+.

    Raises:
        UserError: a run is missing (with the command that makes it), is of another model, or of
            other data; two of them are the same; or there are too few rounds.
    """
    check_rounds(run.spec.rounds)
    given = {"negation": negation, "anchor": anchor}
    others = {
        name: _checked(run, other, name) if other else beside(run, name)
        for name, other in given.items()
    }
    if lacking := [name for name, other in others.items() if other is None]:
        one = len(lacking) == 1
        raise UserError(
            f"there is no {' and no '.join(lacking)} run beside {run.folder} on the same model, "
            f"data and seed: make {'it' if one else 'them'} with {command(run, *lacking)} (study "
            "bridge makes all three at once)"
        )
    found = {ARMS[0]: run, **{name: other for name, other in others.items() if other}}
    for name, other in (("intrinsic", "negation"), ("intrinsic", "anchor"), ("negation", "anchor")):
        folder = found[name].folder.resolve()
        if folder == found[other].folder.resolve():
            said = "its own anchor" if name == "intrinsic" else "both ends of the scale"
            raise UserError(f"{folder} can't be {said}: give a run of another strategy.")
    return found


def check_rounds(rounds: int) -> None:
    """Raises UserError where a run has no round besides those that are fitted."""
    if rounds <= len(FITTED):
        raise UserError(
            f"the run has {rounds} round{'' if rounds == 1 else 's'}, and three are needed for the "
            "fit before any can be predicted: give a run of at least 4 rounds (--rounds 10)."
        )


def beside(run: Run, strategy: str) -> Run | None:
    """The run of a strategy on the same model, task, data, seed and system message, if there is one
    among the folders beside this run's; of several the one with most dialogues, then rounds.
    """
    found = [
        other
        for other in _siblings(run)
        if other.header.about.get("strategy", {}).get("name") == strategy
        and _same(run, other)
        and (other.spec.seed, other.spec.system) == (run.spec.seed, run.spec.system)
        and other.dialogues
    ]
    return max(found, key=lambda other: (other.dialogues, other.spec.rounds), default=None)


def command(run: Run, *strategies: str) -> str:
    """The command that makes runs of other strategies on the same examples, beside this one."""
    usual = margins(run.header.outcome, {})
    stated = {k: v for k, v in run.spec.margins.items() if v != usual.get(k)}
    first, *more = strategies
    update = {"strategy": StrategySpec(name=first), "models": {}, "margins": stated}
    line = command_line(run.spec.model_copy(update=update), out=run.folder.parent, controls=False)
    flag = f"--strategy {first}"
    return line.replace(flag, " ".join([flag, *(f"--strategy {each}" for each in more)]), 1)


def _siblings(run: Run) -> Iterator[Run]:
    parent = run.folder.resolve().parent
    if run.folder.parent.resolve() == parent:  # so that the folders are named as this one was
        parent = run.folder.parent
    for path in sorted(parent.glob(f"*/{RUN}")):
        try:
            yield open_run(path)
        except UserError:  # a damaged folder is no candidate; it is refused where it is asked for
            continue


def _same(run: Run, other: Run) -> bool:
    mine, others = (each.header.about.get("fingerprints", {}) for each in (run, other))
    return bool(
        run.spec.task.name == other.spec.task.name
        and mine.get("data") == others.get("data")
        and mine.get("model", {}).get("fingerprint") == others.get("model", {}).get("fingerprint")
    )


def _checked(run: Run, other: Run, name: str) -> Run:
    """A run that was named, if it is of the same model, task and data.

    Raises:
        UserError: it isn't.
    """
    if not _same(run, other):
        raise UserError(
            f"{other.folder} has another model, task or data than {run.folder}: give "
            f"the run that this makes: {command(run, name)}"
        )
    return other
