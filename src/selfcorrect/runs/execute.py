"""Running specs: which dialogues are missing in which arm, and the loop over them.

Two rules make a run that was killed equal, bit for bit, to one that wasn't. A piece holds the same
dialogues whatever happened before. And the arms that go through a piece together are those of a
stored plan (:mod:`.plans`), never those that happen to be missing: only the writing skips what is
there already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from selfcorrect.errors import UserError
from selfcorrect.models.base import Model
from selfcorrect.models.endpoint.budget import BudgetError
from selfcorrect.runs.arm_folder import ArmFolder, check_margins
from selfcorrect.runs.arms import Arm, labels
from selfcorrect.runs.aside import add, noted
from selfcorrect.runs.concepts import told_of
from selfcorrect.runs.executors import here, threads
from selfcorrect.runs.executors.base import Executor, ExecutorSettings, Job, Setup
from selfcorrect.runs.executors.worker import Worker
from selfcorrect.runs.grade import Grader, graders_of, kept
from selfcorrect.runs.header import RUN, Header, provenance
from selfcorrect.runs.held import looking
from selfcorrect.runs.identity import strategy_table
from selfcorrect.runs.made_here import SIGNATURE, made_here, sign
from selfcorrect.runs.manifest import put_noted
from selfcorrect.runs.paths import folder_path
from selfcorrect.runs.pieces import Piece, check_piece, pieces
from selfcorrect.runs.plans import Share, plans_to_store, share_out
from selfcorrect.runs.prepare import Prepared, prepare
from selfcorrect.runs.progress import Counter, Progress
from selfcorrect.runs.run import Run
from selfcorrect.runs.spec import RunSpec
from selfcorrect.runs.spent import accounted
from selfcorrect.runs.store import Store

HERE = ExecutorSettings()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: what was finished is kept, and the same command goes on from there.

    Attributes:
        folder: the run's folder; of several runs the one in which theirs lie.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"interrupted; what was finished is in {folder}")
        self.folder = folder


@overload
def run(
    specs: RunSpec,
    *,
    out: str | Path = ...,
    controls: bool = ...,
    model: Model | None = ...,
    progress: Callable[[Progress], None] | None = ...,
    executor: ExecutorSettings = ...,
) -> Run: ...


@overload
def run(
    specs: Sequence[RunSpec],
    *,
    out: str | Path = ...,
    controls: bool = ...,
    model: Model | None = ...,
    progress: Callable[[Progress], None] | None = ...,
    executor: ExecutorSettings = ...,
) -> list[Run]: ...


def run(
    specs: RunSpec | Sequence[RunSpec],
    *,
    out: str | Path = "runs",
    controls: bool = True,
    model: Model | None = None,
    progress: Callable[[Progress], None] | None = None,
    executor: ExecutorSettings = HERE,
) -> Run | list[Run]:
    """Run specs, or what is missing of them, with their controls; each arm in its own folder.

    A run that is complete is found, and no model is loaded. A run that was killed, or had a smaller
    limit, is continued. Several specs go through the same examples together: the model is opened
    once, and what they have in common at the beginning is encoded once.

    Args:
        specs: what is to be run. Several may differ in strategy, rounds, system message, bound
            models and margins, and are equal in all else.
        out: the folder in which the runs' folders lie.
        controls: run or find the controls (:data:`.arms.CONTROLS`) on the same examples; runs that
            have the same one share it.
        model: an open model to use instead of opening the one that the specs name.
        progress: told after each round of each arm.
        executor: who takes the dialogues through their rounds.

    Returns:
        The run; of several specs a list of theirs, in the same order.

    Raises:
        UserError: bad input, a folder of another version or in use by another process, a full disk.
        Interrupted: on Ctrl-C.
    """
    asked = [specs] if isinstance(specs, RunSpec) else list(specs)
    executor.check(asked, model)
    ready = prepare(asked, model, controls=controls)
    with ExitStack() as opened:
        opened.callback(ready.close)
        graders = graders_of(ready)
        if graders and executor.many and not ready.task.keeps_texts:
            raise UserError(
                f"the task {ready.task.name} keeps no answers, so they are graded where they are "
                "given: leave workers out, or grade nothing now (--scorer none)."
            )
        folders = [ArmFolder.open(arm, folder_path(out), ready.wanted) for arm in ready.arms]
        mine = folders[: ready.asked]
        for folder in mine:
            check_margins(folder)
        if any(folder.missing for folder in folders) or any(f.lacks_controls for f in mine):
            fresh: list[Store] = []
            try:
                for folder in folders:
                    # a control that is complete is only read, so that many runs can share it
                    if folder in mine or folder.missing:
                        opened.enter_context(folder.store.lock())
                        folder.refresh()  # only under the lock is it certain what is missing
                        fresh += [folder.store] if folder.header is None else []
                _clear_journals(folders)
                if any(folder.missing for folder in folders):
                    ready.advise()
                _fill(ready, folders, model, progress, executor, graders)
            except UserError:
                for store in fresh:  # nothing was run: no folder says that something is to come
                    store.discard((RUN, SIGNATURE))
                raise
            except KeyboardInterrupt:
                one = len(mine) == 1
                raise Interrupted(mine[0].store.root if one else folder_path(out)) from None
        else:
            for folder in mine:
                _check_stored(folder, ready)
            with suppress(UserError):  # in a folder that can't be written they do no harm
                _clear_journals(folders)
        try:
            _grade_rest(graders, folders, ready)
        except KeyboardInterrupt:
            raise Interrupted(mine[0].store.root) from None
    done = [_run(folder, ready, graders) for folder in mine]
    return done[0] if isinstance(specs, RunSpec) else done


# --- what is there -------------------------------------------------------------------------------


def _check_stored(folder: ArmFolder, ready: Prepared, counter: Counter | None = None) -> None:
    """Check the records that are there already, and count them."""
    for piece in folder.pieces:
        if piece.start < ready.wanted:
            ids = [e.id for e in ready.examples[piece.start : piece.end]]
            frame = check_piece(folder.store, piece, ids)
            if counter is not None:
                dialogues = min(piece.end, ready.wanted) - piece.start
                counter.there(folder.arm.folder, frame.iter_rows(named=True), dialogues)


def _run(folder: ArmFolder, ready: Prepared, graders: Sequence[Grader]) -> Run:
    """The run as it is looked at by the scorers of this command, whatever an earlier one had."""
    assert folder.header is not None
    done = Run(folder.store.root, folder.header, ready.wanted, ready.task)
    for grader in graders if pieces(folder.store) else ():
        done = done.seen_by(grader.note(folder.store))
    return done


def _clear_journals(folders: Sequence[ArmFolder]) -> None:
    """Remove what journals hold of dialogues that are stored."""
    plans = {plan.arms for folder in folders if folder.header for plan in folder.header.plans}
    threads.clear({folder.arm.folder: folder.store for folder in folders}, plans)


# --- what is missing -----------------------------------------------------------------------------


def _fill(
    ready: Prepared,
    folders: Sequence[ArmFolder],
    model: Model | None,
    progress: Callable[[Progress], None] | None,
    settings: ExecutorSettings,
    graders: Sequence[Grader],
) -> None:
    mine = folders[: ready.asked]
    shares = share_out(
        {folder.arm.folder: folder.missing for folder in folders},
        {folder.arm.folder: folder.header.plans for folder in folders if folder.header},
    )
    if not shares:  # only the headers are to be brought up to date
        for folder in mine:
            _write_header(folder, ready, None, shares)
        return
    rounds = {folder.arm.folder: folder.arm.spec.rounds for folder in folders}
    graded = (each.scores for each in graders)
    outcome = next((s.outcome for s in graded if not s.of_meanings), ready.task.outcome).name
    counter = Counter(labels(ready.arms), rounds, ready.wanted, progress, outcome)
    for folder in folders:
        _check_stored(folder, ready, counter)
    stores = {folder.arm.folder: folder.store for folder in folders}
    with (
        noted(stores) as lost,
        _counted_to_the_end(counter),
        accounted([folder.store for folder in mine], lambda: counter.used()) as account,
        _executor(ready, folders, model, counter, settings, graders) as who,
    ):
        for folder in folders:
            if folder in mine or folder.missing:
                _write_header(folder, ready, who, shares)
        who.tell()
        counter.start()
        for result in who.work(_jobs(ready, shares)):
            for name, piece, data in result.files:
                store, note = stores[name], json.dumps(result.note_of(name, piece)).encode()
                store.put(piece.timing, note, replace=True)
                if not ready.task.keeps_texts:  # first, as their scores can't be made again
                    for grader in graders:
                        grader.put_held(store, piece, data)
                # last, so that a folder with all of its records has nothing unfinished
                put_noted(store, piece.name, data)
                for grader in graders if ready.task.keeps_texts else ():
                    _grade(grader, store, piece, name, counter)
            account()
            counter.stored(result)
            add(lost, result.aside, ready.spec.max_failed, ready.wanted)


@contextmanager
def _counted_to_the_end(counter: Counter) -> Iterator[None]:
    """What is said of a budget, in the error and as progress, is what was spent at last: requests
    that were under way are waited for."""
    try:
        yield
    except BudgetError as error:
        counter.end()
        raise error.at_last() from None


def _grade(grader: Grader, store: Store, piece: Piece, arm: str, counter: Counter) -> None:
    """Grade what was just written; a scorer that fails is no reason to stop the model."""
    if grader.failed is None:
        try:
            rows = grader.grade(store, piece)
            if not grader.scores.of_meanings:
                counter.graded(arm, rows)
        except UserError as error:
            grader.failed = error


def _grade_rest(graders: Sequence[Grader], folders: Sequence[ArmFolder], ready: Prepared) -> None:
    """Grade what earlier commands left, by each of the scorers that can.

    Raises:
        UserError: a scorer failed, now or while the model spoke.
    """
    failed = [grader.failed for grader in graders if grader.failed is not None]
    for grader in graders:
        try:
            for folder in folders if grader.failed is None else ():
                for piece in grader.missing(folder.store, ready.wanted):
                    grader.grade(folder.store, piece)
        except UserError as error:
            failed.append(error)
    if failed:
        raise kept(failed[0]) from failed[0]


def _executor(
    ready: Prepared,
    folders: Sequence[ArmFolder],
    model: Model | None,
    counter: Counter,
    settings: ExecutorSettings,
    graders: Sequence[Grader],
) -> AbstractContextManager[Executor]:
    """Whoever does the work."""
    arms = {arm.folder: arm for arm in ready.arms}
    setup = Setup(arms, ready.task, ready.examples[0], list(ready.concepts.values()), ready.wanted)
    if settings.ray is not None:
        from selfcorrect.runs.executors import ray

        return ray.executor(setup, settings.ray, settings.workers, settings.cpus, settings.gpus)
    if (settings.workers or 1) > 1:
        from selfcorrect.runs.executors import processes

        return processes.executor(setup, settings.workers or 1, counter)
    worker = Worker.open(setup, model, ready.opened)
    if graders and not ready.task.keeps_texts:
        worker.look = looking([grader.look for grader in graders])
    counter.spent, counter.used = worker.spent, worker.used
    if threads.dialogues_at_a_time(worker.models):
        return nullcontext(
            threads.executor(worker, [f.store for f in folders[: ready.asked]], counter)
        )
    return nullcontext(here.executor(worker, counter))


def _jobs(ready: Prepared, shares: Sequence[Share]) -> Iterator[Job]:
    """What is to be done, in order; made as it is asked for."""
    for share in shares:
        for piece, missing in share.pieces(ready.wanted, ready.spec.chunk):
            examples = list(ready.examples[piece.start : piece.end])
            yield Job(piece, examples, share.plan.arms, missing)


def _write_header(
    folder: ArmFolder, ready: Prepared, executor: Executor | None, shares: Sequence[Share]
) -> None:
    """Create ``run.toml``, or bring its limit, controls and plans up to date."""
    arm, old = folder.arm, folder.header
    limit = ready.wanted if ready.wanted < len(ready.examples) else None
    if old is None:
        assert executor is not None  # where there is no header, all records are missing
        header = Header(
            spec=arm.spec.model_copy(update={"limit": limit}),
            hash=arm.hash,
            examples=len(ready.examples),
            about=_about(arm, ready, executor),
            transcript=executor.transcripts[arm.folder],
            controls={},
            outcome=ready.task.outcome,
            values=ready.task.values,
            figures=tuple(ready.task.figures),
        )
    else:
        largest = None if None in (limit, old.spec.limit) else max(limit or 0, old.spec.limit or 0)
        spec = old.spec.model_copy(update={"limit": largest})
        asked = arm.spec.model_copy(update={"limit": largest})
        if spec != asked and not made_here(folder.store):
            spec = asked  # places that only whoever sent the folder has named don't become ours
        header = replace(old, spec=spec)
    folder.header = replace(
        header,
        controls={**header.controls, **arm.controls},
        plans=plans_to_store(arm.folder, header.plans, shares),
    )
    if folder.header != old:
        text = folder.header.toml()
        folder.store.put(RUN, text, replace=True)
        sign(folder.store, text)


def _about(arm: Arm, ready: Prepared, executor: Executor) -> dict[str, Any]:
    facts = arm.facts
    return provenance(
        fingerprints={
            "data": facts.data,
            "model": facts.model.deciding,
            "models": {name: facts.others[name].deciding for name in arm.spec.models},
        },
        strategy=strategy_table(arm.strategy),
        skipped={"lines": list(ready.task.skipped)},
        **({"data": {"read_as": list(ready.task.read_as)}} if ready.task.read_as else {}),
        clusters={"count": ready.clusters},
        **({"concepts": told_of(ready.concepts)} if ready.concepts else {}),
        **({"copies": {"count": ready.task.copies}} if ready.task.copies else {}),
        **({} if ready.task.keeps_texts else {"answers": {"kept": False}}),
        **({"opened": executor.opened[arm.folder]} if executor.opened[arm.folder] else {}),
    )
