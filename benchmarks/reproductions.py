"""Multi-round self-correction of texts on published data: runs, figures, and the page of them.

    python -m benchmarks.reproductions                      # hours on a small machine
    python -m benchmarks.reproductions --task reasoning --limit 20 --samples-limit 0
    python -m benchmarks.reproductions --model path/to/model.gguf --name "A name" --limit 50
    python -m benchmarks.reproductions --show               # what the runs' folders hold so far

Three tasks (``SETTINGS``), each with the strategies ``intrinsic`` and ``negation`` and the controls
``repeat`` and ``baseline``, greedy, in float32. A part of the examples is asked again with five
samples beside every answer; that is a run of its own. Runs lie in ``--runs``: the command goes on
where it was stopped, and a larger ``--limit`` adds to what is there. After each task its figures go
into ``benchmarks/reproductions.json``, beside those of other models and tasks that stand in it, and
from there into the tables of ``docs/reproductions.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from benchmarks.reproductions_page import filled

import selfcorrect as sc
from selfcorrect.runs import Run, RunSpec, make_spec
from selfcorrect.runs.identity import task_of

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "reproductions.json"
PAGE = ROOT / "docs" / "reproductions.md"

#: Dialogues that go through their rounds together, by samples an answer; small, so that little is
#: lost by stopping.
K = 5
CHUNKS = {0: 40, K: 8}

Table = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """One task as it is run here.

    Attributes:
        task: its name.
        rounds: the first answer included.
        limit: how many examples, unless another number is asked for.
        data: the file of its examples in the folder given; empty: the task's own.
        beside: numbers of a record that are shown beside the outcome.
        options: the task's options.
    """

    task: str
    rounds: int
    limit: int
    data: str = ""
    beside: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


SETTINGS = (
    Setting(
        "toxicity", 5, 200, "realtoxicityprompts.jsonl", ("share_toxic", "words", "appended")
    ),
    Setting("commongen", 4, 100, "commongen-hard.jsonl", ("words", "listed", "claims_all")),
    Setting("reasoning", 3, 100, "gsm8k-test-500.jsonl", ("stated",)),
)  # fmt: skip


def specs(
    setting: Setting, model: str, data: Path, limit: int, *, samples: int = 0
) -> tuple[RunSpec, RunSpec]:
    """The arms of one task that aren't controls: intrinsic and negation."""
    task: Table = {"name": setting.task, "options": dict(setting.options)}
    if setting.data:
        task["data"] = str(data / setting.data)
    shared = {
        "model": {"name": model} if model.startswith("planted:")
        else {"name": model, "dtype": "float32"},
        "task": task, "rounds": setting.rounds, "limit": limit, "samples": samples,
        "chunk": CHUNKS[samples],
    }  # fmt: skip
    one, other = (make_spec({**shared, "strategy": arm}) for arm in ("intrinsic", "negation"))
    return one, other


def figures(intrinsic: Run, negation: Run, setting: Setting) -> Table:
    """What the page shows of a task: the outcome by round and arm, differences, what is said.

    Every estimate is ``{"value", "low", "high"}`` as the run's summary has it; ``by_round`` lists
    hold ``None`` where both arms have the same records.
    """
    summary = intrinsic.summary()
    compared = sc.compare([negation, intrinsic], reference=negation)
    [apart] = compared["comparisons"]
    outcome = summary["outcome"]["name"]
    arms = {"intrinsic": summary, "negation": negation.summary(), **summary["controls"]}
    repeat = summary["controls"]["repeat"]["against"]
    return {
        "dialogues": summary["dialogues"],
        "clusters": compared["clusters"],
        "looks": [look["n"] for look in summary["looks"]],
        "outcome": summary["outcome"],
        "scorer": summary["scorer"],
        "arms": {
            arm: {
                "outcome": [_short(row["measures"][outcome]) for row in table["rounds"]],
                "unread": [row["unparsed"] + row["ungraded"] for row in table["rounds"]],
                "changed": [_short(row.get("changed")) for row in table["rounds"]],
                "tokens": [_value(row["measures"].get("tokens")) for row in table["rounds"]],
                "beside": {
                    name: [_value(row["measures"].get(name)) for row in table["rounds"]]
                    for name in setting.beside
                }
                | of_answers(_run_of(arm, intrinsic, negation), len(table["rounds"])),
            }
            for arm, table in arms.items()
        },
        "minus_repeat": {
            "by_round": [_short(each) for each in repeat["by_round"]],
            "last": _decided(repeat["difference"][outcome]),
        },
        "minus_negation": {
            "by_round": [_short(each) for each in apart["by_round"]],
            "last": _decided(apart["difference"][outcome]),
        },
        "change": _decided(summary["changes"][outcome]),
        # where the runs lay isn't a result
        "verdict": summary["verdict"].replace(f"{intrinsic.folder.parent}/", "").split("\n"),
        "notes": [note.replace(f"{intrinsic.folder.parent}/", "") for note in summary["notes"]],
    }


def of_answers(run: Run, rounds: int) -> dict[str, list[float | None]]:
    """Shares by round that the summary doesn't hold, from the records.

    ``cut``: answers that were cut off. Of ``toxicity`` also ``repeats``: answers that begin with
    all words of the text that they were to continue, so that the scorer grades that text again; and
    ``outcome_else``, the mean outcome of the others.
    """
    frame = run.read(["example", "round", "text", "cut", "outcome"])
    columns = {"cut": pl.col("cut").mean()}
    if run.spec.task.name == "toxicity":
        task = task_of(run.spec)
        begun = {
            e.id: _words(task.ask(e)["question"].partition("\n\n")[2]) for e in task.examples()
        }
        frame = frame.with_columns(
            repeats=pl.Series(
                [
                    _words(text or "")[: len(begun[example])] == begun[example]
                    for example, text in frame.select("example", "text").iter_rows()
                ],
                dtype=pl.Boolean,
            )
        )
        others = pl.col("outcome").filter(~pl.col("repeats"))
        columns |= {"repeats": pl.col("repeats").mean(), "outcome_else": others.mean()}
    means = frame.group_by("round").agg(**columns).sort("round")
    return {name: means[name].to_list()[:rounds] for name in columns}


def _words(text: str) -> list[str]:
    """Without capitals and punctuation: models tidy up the quotation marks of what they repeat."""
    return re.findall(r"\w+", text.casefold())


def uncertainty(intrinsic: Run, negation: Run) -> Table:
    """Semantic entropy by round and arm, of the part with samples."""
    summary, other = intrinsic.summary(), negation.summary()
    arms = {"intrinsic": summary, "negation": other, "repeat": summary["controls"]["repeat"]}
    repeat = summary["controls"]["repeat"]["against"]["difference"]
    return {
        "dialogues": summary["dialogues"],
        "k": summary["samples"]["k"],
        "meanings": summary["meanings"],
        "arms": {
            arm: {
                name: [_short(row["measures"][name]) for row in table["rounds"]]
                for name in ("semantic_entropy", "all_differ")
            }
            for arm, table in arms.items()
        },
        "change": _decided(summary["changes"]["semantic_entropy"]),
        "minus_repeat": _decided(repeat["semantic_entropy"]),
    }


def _run_of(arm: str, intrinsic: Run, negation: Run) -> Run:
    run = {"intrinsic": intrinsic, "negation": negation}.get(arm) or intrinsic.control(arm)
    assert run is not None  # its numbers are in the summary
    return run


def _value(estimate: Table | None) -> float | None:
    return None if estimate is None else estimate["value"]


def _short(estimate: Table | None) -> Table | None:
    return None if estimate is None else {key: estimate[key] for key in ("value", "low", "high")}


def _decided(difference: Table) -> Table:
    """A difference with the interval and the verdict that allow for further looks."""
    low, high = difference.get("decides") or (difference["low"], difference["high"])
    told = {key: difference[key] for key in ("value", "verdict")}
    return {**told, "low": low, "high": high}


def about(run: Run) -> Table:
    """Which model it is, and in which numbers it was computed."""
    model = run.header.about["fingerprints"]["model"]
    return {
        "model": {**model, "name": Path(model["name"]).name},  # where a file lay isn't a result
        "data": run.header.about["fingerprints"]["data"],
        "dtype": run.spec.model.dtype,
        "versions": run.header.about["versions"],
    }


def found(folder: Path, setting: Setting, model: str, samples: int) -> tuple[Run, Run] | None:
    """Both arms as far as they are there, in the same number of dialogues; else ``None``."""
    arms: dict[str, Run] = {}
    for path in sorted(folder.glob("*/run.toml")):
        spec = (run := sc.open_run(path.parent)).spec
        rounds = 1 if spec.strategy.name == "baseline" else setting.rounds
        same = (spec.task.name, spec.rounds, spec.samples.k, spec.chunk, spec.model.name)
        if same == (setting.task, rounds, samples, CHUNKS[samples], model):
            arms[spec.strategy.name] = run
    if not {"intrinsic", "negation", "repeat", "baseline"} <= arms.keys():
        return None
    done = min(run.dialogues for run in arms.values())
    if not done:
        return None
    return replace(arms["intrinsic"], limit=done), replace(arms["negation"], limit=done)


def of_task(given: argparse.Namespace, setting: Setting) -> Table | None:
    """The runs of one task, or what is there of them, and their figures.

    Either part may be missing: the figures of the one that is there are returned.
    """
    parts: dict[int, tuple[Run, Run] | None] = {}
    limits = {0: setting.limit if given.limit is None else given.limit, K: given.samples_limit}
    for samples, limit in limits.items():
        if given.show:
            parts[samples] = found(given.runs, setting, given.model, samples)
        elif limit:
            both = specs(setting, given.model, given.data, limit, samples=samples)
            one, other = sc.run_many(both, out=given.runs, progress=not given.quiet)
            parts[samples] = one, other
    if given.runs_only:
        return None
    table: Table = {}
    if whole := parts.get(0):
        table = {**about(whole[0]), "rounds": setting.rounds, **figures(*whole, setting)}
    if drawn := parts.get(K):
        table["samples"] = uncertainty(*drawn)
    return table or None


def main() -> None:
    """Run, collect, write the page."""
    given = _arguments()
    result: Table = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    for setting in SETTINGS:
        if given.task and setting.task not in given.task:
            continue
        if (table := of_task(given, setting)) is None:
            print(f"{setting.task}: {'done' if given.runs_only else 'nothing is there yet'}")
            continue
        of_model = result.setdefault(given.name or given.model, {})
        of_model[setting.task] = of_model.get(setting.task, {}) | table
        RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
        PAGE.write_text(filled(PAGE.read_text("utf-8"), result), "utf-8")
        told = of_model[setting.task]
        print(f"{setting.task}: {told['dialogues']} dialogues", *told["verdict"], sep="\n  ")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", action="append", choices=[s.task for s in SETTINGS])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--name", help="what the page calls the model")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--limit", type=int, help="examples of each task; 0: none")
    parser.add_argument("--samples-limit", type=int, default=40, help="of them with samples")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "reproductions")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--show", action="store_true", help="figures and page of what is there")
    alone.add_argument("--runs-only", action="store_true", help="no look at the numbers yet")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
