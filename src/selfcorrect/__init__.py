"""Multi-round self-correction of language models, measured.

    import selfcorrect as sc

    run = sc.run(model="smollm2", task="bbq", strategy="intrinsic", rounds=5, limit=200, data=...)
    run.records      # a polars DataFrame, one row a round
    run.summary()    # every measure with its interval, comparisons, convergence, the verdict
    run.report()     # writes report.html

Importing this loads no torch; a model's libraries are loaded when one is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfcorrect import concepts
from selfcorrect.arguments import nothing_beside_a_spec, options_of, public, reading, served
from selfcorrect.choosing import bias, choose, tune
from selfcorrect.errors import UserError
from selfcorrect.existing import advise, check, compare, list_runs, open_run, read_spec, study

if TYPE_CHECKING:
    from selfcorrect.checking import TaskCheck
    from selfcorrect.models.base import Model
    from selfcorrect.models.function import Advise
    from selfcorrect.runs import Run, RunSpec
    from selfcorrect.tasks import Task

__version__ = "0.1.0"
__all__ = [
    "UserError", "advise", "bias", "check", "check_task", "choose", "compare", "concepts",
    "list_runs", "measure", "open_run", "read_spec", "run", "run_many", "study", "tune",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


@public
@nothing_beside_a_spec
def run(
    model: str | Model = "smollm2",
    task: str | Task = "sample",
    strategy: str | Path | None = None,
    *,
    scorer: str | None = None,
    scorer_options: Mapping[str, str] | None = None,
    samples: int | Mapping[str, Any] = 0,
    meanings: str | Mapping[str, Any] = "",
    concepts: Sequence[str] | Mapping[str, str] = (),
    steer: str | Mapping[str, Any] | None = None,
    rounds: int = 5,
    limit: int | None = None,
    data: Any = None,
    categories: Sequence[str] = (),
    part: str = "",
    task_options: Mapping[str, Any] | None = None,
    field: Mapping[str, str | Sequence[str]] | None = None,
    answers: str | None = None,
    images_from: str | Path | None = None,
    remote_images: bool = False,
    box_format: str | None = None,
    strategy_parameters: Mapping[str, Any] | None = None,
    models: Mapping[str, str] | None = None,
    feedback: str | Advise | None = None,
    max_tokens: Mapping[str, int] | None = None,
    margins: Mapping[str, float] | None = None,
    seed: int = 0,
    system: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    thinking: str = "auto",
    max_thinking: int = 2048,
    trust_remote_code: bool = False,
    chunk: int = 64,
    skip_bad: bool = False,
    keep_harmful: bool = False,
    lead_in: str | Sequence[str] | None = None,
    read: str | None = None,
    base_url: str | None = None,
    in_flight: int | None = None,
    price: Sequence[float] | None = None,
    budget_tokens: int | None = None,
    budget_money: float | None = None,
    max_failed: float = 0.05,
    workers: int | None = None,
    ray: str | None = None,
    worker_cpus: float = 1,
    worker_gpus: float = 0,
    spec: RunSpec | None = None,
    out: str | Path = "runs",
    controls: bool = True,
    progress: bool = True,
) -> Run:
    """Run multi-round self-correction, or continue or find the run that these arguments describe.

    What ``selfcorrect run`` does, with the same defaults.

    Args:
        model: a name (``smollm2``, a folder, a GGUF file, a Hugging Face id, ``planted:chain``),
            or a model that is open already: several runs can share it.
        task: a task's name, ``FILE.py:NAME`` for one of your own, or an object that is one: it
            has its examples already, so ``data``, ``categories`` and ``task_options`` are left out.
        strategy: its name, or a TOML file's path; by default ``intrinsic``, or what the task says.
        scorer: who grades answers that the task doesn't grade by itself; ``None`` is the task's,
            ``"none"`` leaves it for later: ``run.grade(scorer)``.
        scorer_options: the scorer's own options.
        samples: so many replies are drawn beside every answer, to see how uncertain the model is;
            or ``{"k": 5, "temperature": 0.7, "p_true": True}``.
        meanings: by what samples count as saying the same, ``"nli:ID"`` say, or ``{"name": …,
            "options": {…}}``; by default as fits the task.
        concepts: whose activation is read where the model answers: ``["toxic", "mine=FILE"]``, or
            names and files; see :mod:`selfcorrect.concepts`.
        steer: what every reply is steered by: ``"toxic:-4@12:reply"``, or a table of the same.
        rounds, limit: rounds of a dialogue, and only so many examples; ``None`` is all.
        data: where the task's data lie; for ``choices``, ``prompts`` and ``toxicity`` a frame, too.
        categories, part: only these of the data; ``train`` or ``test``, half of the clusters.
        field, answers: of ``choices``, where its data don't say it: part → column, and how right
            answers are written (``index``, ``letter``, ``text``, …).
        images_from, remote_images: the folder of images that data name, in place of the data's own;
            they may name addresses, too, which the model's server fetches.
        box_format: how the model writes boxes (``pixels``, ``unit``, ``per-mille``), where its
            family doesn't say.
        task_options, strategy_parameters: the task's own options, and the strategy's parameters.
        models: further models, by the name that the strategy's ``from`` uses.
        feedback: who gives feedback in the strategies that ask for it: a model's name, or a
            function ``advise(question, response)`` of this program, which returns text (or ``None``
            where it has nothing to say); by default the run's own model, in a fresh dialogue.
        max_tokens: of a reply, by what is elicited (``{"rationale": 96}``), where the strategy
            doesn't say; by default as the task does.
        margins: changes up to which a measure counts as the same, where they aren't the defaults.
        seed, system: of all that is drawn, the examples' order too; a message before all others.
        dtype, device: ``auto``; ``float32``, ``bfloat16``, ``float16``; ``cpu``, ``cuda``, ``mps``.
        thinking, max_thinking: whether the model thinks before it replies (``off``, ``on``;
            ``auto``: unless it can be told not to), and in how many tokens.
        trust_remote_code: run the Python in the model's folder, which may do whatever you may.
        chunk, skip_bad: dialogues that go together; leave malformed lines of the data out.
        keep_harmful: store what is answered to attacks (task ``jailbreak``), not its scores only.
        lead_in, read: how answers are read: see :mod:`selfcorrect.tasks.reader`.
        base_url: of the server of ``openai:NAME``; its key is ``$OPENAI_API_KEY``.
        in_flight: so many dialogues a server is asked for at the same time; 64 by default.
        price: what a million tokens cost that the server reads, and that it writes.
        budget_tokens, budget_money: stop before the server has used more; the same call goes on.
        max_failed: the share of dialogues that a server may refuse or lose before the run stops.
        workers: processes that each hold the model. A script needs ``if __name__ == "__main__":``.
        ray: address of a Ray cluster: ``auto``, ``ray://host:port``, or ``local`` to start one.
        worker_cpus, worker_gpus: what a worker takes of the Ray cluster.
        spec: a whole spec (see :func:`read_spec`). It says all that the arguments above say, so
            none of them may be given with it, but an open model and a task that is an object.
        out: the folder in which the runs' folders lie.
        controls: run or find the controls ``repeat`` and ``baseline`` on the same examples, and of
            pictures ``blind`` and ``other-picture``.
        progress: show how far it is on standard error (in a notebook, below the cell).

    Returns:
        The run: ``.records``, ``.summary()``, ``.report()``, ``.folder``; in a notebook it shows
        its decision, verdict, curves and rounds.

    Raises:
        UserError: something named isn't there, doesn't fit, or can't be written.
        KeyboardInterrupt: on Ctrl-C; the folder is kept, and the same call goes on from there.
    """
    from selfcorrect import runs, tasks
    from selfcorrect.cli.running import run_shown
    from selfcorrect.runs.settings import strategy_setting

    if not isinstance(strategy, str | Path | None):
        raise UserError(f"run takes one strategy, not {strategy!r:.60}: several go to run_many.")
    more = {"images_from": str(images_from or ""), "remote_images": remote_images}
    more |= {"keep_harmful": keep_harmful, "field": field, "answers": answers}
    of_object = "" if isinstance(task, str) else part
    more |= {"part": part if isinstance(task, str) else "", "box_format": box_format}
    options = options_of(task_options, **more)
    options |= reading(lead_in, read)
    task, data, options = tasks.framed(task, data, options, seed, skip_bad)
    name = task if isinstance(task, str) else tasks.register(task, of_object)
    if spec is None:
        table: dict[str, Any] = {
            "task": {"name": name, "categories": categories, "options": options},
            **strategy_setting(strategy, strategy_parameters),
            "scorer": {"name": scorer or "", "options": dict(scorer_options or {})},
            "samples": samples, "meanings": meanings, "concepts": concepts or {}, "steer": steer,
            "rounds": rounds, "limit": limit, "seed": seed, "system": system, "chunk": chunk,
            "models": dict(models or {}) | ({} if feedback is None else {"feedback": feedback}),
            "max_tokens": dict(max_tokens or {}),
            "margins": dict(margins or {}),
            "skip_bad": skip_bad, "max_failed": max_failed,
        }  # fmt: skip
        if isinstance(model, str):
            asked = (base_url, in_flight, price, budget_tokens, budget_money)
            how = {"thinking": thinking, "max_thinking": max_thinking, **served(*asked)}
            how |= {"trust_remote_code": True} if trust_remote_code else {}
            table["model"] = {"name": model, "dtype": dtype, "device": device, **how}
        if data is not None:
            table["task"]["data"] = str(data)
        spec = runs.make_spec(table)
    elif not isinstance(task, str):
        spec = spec.model_copy(update={"task": runs.TaskSpec(name=name)})
    executor = runs.ExecutorSettings(workers, ray, worker_cpus, worker_gpus)
    how = {"out": out, "controls": controls, "progress": progress, "executor": executor}
    opened = None if isinstance(model, str) else model
    return run_shown([spec], opened, **how)[0]


@public
def run_many(
    specs: Sequence[RunSpec],
    model: Model | None = None,
    *,
    workers: int | None = None,
    ray: str | None = None,
    worker_cpus: float = 1,
    worker_gpus: float = 0,
    out: str | Path = "runs",
    controls: bool = True,
    progress: bool = True,
) -> list[Run]:
    """Run several specs over the same examples together, or continue or find their runs.

    The model is opened once, and what the runs have in common at the beginning is encoded once.
    Each has its own folder, as if it had been run alone; controls are shared where they are equal.

    Args:
        specs: see :func:`read_spec`. They may differ in strategy, rounds, system message, bound
            models and margins, and are equal in all else.
        model: a model that is open already, in place of the one that the specs name.
        workers, ray, worker_cpus, worker_gpus, out, controls, progress: as in :func:`run`.

    Returns:
        The runs, in the order of their specs.

    Raises:
        UserError: as :func:`run`; specs that can't go together, with the keys in which they differ.
        KeyboardInterrupt: as in :func:`run`.
    """
    from selfcorrect import runs
    from selfcorrect.cli.running import run_shown

    if not isinstance(specs, Sequence) or isinstance(specs, str):
        raise UserError(f"run_many takes a list of specs, not {specs!r:.60}.")
    executor = runs.ExecutorSettings(workers, ray, worker_cpus, worker_gpus)
    return run_shown(
        list(specs), model, out=out, controls=controls, progress=progress, executor=executor
    )


@public
def measure(
    data: Any,
    model: str | Model = "smollm2",
    *,
    rounds: int | None = None,
    limit: int | None = None,
    lead_in: str | Sequence[str] | None = None,
    read: str | None = None,
    field: Mapping[str, str | Sequence[str]] | None = None,
    answers: str | None = None,
    images_from: str | Path | None = None,
    remote_images: bool = False,
    samples: int | Mapping[str, Any] = 0,
    meanings: str | Mapping[str, Any] = "",
    concepts: Sequence[str] | Mapping[str, str] = (),
    dtype: str = "auto",
    device: str = "auto",
    trust_remote_code: bool = False,
    thinking: str = "auto",
    max_thinking: int = 2048,
    chunk: int = 64,
    skip_bad: bool = False,
    base_url: str | None = None,
    in_flight: int | None = None,
    price: Sequence[float] | None = None,
    budget_tokens: int | None = None,
    budget_money: float | None = None,
    max_failed: float = 0.05,
    workers: int | None = None,
    ray: str | None = None,
    worker_cpus: float = 1,
    worker_gpus: float = 0,
    out: str | Path = "runs",
    progress: bool = True,
) -> Run:
    """Measure dialogues that exist already: the answers as they are, the options by the model.

    What ``selfcorrect measure`` does, with the same defaults.

    Args:
        data: a file of dialogues, a folder of them, or a frame of polars or pandas.
        model: reads the options where each answer's letter stands; the one that held the dialogues
            or another. As in :func:`run`.
        rounds, limit: only so many rounds, and dialogues over the clusters; ``None`` is all.
        lead_in, read, field, answers, images_from, remote_images, samples, meanings, concepts,
            dtype, device, trust_remote_code, thinking, max_thinking, chunk, skip_bad, base_url,
            in_flight, price, budget_tokens, budget_money, max_failed, workers, ray, worker_cpus,
            worker_gpus, out, progress: as in :func:`run`.

    Returns:
        The run, as any other; each record's ``steps`` have the speaker ``given``.

    Raises:
        UserError: as :func:`run`; and whatever is wrong with the data, with file and line.
        KeyboardInterrupt: as in :func:`run`.
    """
    from selfcorrect import runs
    from selfcorrect.cli.running import run_shown

    values: dict[str, Any] = {
        "rounds": rounds, "limit": limit, "chunk": chunk, "skip_bad": skip_bad,
        **{f"task.options.{key}": each for key, each in reading(lead_in, read).items()},
        "task.options.images_from": str(images_from or "") or None,
        "task.options.remote_images": remote_images or None,
        "task.options.field": field, "task.options.answers": answers,
        "samples": samples, "meanings": meanings,
        "concepts": concepts or None, "max_failed": max_failed,
    }  # fmt: skip
    if isinstance(model, str):
        asked = served(base_url, in_flight, price, budget_tokens, budget_money)
        how = {"name": model, "dtype": dtype, "device": device, **asked}
        how |= {"trust_remote_code": True} if trust_remote_code else {}
        how |= {"thinking": thinking, "max_thinking": max_thinking}
        values |= {f"model.{key}": value for key, value in how.items()}
    given = {key: value for key, value in values.items() if value is not None}
    spec = runs.measure_spec(data, given)
    executor = runs.ExecutorSettings(workers, ray, worker_cpus, worker_gpus)
    opened = None if isinstance(model, str) else model
    done = {"out": out, "controls": False, "progress": progress, "executor": executor}
    return run_shown([spec], opened, **done)[0]  # type: ignore[arg-type]


@public
def check_task(
    task: str | Task,
    *,
    data: Any = None,
    categories: Sequence[str] = (),
    task_options: Mapping[str, Any] | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> TaskCheck:
    """Look at a task without a model: every example is asked, its reference read and graded.

    What ``selfcorrect check-task`` does.

    Args:
        task: a task's name, ``FILE.py:NAME`` for one of your own, or an object.
        data, categories, task_options, seed, skip_bad: as in :func:`run`, for a name.

    Returns:
        How many examples there are, one of them as it is asked, and ``.problems``: what is wrong.

    Raises:
        UserError: there is no such task, or it lacks a member.
    """
    from selfcorrect import checking

    return checking.check_task(task, data=data, categories=categories, task_options=task_options,
                               seed=seed, skip_bad=skip_bad)  # fmt: skip
