"""Executing a study: its runs, its preflight, its analysis; the result stored as JSON and a page.

The same call again goes on where it was stopped. Runs that are complete are found, and parts of a
long analysis that are finished aren't computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfcorrect import runs as running
from selfcorrect.errors import UserError
from selfcorrect.report.sheet import Sheet, page
from selfcorrect.runs import ExecutorSettings, Progress, Run, RunSpec
from selfcorrect.runs.looks import Look, look_at, looks_with
from selfcorrect.runs.paths import folder_path
from selfcorrect.runs.store import Store
from selfcorrect.runs.unread import many_unread
from selfcorrect.studies import load
from selfcorrect.studies.base import Inputs, Preflight, Result, Settings, Study
from selfcorrect.studies.parts import drop, kept
from selfcorrect.text import visible

_HERE = ExecutorSettings()
#: What is called with the progress of runs, if anything.
Watch = Callable[[Progress], None] | None
_UNWATCHED: AbstractContextManager[Watch] = nullcontext()


@dataclass(frozen=True, slots=True)
class Done:
    """A study that was executed.

    Attributes:
        result: as stored in ``json``.
        sheet: as stored in ``page``.
        json, page: the files.
    """

    result: Result
    sheet: Sheet
    json: Path
    page: Path

    def __repr__(self) -> str:
        return visible("\n".join(self.sheet.findings), lines=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        from selfcorrect.report.notebook import of_sheet

        return {"text/plain": repr(self), "text/html": of_sheet(self.sheet, self.page)}


def execute(
    name: str,
    settings: Settings,
    *,
    spec: RunSpec | None = None,
    runs: Mapping[str, Run] | None = None,
    out: Path = Path("runs"),
    folder: Path | None = None,
    command: str = "",
    executor: ExecutorSettings = _HERE,
    watch: AbstractContextManager[Watch] = _UNWATCHED,
    counted: Callable[[int, int], object] = lambda *_: None,
) -> Done:
    """Run a study, or go on with it, and store ``NAME.json`` and ``NAME.html``.

    Args:
        name: of the study.
        settings: values of its options; those that aren't given have their defaults.
        spec: what its runs have in common; the defaults if not given.
        runs: runs that exist already, by arm, in place of those that the study plans.
        out: the folder in which the runs' folders lie.
        folder: where the two files go. By default a folder in ``out`` whose name holds a hash of
            the settings and of the runs, so that no other result is overwritten.
        command: the command line that does the same again, shown on the page.
        executor: who does the work of the runs; this process if not given.
        watch: entered while the runs are made; gives what is called with their progress.
        counted: called with how many parts of a long analysis are finished, and of how many.

    Raises:
        UserError: an unknown study or option, a spec or runs that can't serve the study, a folder
            that can't be written.
        KeyboardInterrupt: on Ctrl-C; the same call goes on from there.
    """
    study = load(name)
    settings = study.settings(settings)
    if runs is None:
        runs = {}
        if study.plan is not None:
            base = RunSpec() if spec is None else spec
            for field in study.fixed:
                if field in base.model_fields_set:
                    raise UserError(
                        f"the study {name} sets the {field} of its runs itself: leave it out."
                    )
            plan = study.plan(base, settings)
            with watch as told:
                runs = _made(plan, out, executor, told)
                if study.then is not None:
                    further = study.then(base, settings, runs)
                    runs = {**runs, **_made(further, out, executor, told)}
    store = Store(folder_path(folder or out / _folder_name(name, settings, runs)))
    parts = f"{name}-parts"
    result = answer(study, Inputs(settings, runs, kept(store, parts, counted), study=name))
    unread = many_unread(runs)
    if unread:
        result = {**result, "warnings": unread}
    sheet = study.sheet(result)
    sheet = replace(sheet, findings=[*unread, *sheet.findings])
    if command:
        sheet = replace(sheet, settings={"command": command, **sheet.settings})
    text = json.dumps(result, indent=2, allow_nan=False)
    store.put(f"{name}.json", text.encode(), replace=True)
    store.put(f"{name}.html", page(sheet).encode("utf-8", "replace"), replace=True)
    drop(store, parts)
    return Done(result, sheet, store.root / f"{name}.json", store.root / f"{name}.html")


def answer(study: Study, inputs: Inputs) -> Result:
    """The result: that of the analysis, or of the preflight where it says that there is none.

    That somebody looked is noted in the folder of the first run, once there is something to show:
    neither a refusal nor an analysis that was stopped is a look.
    """
    preflight = study.preflight(inputs)
    if not preflight.able:
        return preflight.found
    inputs = replace(inputs, preflight=preflight, looks=_looks(inputs, preflight, looks_with))
    result = study.analyse(inputs)
    if preflight.clusters is None:
        return result
    return {**result, "looks": _looks(inputs, preflight, look_at)}


def _looks(
    inputs: Inputs, preflight: Preflight, seen: Callable[[Run, Any, str], list[Look]]
) -> list[int]:
    """How many examples there were whenever the study was made, this time among them."""
    clusters = preflight.clusters
    if clusters is None:
        return []
    if not inputs.study:
        return [len(clusters)]
    run = next(iter(inputs.runs.values()))
    return [look.n for look in seen(run, clusters, f"study {inputs.study}")]


def _made(
    plan: Mapping[str, RunSpec],
    out: Path,
    executor: ExecutorSettings,
    told: Watch,
) -> dict[str, Run]:
    """The runs of all arms: what is missing is run, those that can be together."""
    groups: dict[str, dict[str, RunSpec]] = {}
    for arm, spec in plan.items():
        groups.setdefault(spec.model_dump_json(include=set(running.SHARED)), {})[arm] = spec
    made: dict[str, Run] = {}
    for group in groups.values():
        specs = list(group.values())
        done = running.run(specs, out=out, controls=False, progress=told, executor=executor)
        made |= zip(group, done, strict=True)
    return {arm: made[arm] for arm in plan}


def _folder_name(name: str, settings: Settings, runs: Mapping[str, Run]) -> str:
    """``NAME-`` and eight hex digits; a run's own folder is named after what decides its records.

    So, as with runs, a larger limit doesn't change the name.
    """
    deciding = {
        "settings": dict(settings),
        "runs": {arm: run.folder.name for arm, run in runs.items()},
    }
    text = json.dumps(deciding, sort_keys=True)
    return f"{name}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
