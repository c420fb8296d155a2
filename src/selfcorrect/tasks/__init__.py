"""The tasks, by name. A new task is one module with ``make(source) -> Task`` and one line here;
a task of one's own is a file with such a function, or an object.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import ModuleType
from typing import Any, cast

from selfcorrect import user_code
from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import Figure, Outcome
from selfcorrect.tasks import part as parts
from selfcorrect.tasks.base import Answer, Example, Grade, Task, Turn
from selfcorrect.tasks.checked import Checked
from selfcorrect.tasks.data.frames import is_frame
from selfcorrect.tasks.offers import NOTHING, Offers
from selfcorrect.tasks.reader import AS_USUAL, Reader, taken
from selfcorrect.tasks.source import Source

__all__ = [
    "PLACES",
    "Answer",
    "Example",
    "Figure",
    "Grade",
    "Offers",
    "Outcome",
    "Source",
    "Task",
    "Turn",
    "brings_all",
    "check_name",
    "checked",
    "framed",
    "is_own",
    "label",
    "make",
    "names",
    "offers",
    "parted",
    "register",
]

#: name of the module in this folder → what the task asks
_TASKS = {
    "bbq": "Bias Benchmark for QA (arXiv 2110.08193): accuracy and bias scores.",
    "blind-spot": "Lettered questions with a wrong or right answer given first, to be corrected.",
    "choices": "Lettered questions: your own, or of a known data set, from files of many kinds.",
    "commongen": "Sentences that must hold given words (arXiv 1911.03705): the share of them.",
    "contains-bias": "Texts of which nobody has said whether they contain bias or stereotypes.",
    "dialogues": "Dialogues that exist already; see also: selfcorrect measure.",
    "distinguish": "Which output is better, asked of the dialogues of another run.",
    "grounding": "What an expression means in a picture, as a box (RefCOCO or your own): IoU.",
    "harmful": "Texts that are harmful or not, from any JSONL or CSV of texts and labels.",
    "jailbreak": "Attack prompts from published artefact files, and whether a model gives in.",
    "mmvp": "MMVP (arXiv 2401.06209): one question, two pictures, two answers; pair accuracy.",
    "over-refusal": "Harmless instructions from labelled JSONL or CSV, and whether one is refused.",
    "planted": "Sums with several results to choose from, for models with known answers.",
    "planted-mixture": "Questions in a small language, for the transformer planted:mixture.",
    "planted-scores": "Plans to be given a number in free text, for models with known numbers.",
    "prompts": "Your own prompts, from JSONL, CSV or a text file; a scorer grades the answers.",
    "reasoning": "Word problems with a number as result: GSM8K, your own, or the bundled ones.",
    "sample": "The bundled questions about two people, in BBQ's manner; needs no data.",
    "shapes": "Drawn pictures of coloured shapes: pairs to tell apart, or boxes; needs no data.",
    "toxicity": "Texts to be continued (RealToxicityPrompts or your own); toxicity, by a scorer.",
    "truthful": "TruthfulQA (arXiv 2109.07958): the best answer (mc1), or any true one (mc2).",
    "winogender": "Winogender schemas (arXiv 1804.09301): he, she or they for the blank.",
}


def names() -> dict[str, str]:
    """Every task's name and one sentence on it."""
    return dict(_TASKS)


#: What the name of a task begins with that was given as a Python object.
OBJECT = "python:"
#: Those that were given to this process, by that name.
_OBJECTS: dict[str, Task] = {}


def check_name(name: str) -> None:
    """Raises UserError, with the nearest name, where no task can be called so."""
    if name in _TASKS or name in _OBJECTS or user_code.parse(name) is not None:
        return
    if name.startswith(OBJECT):
        raise UserError(
            f"the task {label(name)!r} is a Python object: only the program that made it can give "
            "it, as selfcorrect.run(task=…)"
        )
    raise UserError(
        f"there is no task {name!r}: {nearest(name, _TASKS)}; a task of your own is given as "
        "FILE.py:NAME, NAME being the function that makes it"
    )


def offers(name: str) -> Offers:
    """What the task of this name offers, without opening its data; of a user's file, which isn't
    run for that, and of a name that nobody knows: nothing."""
    if name in _OBJECTS:
        return Offers(continued_by=_OBJECTS[name].continued_by)
    found: Offers = getattr(_module(name), "OFFERS", NOTHING) if name in _TASKS else NOTHING
    return found


#: Options that name a place, or a run.
PLACES = ("images_from", "metadata", "of", "questions")


def brings_all(name: str, data: str | None, options: Mapping[str, object]) -> bool:
    """Whether making a task opens nothing but files of this package."""
    asks = offers(name).asks
    if asks is not None:
        name, options = asks(options), {k: v for k, v in options.items() if k != "of"}
    if not offers(name).bundled:
        return False
    return data is None and not any(key in options for key in PLACES)


def is_own(name: str) -> bool:
    """Whether making the task of this name runs a user's file."""
    return name not in _TASKS and name not in _OBJECTS and user_code.names_file(name)


def label(name: str) -> str:
    """A task's name without what decides nothing: the folder of its file, an object's digest."""
    if name.startswith(OBJECT):
        return name.removeprefix(OBJECT).rsplit("@", 1)[0]
    own = user_code.parse(name) if is_own(name) else None
    return name if own is None else f"{own[0].stem}:{own[1]}"


def register(task: object, part: str = "") -> str:
    """The name by which this process makes a task that was given as an object, or a part of it.

    Raises:
        UserError: a member is missing or something else than it should be, or the part is none.
    """
    part, _ = parts.taken(OBJECT, {parts.OPTION: part})
    found = parted(checked(task), part)
    digest = blake2b(found.fingerprint.encode(), digest_size=4).hexdigest()
    name = f"{OBJECT}{found.name}@{digest}"
    _OBJECTS[name] = found
    return name


def make(
    name: str,
    *,
    data: object = None,
    categories: Sequence[str] = (),
    seed: int = 0,
    skip_bad: bool = False,
    options: Mapping[str, object] | None = None,
) -> Task:
    """Open a task.

    Args:
        name: one of :func:`names`; what :func:`register` gave; or ``FILE.py:NAME``, whose function
            ``NAME(source)`` makes the task. The file is run for it.
        data: where its data lie: a file, a folder, or ``hub:owner/name``; for ``choices`` a frame,
            too, see :func:`selfcorrect.tasks.data.frames.frame_rows`; ``None`` where the task
            brings its own or knows where they are published.
        categories: only these parts of the data; empty means all.
        seed: of what the task draws (the order of options, say); never of which examples there are.
        skip_bad: leave bad lines out and list them in ``Task.skipped`` instead of stopping.
        options: the task's own options; strings are read as the type wanted (``"true"``). Of any
            task of letters or numbers also ``read`` and ``lead_in``:
            :mod:`selfcorrect.tasks.reader`; of every task ``part``: :mod:`selfcorrect.tasks.part`.

    Raises:
        UserError: for an unknown name, option and category, and whatever is wrong with the data;
            for a file that fails, or whose task lacks something.
    """
    check_name(name)
    if name in _OBJECTS:
        if data is not None or categories or options:
            raise UserError(
                f"the task {label(name)!r} is an object that has its examples already: leave out "
                "data, categories and options"
            )
        return _OBJECTS[name]
    place, frame = (None, data) if is_frame(data) else (None if data is None else str(data), None)
    part, rest = parts.taken(name, options or {})
    # what gives another task's questions passes the reader on to that
    reader, rest = (AS_USUAL, rest) if offers(name).continued_by else taken(name, rest)
    more = (tuple(categories), seed, skip_bad, rest)
    source = Source(label(name), place, *more, frame, reader)
    own = user_code.parse(name) if is_own(name) else None
    if own is None:
        return parted(_read_by(reader, cast(Task, _module(name).make(source))), part)
    function, code = user_code.load(*own)
    with user_code.blamed(name, f"{own[1]}(source)"):
        task = function(source)
    return parted(Checked(_read_by(reader, task), name, code), part)


def parted(task: Task, part: str) -> Task:
    """The part of a task: see :mod:`selfcorrect.tasks.part`; an empty name is all of it.

    Raises:
        UserError: the part is empty.
    """
    return cast(Task, parts.Parted(task, part)) if part else task


def _read_by(reader: Reader, task: Task) -> Task:
    """The task, whose replies are read as a user says.

    Raises:
        UserError: its answers are neither letters nor numbers that are read here.
    """
    if not reader:
        return task
    from selfcorrect.tasks.free import Free
    from selfcorrect.tasks.lettered import Lettered

    if isinstance(task, Lettered):
        task.reader = reader
    elif not (isinstance(task, Free) and task.read_by(reader)):
        raise UserError(
            f"the task {task.name} reads its replies itself, as its answers are neither letters "
            "nor numbers: leave out read and lead_in"
        )
    return task


def _module(name: str) -> ModuleType:
    """That of a task of ours. What it offers stands in its ``OFFERS``."""
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def framed(
    task: str | Task,
    data: object,
    options: dict[str, Any],
    seed: int,
    skip_bad: bool,
) -> tuple[str | Task, object, dict[str, Any]]:
    """Task, data and options as given; of data that are an object, the task made of them, as only
    this process has them."""
    if isinstance(task, str) and is_frame(data):
        made = make(task, data=data, seed=seed, skip_bad=skip_bad, options=options)
        return made, None, {}
    return task, data, options


def checked(task: object) -> Task:
    """A task that was given as an object, checked.

    Raises:
        UserError: a member is missing or something else than it should be.
    """
    if isinstance(task, Checked):
        return task
    kind = type(task)
    return Checked(task, f"the task {kind.__module__}.{kind.__qualname__}")
