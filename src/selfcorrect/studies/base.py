"""What a study is: a question, the runs that it needs, an analysis of them, and a sheet.

A study is data: a :class:`Study` whose fields are plain functions. One that needs no runs leaves
``plan`` out. Nothing here knows a command line: options are described as data, and the command is
made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError, nearest
from selfcorrect.report.sheet import Sheet
from selfcorrect.runs import Run, RunSpec
from selfcorrect.runs.options import Option as Option  # what a study states its own with

#: The values of a study's options, by name.
Settings = Mapping[str, Any]
#: What an analysis returns: JSON's types only.
Result = dict[str, Any]


#: Options that several studies have.
QUICK = Option("quick", bool, False, "A smaller size, for a first look.")
SEED = Option("seed", int, 0, "Of whatever is drawn.", least=0)
ANYWAY = Option("anyway", bool, False, "Go on though the model can't answer this question.")


def _ignore(*_: Any) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Parts:
    """How a long analysis goes on where it was stopped, and says how far it is.

    Attributes:
        done: the parts that an earlier, stopped execution has finished, by key.
        keep: called with the key and the content of each part that is finished.
        progress: called with how many parts are finished, and of how many.
    """

    done: Mapping[str, Any] = field(default_factory=dict)
    keep: Callable[[str, Any], object] = _ignore
    progress: Callable[[int, int], object] = _ignore


#: Of an analysis that nothing is kept of.
NO_PARTS = Parts()


@dataclass(frozen=True, slots=True)
class Preflight:
    """Whether the runs can answer the question at all; decided before the analysis.

    Attributes:
        able: whether they can.
        found: what was measured to decide that. The analysis goes on from it. Where the runs
            aren't able, it is the whole result, and must say why.
        data: what was read from the runs, so that the analysis needn't read it again.
        clusters: of the dialogues whose numbers the analysis is to show [n]; ``None`` where looks
            at them aren't counted.
    """

    able: bool = True
    found: Result = field(default_factory=dict)
    data: Any = None
    clusters: NDArray[np.uint64] | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a preflight and an analysis work with.

    Attributes:
        settings: a value for each of the study's options.
        runs: by the arm's name; empty where the study needs none.
        parts: of a long analysis.
        preflight: what the preflight found.
        study: its name, by which looks at its runs are noted; none are where it is empty.
        looks: how many examples there were whenever the study was made of these runs, this time
            among them; empty before the preflight, and where looks aren't counted.
    """

    settings: Settings
    runs: Mapping[str, Run] = field(default_factory=dict)
    parts: Parts = NO_PARTS
    preflight: Preflight = Preflight()
    study: str = ""
    looks: Sequence[int] = ()


def later(module: str, name: str) -> Callable[[Inputs], Any]:
    """A function of a module that is imported when it is first called.

    An analysis imports torch or scipy, and a command's help must not.
    """

    def call(inputs: Inputs) -> Any:
        return getattr(import_module(module), name)(inputs)

    return call


def _able(_: Inputs) -> Preflight:
    return Preflight()


@dataclass(frozen=True, slots=True)
class Study:
    """One question and how it is answered.

    Attributes:
        about: what it does, a sentence: the first line of the command's help.
        details: the rest of the help.
        question: what it answers.
        source: where the question comes from, such as ``arXiv 2406.02378``.
        takes: a sentence on how long it takes, where that is long: said in its help and at its
            start, unless it is ``quick`` or a part of it is asked for.
        options: in the order of the command's help.
        analyse: the result. It depends on the runs, how often they were looked at, and the
            settings only.
        sheet: the result in words, tables and charts.
        plan: the specs of the runs by arm, from the spec that the user gave; ``None`` where the
            study needs no runs. Raises :class:`UserError` where the spec can't serve the study,
            before anything is run.
        then: the specs of further runs, from the spec, the settings and the runs of the plan: such
            as take as many tokens as those took. ``None`` where there are none.
        fixed: fields of the spec that the plan sets itself, so that the user can't.
        on_one_run: the name of the only arm, where any run that exists will do for it; else empty.
        preflight: see :class:`Preflight`. It may look at nothing that the analysis is to show.
    """

    about: str
    details: str
    question: str
    source: str
    options: Sequence[Option]
    analyse: Callable[[Inputs], Result]
    sheet: Callable[[Result], Sheet]
    takes: str = ""
    plan: Callable[[RunSpec, Settings], Mapping[str, RunSpec]] | None = None
    then: Callable[[RunSpec, Settings, Mapping[str, Run]], Mapping[str, RunSpec]] | None = None
    fixed: Sequence[str] = ()
    on_one_run: str = ""
    preflight: Callable[[Inputs], Preflight] = _able

    def settings(self, given: Settings) -> dict[str, Any]:
        """A value for each option: the one given, or else the default.

        Raises:
            UserError: an option that the study doesn't have.
        """
        known = {option.name: option.default for option in self.options}
        for name in given:
            if name not in known:
                raise UserError(f"the study has no option {name!r}: {nearest(name, known)}.")
        return {**known, **given}
