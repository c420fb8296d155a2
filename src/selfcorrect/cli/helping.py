"""Help texts: the options of long commands in sections, and an example of each command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typer.core import TyperCommand

from selfcorrect.cli.pulse import pulse
from selfcorrect.runs.options import SECTIONS

#: With so many options or fewer a command's help has one list of them.
_FEW = 24
#: By command; of a study see :func:`example`.
EXAMPLES: Mapping[str, str] = {
    "run": "run --task bbq --data path/to/bbq --rounds 5 --limit 200",
    "measure": "measure dialogues.jsonl",
    "preview": "preview --task sample --strategy feedback --rounds 3",
    "show": "show sample-intrinsic --unread",
    "report": "report sample-intrinsic --open",
    "compare": "compare sample-intrinsic sample-feedback",
    "advise": "advise sample-intrinsic sample-feedback",
    "grade": "grade toxicity-intrinsic --scorer profanity",
    "audit": "audit sample-intrinsic",
    "plan": "plan --n 480 --changed 0.1",
    "export": "export sample-intrinsic --jsonl records.jsonl",
    "runs": "runs --out runs",
    "check": "check sample-intrinsic --require 'gain.low > -0.02'",
    "check-task": "check-task choices --data questions.csv",
    "bias": "bias --data crows_pairs.csv",
    "choose": "choose --data texts.csv --to subsets",
    "tune": "tune --texts subsets/uncertain.jsonl --out tuned",
    "probe": "probe --model openai:NAME --base-url http://localhost:8000/v1",
    "verify": "verify sample-intrinsic",
    "list tasks": "list tasks",
    "list strategies": "list strategies",
    "list models": "list models",
    "list scorers": "list scorers",
    "list meanings": "list meanings",
    "list studies": "list studies",
    "concept train": "concept train biased --model smollm2",
    "concept show": "concept show biased --model smollm2",
    "concept compare": "concept compare biased toxic --model smollm2",
    "concept export": "concept export biased --gguf biased.gguf",
    "concept import": "concept import kind --gguf kind.gguf --model path/to/model",
    "theory construct": "theory construct --out theory",
    "theory train": "theory train --out theory",
    "theory concepts": "theory concepts --out theory",
    "theory bridge": "theory bridge bbq-intrinsic",
}


def example(path: str, options: set[str]) -> str:
    """The command line that the help of a command gives as an example.

    Args:
        path: what the command is called, after ``selfcorrect``.
        options: the names of its options.
    """
    limit = " --limit 96" if "limit" in options else ""
    return f"selfcorrect {EXAMPLES.get(path, path + limit)}"


class Command(TyperCommand):
    """A command whose help has its options in sections, where they are many, and an example; it
    says that it is at work where that takes long and nothing else is said."""

    def invoke(self, ctx: Any) -> Any:
        with pulse(ctx.command_path):
            return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        kinds: dict[str, list[tuple[str, tuple[str, str]]]] = {"argument": [], "option": []}
        for each in self.get_params(ctx):
            if (record := each.get_help_record(ctx)) is not None:
                kinds[each.param_type_name].append((each.name or "", record))
        _list(formatter, "Arguments", [record for _, record in kinds["argument"]])
        rest = kinds["option"]
        if len(rest) > _FEW:
            for heading, names in SECTIONS.items():
                _list(formatter, heading, [record for name, record in rest if name in names])
                rest = [(name, record) for name, record in rest if name not in names]
        _list(formatter, "Options", [record for _, record in rest])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        path = ctx.command_path.partition(" ")[2]
        with formatter.section("Example"):
            formatter.write(f"  {example(path, {each.name for each in self.params})}\n")


def _list(formatter: Any, heading: str, records: list[tuple[str, str]]) -> None:
    if records:
        with formatter.section(heading):
            formatter.write_dl(records)
