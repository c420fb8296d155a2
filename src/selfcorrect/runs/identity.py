"""What decides a run's records, and the hash of it that names the folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from selfcorrect import tasks
from selfcorrect.runs.spec import RunSpec
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Answer, Task
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.source import IMAGES


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as resolved on this machine: ``auto`` is gone.

    Attributes:
        device: with its number where it has one (``cuda:1``).
        thinking: whether it thinks before it replies: see :func:`selfcorrect.models.thinking`.
        trusted: the Python in its folder is run.
    """

    name: str
    fingerprint: str
    dtype: str
    device: str
    thinking: str = ""
    trusted: bool = False

    @property
    def deciding(self) -> dict[str, Any]:
        """What of it decides the records: of the device only the type, and nothing of what it
        doesn't do: think, or run code of its own."""
        table = {**asdict(self), "device": self.device.partition(":")[0]}
        silent = [key for key in ("thinking", "trusted") if not table[key]]
        return {key: value for key, value in table.items() if key not in silent}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run depends on besides its spec.

    Attributes:
        model: the model that answers.
        others: further models, by the name that the strategy's ``from`` uses.
        data: fingerprint of the examples with their targets, see :func:`data_fingerprint`.
        concepts: fingerprints of those that are read, by name.
    """

    model: ModelFacts
    data: str
    others: Mapping[str, ModelFacts] = field(default_factory=dict)
    concepts: Mapping[str, str] = field(default_factory=dict)


def offers_of(spec: RunSpec) -> Offers:
    """What the task that a spec names offers; no data are read."""
    return tasks.offers(spec.task.name)


def tasks_that(offer: Callable[[Offers], object]) -> list[str]:
    """The names of our tasks that offer something."""
    return [name for name in tasks.names() if offer(tasks.offers(name))]


def task_of(spec: RunSpec) -> Task:
    """The task that a spec names.

    Raises:
        UserError: there is none, or its data or options are wrong.
    """
    return tasks.make(
        spec.task.name,
        data=spec.task.data,
        categories=spec.task.categories,
        seed=spec.seed,
        skip_bad=spec.skip_bad,
        options=spec.task.options,
    )


def spec_hash(spec: RunSpec, facts: Facts, strategy: Strategy) -> str:
    """Sixteen hex digits: two runs have the same records if (and only if) they have the same.

    In it: the models with fingerprint, dtype and type of device; the task with its options and
    its data's fingerprint; every step of the strategy as resolved; rounds, seed, system message,
    chunk; and the samples, and what the files of concepts hold, where there are any. Not in it, as
    it changes no record: the limit, the margins, scorers, paths (of the data, of the strategy's
    file, of the task's, of concepts, of the output), the device's number, versions. The version of
    the records is compared apart, when a folder is opened.
    """
    deciding: dict[str, Any] = {
        "model": facts.model.deciding,
        "models": {name: other.deciding for name, other in facts.others.items()},
        "task": {
            "name": tasks.label(spec.task.name),
            "options": _written(spec),
            "data": facts.data,
        },
        "strategy": strategy_table(strategy),
        "rounds": spec.rounds,
        "seed": spec.seed,
        "system": spec.system,
        "chunk": spec.chunk,
    }
    if spec.samples.k or spec.samples.p_true:
        deciding["samples"] = spec.samples.model_dump()
    if spec.max_tokens:
        deciding["max_tokens"] = dict(spec.max_tokens)
    if facts.concepts:
        deciding["concepts"] = dict(facts.concepts)
    return _digest(deciding)


def _written(spec: RunSpec) -> dict[str, str]:
    """The task's options as one would write them: ``"1000"`` is 1000, and ``"true"`` is true;
    without what only says where images may lie, as what they are is in the data's fingerprint."""
    return {
        k: str(v).lower() if isinstance(v, bool) else str(v)
        for k, v in spec.task.options.items()
        if k not in IMAGES
    }


def strategy_table(strategy: Strategy) -> dict[str, Any]:
    """A strategy as resolved, without what only tells where it came from."""
    whole = asdict(strategy)
    for key in ("about", "group", "source", "path"):
        whole.pop(key, None)
    if not whole["own"]:
        del whole["own"]
    if whole["stop"] is not None and not whole["stop"]["when"]:
        del whole["stop"]["when"]
    for step in (*whole["first"], *whole["again"]):
        step.pop("line", None)
        step.pop("place", None)
        for key in ("replaced", "steer", "image"):
            if step[key] is None:
                del step[key]
    return whole


def data_fingerprint(task: Task) -> str:
    """Sixteen hex digits that change when an example, a target or the wording does.

    The task's own fingerprint, which covers all of its examples and not just those within a limit
    (a run that is extended is of the same data), with the first example as it is asked and graded,
    which also catches a change of the code that words or grades them.
    """
    example = task.examples()[0]
    answers = [Answer(text=text, choice=i) for i, text in enumerate(example.choices)]
    if not answers:
        answers = [task.read(example, task.reference(example) or "")]
    grades = task.grade([(example, answer) for answer in answers])
    parts = [
        task.fingerprint,
        dict(task.ask(example)),
        list(task.labels(example)),
        [[g.outcome, g.target, dict(g.values)] for g in grades],
        [task.outcome.name, dict(task.max_tokens)],
    ]
    return _digest(parts)


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)  # ASCII, whatever the data holds
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def folder_name(spec: RunSpec, strategy: Strategy, hash: str) -> str:
    """``<task>-<strategy>-<model>-<first eight digits of the hash>``."""
    model = PurePath(spec.model.name.rstrip("/\\")).name or spec.model.name
    parts: Sequence[str] = (tasks.label(spec.task.name), strategy.name, model)
    return "-".join([*(_slug(part) for part in parts), hash[:8]])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "x"
