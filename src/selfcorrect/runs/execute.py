"""Running a spec: which arms, which dialogues are missing, and the loop over them.

Two rules make a run that was killed equal, bit for bit, to one that wasn't. A piece holds the same
dialogues whatever happened before. And the arms that go through a piece together are those of a
stored plan, never those that happen to be missing: only the writing skips what is there already.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfcorrect import models, strategies
from selfcorrect.errors import UserError, nearest
from selfcorrect.models.base import Model, OutOfMemoryError
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
    timing,
    write_piece,
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
from selfcorrect.runs.spec import ModelSpec, RunSpec, StrategySpec
from selfcorrect.runs.store import Store
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Example, Task
from selfcorrect.tasks.order import order

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
class Progress:
    """How far a command is, told after each round of each arm.

    Attributes:
        arm, round: what was just finished; ``round`` is 0 when a run starts or continues.
        rounds: how many rounds the arm has.
        dialogues, wanted: finished in every arm, and wanted.
        steps, all_steps: the same in rounds of dialogues over all arms, for an even bar.
        accuracy: share correct of this arm at this round, over the finished pieces and the
            present one; ``None`` where nothing was graded.
    """

    arm: str
    round: int
    rounds: int
    dialogues: int
    wanted: int
    steps: int
    all_steps: int
    accuracy: float | None


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
    """

    spec: RunSpec
    task: Task
    examples: Sequence[Example]
    wanted: int
    strategy: Strategy
    facts: Facts


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
    main = _facts(spec.model, model)
    facts = Facts(
        model=main,
        data=data_fingerprint(task),
        others={name: _facts(spec.models[name]) for name in sorted(strategy.asked)},
    )
    resolved = spec.model_copy(
        update={
            "model": _resolved(spec.model, main),
            "models": {
                name: _resolved(spec.models[name], other) for name, other in facts.others.items()
            },
            "rounds": _rounds(spec.rounds, strategy),
        }
    )
    ordered = order(examples, spec.seed)
    wanted = min(spec.limit or len(ordered), len(ordered))
    return Prepared(resolved, task, ordered, wanted, strategy, facts)


def run(
    spec: RunSpec,
    *,
    out: str | Path = "runs",
    baseline: bool = True,
    model: Model | None = None,
    progress: Callable[[Progress], None] | None = None,
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

    Raises:
        UserError: bad input, a folder of another version or in use by another process, a full disk.
        Interrupted: on Ctrl-C.
    """
    ready = prepare(spec, model)
    arms = _arms(ready, Path(out).expanduser(), baseline)
    main = arms[0]
    _check_margins(main)
    if not any(_missing(arm, ready.wanted) for arm in arms):
        _check_held(main, ready)
        return _result(main, ready)
    try:
        with ExitStack() as locks:
            for arm in arms:
                # a control that is complete is only read, so that many runs can share it
                if arm is main or _missing(arm, ready.wanted):
                    locks.enter_context(arm.store.lock())
            _fill(ready, arms, model, progress)
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
        fixed = header.spec.margins.model_dump()
        given = arm.spec.margins.model_dump()
        wanted = " ".join(f"margins.{k}={v}" for k, v in fixed.items() if v != given[k])
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
) -> None:
    # only now, under the locks, is it certain what is missing
    missing = {arm.name: _missing(arm, ready.wanted) for arm in arms}
    if not any(missing.values()):
        return
    counter = _Counter(arms, ready.wanted, progress)
    for arm in arms:
        _check_held(arm, ready, counter)
    if model is None:
        s = ready.spec.model
        model = models.load(s.name, s.dtype, s.device)
    others = {n: models.load(m.name, m.dtype, m.device) for n, m in ready.spec.models.items()}
    plans = _plans(ready, arms, missing, model)
    counter.start()
    batch = _Batch(ready.spec.chunk)
    by_name = {arm.name: arm for arm in arms}
    for plan in plans:
        together = [by_name[name] for name in plan.arms if name in by_name]
        for piece in cut(plan.start, min(plan.end, ready.wanted), ready.spec.chunk):
            if any(gaps(pieces(a.store), piece.start, piece.end) for a in together):
                _converse(piece, together, ready, model, others, counter, batch)


def _check_held(arm: _ArmRun, ready: Prepared, counter: _Counter | None = None) -> None:
    """Check what is there already, and count it."""
    for piece in pieces(arm.store):
        if piece.start < ready.wanted:
            ids = [e.id for e in ready.examples[piece.start : piece.end]]
            frame = check_piece(arm.store, piece, ids)
            if counter is not None:
                counter.add(arm.name, frame.iter_rows(named=True))
                held = min(piece.end, ready.wanted) - piece.start
                counter.finished(arm.name, held, arm.spec.rounds)


def _plans(
    ready: Prepared,
    arms: Sequence[_ArmRun],
    missing: Mapping[str, Sequence[tuple[int, int]]],
    model: Model,
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
            _write_header(arm, ready, model, arms, tuple(plans) if arm is main else None)
    return plans


def _write_header(
    arm: _ArmRun,
    ready: Prepared,
    model: Model,
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
            about=_about(arm, ready),
            transcript=first_transcript(
                model, ready.task, ready.examples[0], arm.strategy, arm.spec.system
            ),
            controls={},
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


def _about(arm: _ArmRun, ready: Prepared) -> dict[str, Any]:
    facts = ready.facts
    return about(
        fingerprints={
            "data": facts.data,
            "model": facts.model.deciding,
            "models": {n: facts.others[n].deciding for n in arm.spec.models},
        },
        strategy=strategy_table(arm.strategy),
        skipped={"lines": list(ready.task.skipped)},
    )


def first_transcript(
    model: Model, task: Task, example: Example, strategy: Strategy, system: str | None
) -> str:
    """What the model is shown before it first speaks, special tokens in place."""
    from selfcorrect.converse import beginning

    conversation = model.open(1)
    messages, prefill = beginning(task, example, strategy, system)
    conversation.restart([messages])
    text = conversation.render(0, prefill)
    conversation.close([0])
    return text


def _converse(
    piece: Piece,
    arms: Sequence[_ArmRun],
    ready: Prepared,
    model: Model,
    others: Mapping[str, Model],
    counter: _Counter,
    batch: _Batch,
) -> None:
    """Take a piece through all rounds in all of these arms, and store what is missing.

    Its dialogues go together as far as the device's memory allows: a full one halves the batch.
    """
    from selfcorrect.converse import Arm, converse

    started = time.perf_counter()
    examples = list(ready.examples[piece.start : piece.end])
    parts: list[Mapping[str, Sequence[Mapping[str, Any]]]] = []
    done = 0
    lacking = {a.name: gaps(pieces(a.store), piece.start, piece.end) for a in arms}

    def on_round(arm: str, round: int, rows: Sequence[Mapping[str, Any]]) -> None:
        if lacking[arm]:
            counter.round(arm, round, _within(rows, examples, piece, lacking[arm]))

    while done < len(examples):
        some = examples[done : done + batch.size]
        before = counter.mark()
        try:
            parts.append(
                converse(
                    model,
                    ready.task,
                    some,
                    [Arm(a.name, a.strategy, a.spec.rounds) for a in arms],
                    seed=ready.spec.seed,
                    system=ready.spec.system,
                    others=others,
                    on_round=on_round,
                )
            )
            done += len(some)
        except OutOfMemoryError:
            if len(some) == 1:
                raise
            counter.back_to(before)
            batch.size = -(-len(some) // 2)
    rows = {a.name: [row for each in parts for row in each[a.name]] for a in arms}
    seconds = time.perf_counter() - started
    for arm in arms:
        for start, end in lacking[arm.name]:
            part = Piece(piece.chunk, start, end)
            note = timing(seconds, len(examples)) | {
                "arms": [a.name for a in arms],
                "device_batch": min(batch.size, len(examples)),
            }
            arm.store.put(part.timing, json.dumps(note).encode(), replace=True)
            # last, so that a folder with all of its records has nothing unfinished
            write_piece(arm.store, part, _within(rows[arm.name], examples, piece, [(start, end)]))
            counter.finished(arm.name, end - start, arm.spec.rounds)


def _within(
    rows: Sequence[Mapping[str, Any]],
    examples: Sequence[Example],
    piece: Piece,
    intervals: Sequence[tuple[int, int]],
) -> Sequence[Mapping[str, Any]]:
    """The rows of the dialogues at these positions."""
    if list(intervals) == [(piece.start, piece.end)]:
        return rows
    ids = {e.id for a, b in intervals for e in examples[a - piece.start : b - piece.start]}
    return [row for row in rows if row["example"] in ids]


@dataclass
class _Batch:
    """How many dialogues go through the model at a time."""

    size: int


@dataclass
class _Counter:
    """Running totals: what is told of the progress doesn't grow with the run."""

    arms: Sequence[_ArmRun]
    wanted: int
    tell: Callable[[Progress], None] | None
    graded: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    dialogues: dict[str, int] = field(default_factory=dict)
    steps: int = 0  # of finished pieces
    within: int = 0  # of the present one

    def add(self, arm: str, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            if row["correct"] is not None:
                right, of = self.graded.get((arm, row["round"]), (0, 0))
                self.graded[arm, row["round"]] = (right + row["correct"], of + 1)

    def round(self, arm: str, round: int, rows: Sequence[Mapping[str, Any]]) -> None:
        self.add(arm, rows)
        self.within += len(rows)
        self._say(arm, round)

    def mark(self) -> tuple[dict[tuple[str, int], tuple[int, int]], int]:
        """Where the counting stands."""
        return dict(self.graded), self.within

    def back_to(self, mark: tuple[dict[tuple[str, int], tuple[int, int]], int]) -> None:
        """Forget what was counted since."""
        self.graded, self.within = mark

    def finished(self, arm: str, dialogues: int, rounds: int) -> None:
        # by the plan, not by the rows: a dialogue that stopped early is finished all the same
        self.dialogues[arm] = self.dialogues.get(arm, 0) + dialogues
        self.steps += dialogues * rounds
        self.within = 0

    def start(self) -> None:
        self._say(self.arms[0].name, 0)

    def _say(self, arm: str, round: int) -> None:
        if self.tell is None:
            return
        right, of = self.graded.get((arm, round), (0, 0))
        rounds = {a.name: a.spec.rounds for a in self.arms}
        self.tell(
            Progress(
                arm=arm,
                round=round,
                rounds=rounds[arm],
                dialogues=min(self.dialogues.get(a.name, 0) for a in self.arms),
                wanted=self.wanted,
                steps=self.steps + self.within,
                all_steps=self.wanted * sum(rounds.values()),
                accuracy=right / of if of else None,
            )
        )
