"""Running a spec: which arms, which dialogues are missing, and the loop over them.

Two rules make a run that was killed equal, bit for bit, to one that wasn't. A piece holds the same
dialogues whatever happened before. And the arms that go through a piece together are those of a
stored plan, never those that happen to be missing: only the writing skips what is there already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfcorrect import models, strategies
from selfcorrect.errors import UserError, nearest
from selfcorrect.measures.catalogue import margins
from selfcorrect.messages import reads_text_only
from selfcorrect.models.base import Model
from selfcorrect.runs import independent
from selfcorrect.runs.chunk import Bench, Crew, Done, Job, Setup, open_model
from selfcorrect.runs.folder import (
    RUN,
    Header,
    Piece,
    Plan,
    Run,
    about,
    check_piece,
    cut,
    gaps,
    pieces,
    read_header,
)
from selfcorrect.runs.identity import (
    Facts,
    ModelFacts,
    data_fingerprint,
    folder_name,
    spec_hash,
    strategy_table,
    task_of,
)
from selfcorrect.runs.place import place
from selfcorrect.runs.progress import Counter, Progress
from selfcorrect.runs.spec import ModelSpec, RunSpec, StrategySpec
from selfcorrect.runs.store import Store
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Example, Task
from selfcorrect.tasks.data.order import order

#: The controls that a run gets beside it: the question again without an instruction, for as many
#: rounds; and the question without the goal, for one.
CONTROLS = ("repeat", "baseline")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: what was finished is kept, and the same command goes on from there.

    Attributes:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"interrupted; what was finished is in {folder}")
        self.folder = folder


@dataclass(frozen=True, slots=True)
class Where:
    """Who takes the pieces of a run through their rounds.

    Attributes:
        workers: processes, or with ``ray`` actors, that each hold the models; ``None``: this
            process, or with ``ray`` as many as the cluster has room for.
        ray: the address of a Ray cluster.
        cpus, gpus: what each actor takes of it.
    """

    workers: int | None = None
    ray: str | None = None
    cpus: float = 1
    gpus: float = 0


HERE = Where()


@dataclass(frozen=True)
class _ArmRun:
    """One arm of a command, with its own folder."""

    strategy: Strategy
    spec: RunSpec
    hash: str
    store: Store

    @property
    def name(self) -> str:
        return self.strategy.name


@dataclass(frozen=True)
class Prepared:
    """A spec with everything it names found and checked; no weights are loaded yet.

    Attributes:
        spec: as given, ``auto`` resolved.
        examples: all of the task's, in the order of the run.
        wanted: how many of them the limit leaves.
        facts: fingerprints, and the models as resolved.
        opened: the models behind servers, which are known once they are asked; "" is the main one.
    """

    spec: RunSpec
    task: Task
    examples: Sequence[Example]
    wanted: int
    strategy: Strategy
    facts: Facts
    opened: Mapping[str, Model] = field(default_factory=dict)

    def close(self) -> None:
        """Close the connections to servers."""
        for model in self.opened.values():
            model.close()  # type: ignore[attr-defined]


def prepare(spec: RunSpec, model: Model | None = None) -> Prepared:
    """Find and check everything that a spec names.

    Args:
        spec: what is to be run.
        model: an open model to use instead of opening ``spec.model``.

    Raises:
        UserError: something named isn't there, or doesn't fit the rest.
    """
    # the cheap mistakes first: a strategy's file before the data, the data before a model
    strategy = strategies.load(spec.strategy.name, spec.strategy.parameters)
    _check_name(strategy, spec.strategy.name)
    _check_bound(strategy, spec)
    task = task_of(spec)
    examples = task.examples()
    if not examples:
        raise UserError(f"the task {spec.task.name} has no examples{_of(spec)}.")
    strategies.check_names(strategy, set(task.ask(examples[0])))
    strategies.check_given(strategy, len(examples[0].turns), task.name)
    named = {name: spec.models[name] for name in sorted(strategy.asked)}
    given = {} if model is not None else {"": spec.model}
    opened = _opened({**given, **named})
    _check_sees(examples[0], model or opened.get(""))
    main = _facts(spec.model, model or opened.get(""))
    facts = Facts(
        model=main,
        data=data_fingerprint(task),
        others={name: _facts(other, opened.get(name)) for name, other in named.items()},
    )
    resolved = spec.model_copy(
        update={
            "model": _resolved(spec.model, main),
            "models": {
                name: _resolved(spec.models[name], other) for name, other in facts.others.items()
            },
            "rounds": _rounds(spec.rounds, strategy),
            "margins": margins(task.outcome, spec.margins),
        }
    )
    ordered = order(examples, spec.seed)
    wanted = min(spec.limit or len(ordered), len(ordered))
    return Prepared(resolved, task, ordered, wanted, strategy, facts, opened)


def _check_sees(example: Example, model: Model | None) -> None:
    """Refuse images that the model can't see before there are folders; those of later examples it
    refuses itself."""
    if images := example.all_images:
        check = getattr(model, "check_sees", None)
        if check is None:
            raise reads_text_only(images[0])
        check(images)


def run(
    spec: RunSpec,
    *,
    out: str | Path = "runs",
    baseline: bool = True,
    model: Model | None = None,
    progress: Callable[[Progress], None] | None = None,
    where: Where = HERE,
) -> Run:
    """Run a spec, or what is missing of it, with its controls; each arm in its own folder.

    A run that is complete is found, and no model is loaded. A run that was killed, or had a smaller
    limit, is continued.

    Args:
        spec: what is to be run.
        out: the folder in which the runs' folders lie.
        baseline: run or find the controls (:data:`CONTROLS`) on the same examples.
        model: an open model to use instead of opening ``spec.model``.
        progress: told after each round of each arm.
        where: who takes the dialogues through their rounds.

    Raises:
        UserError: bad input, a folder of another version or in use by another process, a full disk.
        Interrupted: on Ctrl-C.
    """
    _check_where(where, spec, model)
    ready = prepare(spec, model)
    with ExitStack() as held:
        held.callback(ready.close)
        arms = _arms(ready, place(out), baseline)
        main = arms[0]
        _check_margins(main)
        if not any(_missing(arm, ready.wanted) for arm in arms):
            _check_held(main, ready)
            return _result(main, ready)
        try:
            for arm in arms:
                # a control that is complete is only read, so that many runs can share it
                if arm is main or _missing(arm, ready.wanted):
                    held.enter_context(arm.store.lock())
            _fill(ready, arms, model, progress, where)
        except KeyboardInterrupt:
            raise Interrupted(main.store.root) from None
    return _result(main, ready)


def _result(main: _ArmRun, ready: Prepared) -> Run:
    header = read_header(main.store)
    assert header is not None
    return Run(main.store.root, header, ready.wanted, ready.task)


# --- preparing -----------------------------------------------------------------------------------


def _of(spec: RunSpec) -> str:
    where = f" in {spec.task.data}" if spec.task.data else ""
    return where + (f" of {', '.join(spec.task.categories)}" if spec.task.categories else "")


def _check_where(where: Where, spec: RunSpec, model: Model | None) -> None:
    many = where.ray is not None or (where.workers or 1) > 1
    if where.workers is not None and where.workers < 1:
        raise UserError(f"workers must be at least 1, not {where.workers}.")
    if many and model is not None:
        raise UserError("workers open the model for themselves: give its name, not an open one.")
    if many and (spec.model.is_served or any(m.is_served for m in spec.models.values())):
        raise UserError(
            "the work is done by the model's server, so more workers don't help: give "
            "model.in_flight=N for more dialogues at a time."
        )


def _opened(specs: Mapping[str, ModelSpec]) -> dict[str, Model]:
    """Those of the models that are behind servers, opened."""
    opened: dict[str, Model] = {}
    try:
        for name, spec in specs.items():
            if spec.is_served:
                opened[name] = open_model(spec)
    except BaseException:
        for model in opened.values():
            model.close()  # type: ignore[attr-defined]
        raise
    return opened


def _facts(spec: ModelSpec, model: Model | None = None) -> ModelFacts:
    if model is not None:
        return ModelFacts(model.name, model.fingerprint, model.dtype, model.device)
    return ModelFacts(spec.name, *models.describe(spec.name, spec.dtype, spec.device))


def _resolved(given: ModelSpec, facts: ModelFacts) -> ModelSpec:
    """Without ``auto``, save where the model has a type that none can choose (planted ones)."""
    named = {"name": facts.name}
    try:
        return ModelSpec(**named, dtype=facts.dtype, device=facts.device)  # type: ignore[arg-type]
    except ValueError:
        return given.model_copy(update=named)


def _check_name(strategy: Strategy, given: str) -> None:
    name = strategy.name
    if name in CONTROLS and given != name and strategy != strategies.load(name, {}):
        raise UserError(
            f"{strategy.path}: {name} is the name of a control that every run gets beside "
            "it; give the file another name."
        )


def _check_bound(strategy: Strategy, spec: RunSpec) -> None:
    for name, line in strategy.asked.items():
        if name not in spec.models:
            bound = f": {nearest(name, spec.models)}" if spec.models else ""
            raise UserError(
                f"{strategy.path}:{line}: this step asks a model called {name!r}; say which one "
                f"that is with models.{name}=NAME{bound}."
            )


def _rounds(rounds: int, strategy: Strategy) -> int:
    return min(rounds, strategy.max_rounds or rounds)


def _arms(ready: Prepared, out: Path, baseline: bool) -> list[_ArmRun]:
    """The run itself, then the controls that it isn't itself."""
    arms = [_arm(ready, out, ready.spec, ready.strategy)]
    for name in CONTROLS if baseline else ():
        if name == ready.strategy.name:
            continue
        control = strategies.load(name, {})
        spec = ready.spec.model_copy(
            update={
                "strategy": StrategySpec(name=name),
                "rounds": _rounds(ready.spec.rounds, control),
                "models": {},
            }
        )
        arms.append(_arm(ready, out, spec, control))
    return arms


def _arm(ready: Prepared, out: Path, spec: RunSpec, strategy: Strategy) -> _ArmRun:
    facts = ready.facts if spec.models else replace(ready.facts, others={})
    hash = spec_hash(spec, facts, strategy)
    return _ArmRun(strategy, spec, hash, Store(out / folder_name(spec, strategy, hash)))


def _check_margins(arm: _ArmRun) -> None:
    """Raises UserError where other margins are asked for than those fixed when the run began."""
    header = read_header(arm.store)
    if header is not None and header.spec.margins != arm.spec.margins:
        fixed, given = header.spec.margins, arm.spec.margins
        wanted = " ".join(f"margins.{k}={v}" for k, v in fixed.items() if v != given.get(k))
        raise UserError(
            f"the margins of {arm.store.root} were fixed before its data were seen: give {wanted}, "
            "or choose another output folder."
        )


def _missing(arm: _ArmRun, wanted: int) -> list[tuple[int, int]]:
    """The intervals of positions without records; the folder is checked on the way."""
    header = read_header(arm.store)
    if header is None:
        return [(0, wanted)]
    if header.hash != arm.hash:
        raise UserError(
            f"{arm.store.root} holds a run of another spec (its {RUN} says {header.hash}, this one "
            f"is {arm.hash}): choose another output folder, or move that one away."
        )
    return gaps(pieces(arm.store), 0, wanted)


# --- running -------------------------------------------------------------------------------------


def _fill(
    ready: Prepared,
    arms: Sequence[_ArmRun],
    model: Model | None,
    progress: Callable[[Progress], None] | None,
    where: Where,
) -> None:
    # only now, under the locks, is it certain what is missing
    missing = {arm.name: _missing(arm, ready.wanted) for arm in arms}
    if not any(missing.values()):
        return
    counter = Counter(
        {a.name: a.spec.rounds for a in arms}, ready.wanted, progress, ready.task.outcome.name
    )
    held = {arm.name: _Held(_check_held(arm, ready, counter)) for arm in arms}
    stores = {arm.name: arm.store for arm in arms}
    with _crew(ready, arms, model, counter, where) as crew:
        plans = _plans(ready, arms, missing, crew)
        counter.start()
        for done in crew.work(_jobs(ready, plans, held)):
            _store(done, stores, held)
            counter.done(done)


def _crew(
    ready: Prepared, arms: Sequence[_ArmRun], model: Model | None, counter: Counter, where: Where
) -> AbstractContextManager[Crew]:
    """Whoever does the work."""
    strategies = {arm.name: (arm.strategy, arm.spec.rounds) for arm in arms}
    setup = Setup(ready.spec, ready.task, strategies, ready.examples[0])
    if where.ray is not None:
        from selfcorrect.runs import cluster

        return cluster.crew(setup, where.ray, where.workers, where.cpus, where.gpus)
    if (where.workers or 1) > 1:
        from selfcorrect.runs import workers

        return workers.crew(setup, where.workers or 1)
    bench = Bench.open(setup, model, ready.opened)
    counter.spent = bench.spent
    if independent.together(bench.models):
        return nullcontext(independent.crew(bench, arms[0].store, counter))
    return nullcontext(
        Crew(
            bench.transcripts(),
            bench.about(),
            lambda jobs: (bench.take(job, counter) for job in jobs),
        )
    )


class _Held:
    """Which pieces of an arm there are, by chunk: asked for every piece of a run."""

    def __init__(self, there: Sequence[Piece]) -> None:
        self._chunks: dict[int, list[Piece]] = {}
        for piece in there:
            self.add(piece)

    def add(self, piece: Piece) -> None:
        self._chunks.setdefault(piece.chunk, []).append(piece)

    def lacking(self, piece: Piece) -> list[tuple[int, int]]:
        """The intervals of a piece that aren't there."""
        return gaps(self._chunks.get(piece.chunk, ()), piece.start, piece.end)


def _jobs(ready: Prepared, plans: Sequence[Plan], held: Mapping[str, _Held]) -> Iterator[Job]:
    """What is to be done, in order; made as it is asked for."""
    for plan in plans:
        together = tuple(name for name in plan.arms if name in held)
        for piece in cut(plan.start, min(plan.end, ready.wanted), ready.spec.chunk):
            lacking = {name: held[name].lacking(piece) for name in together}
            if any(lacking.values()):
                yield Job(piece, list(ready.examples[piece.start : piece.end]), together, lacking)


def _store(done: Done, stores: Mapping[str, Store], held: Mapping[str, _Held]) -> None:
    for name, piece, data in done.files:
        stores[name].put(piece.timing, json.dumps(done.note).encode(), replace=True)
        # last, so that a folder with all of its records has nothing unfinished
        stores[name].put(piece.name, data)
        held[name].add(piece)


def _check_held(arm: _ArmRun, ready: Prepared, counter: Counter | None = None) -> Sequence[Piece]:
    """Check what is there already, and count it."""
    there = pieces(arm.store)
    for piece in there:
        if piece.start < ready.wanted:
            ids = [e.id for e in ready.examples[piece.start : piece.end]]
            frame = check_piece(arm.store, piece, ids)
            if counter is not None:
                dialogues = min(piece.end, ready.wanted) - piece.start
                counter.held(arm.name, frame.iter_rows(named=True), dialogues)
    return there


def _plans(
    ready: Prepared,
    arms: Sequence[_ArmRun],
    missing: Mapping[str, Sequence[tuple[int, int]]],
    crew: Crew,
) -> Sequence[Plan]:
    """The plans, with a new one for what none of them covers; all stored when this returns."""
    main = arms[0]
    header = read_header(main.store)
    plans = list(header.plans) if header else []
    open_ended = []
    for arm in arms:
        planned = [Piece(0, p.start, p.end) for p in plans if arm.name in p.arms]
        if new := [gap for a, b in missing[arm.name] for gap in gaps(planned, a, b)]:
            open_ended.append((arm.name, new[0][0]))
    if open_ended:
        start = min(first for _, first in open_ended)
        plans.append(Plan(start, ready.wanted, tuple(name for name, _ in open_ended)))
    for arm in arms:
        if arm is main or missing[arm.name]:
            _write_header(arm, ready, crew, arms, tuple(plans) if arm is main else None)
    return plans


def _write_header(
    arm: _ArmRun,
    ready: Prepared,
    crew: Crew,
    arms: Sequence[_ArmRun],
    plans: tuple[Plan, ...] | None,
) -> None:
    """Create ``run.toml``, or bring its limit, controls and plans up to date."""
    old = read_header(arm.store)
    limit = ready.wanted if ready.wanted < len(ready.examples) else None
    if old is None:
        header = Header(
            spec=arm.spec.model_copy(update={"limit": limit}),
            hash=arm.hash,
            examples=len(ready.examples),
            about=_about(arm, ready, crew),
            transcript=crew.transcripts[arm.name],
            controls={},
            outcome=ready.task.outcome,
        )
    else:
        largest = None if None in (limit, old.spec.limit) else max(limit or 0, old.spec.limit or 0)
        header = replace(old, spec=old.spec.model_copy(update={"limit": largest}))
    controls = {a.name: a.store.root.name for a in arms if a.name in CONTROLS and a is not arm}
    header = replace(
        header,
        controls={**header.controls, **controls},
        plans=header.plans if plans is None else plans,
    )
    if header != old:
        arm.store.put(RUN, header.toml(), replace=True)


def _about(arm: _ArmRun, ready: Prepared, crew: Crew) -> dict[str, Any]:
    facts = ready.facts
    return about(
        fingerprints={
            "data": facts.data,
            "model": facts.model.deciding,
            "models": {n: facts.others[n].deciding for n in arm.spec.models},
        },
        strategy=strategy_table(arm.strategy),
        skipped={"lines": list(ready.task.skipped)},
        **({"served": crew.about} if crew.about else {}),
    )
