"""The options of ``selfcorrect run``, each of them once.

The command line is made from this table, and so is the command that a run is made again by, so an
option that is new is an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcorrect.models.kinds import PLANTED_MODELS
from selfcorrect.runs.paths import folder_path


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command or a study.

    Attributes:
        name: as Python has it; on the command line ``released_size`` is ``--released-size``.
        kind: ``int``, ``float``, ``str``, ``Path``, or ``bool``, which is a flag without a value.
        default: ``None`` where the option isn't given; the help then says what is taken.
        help: a sentence.
        metavar: what stands for the value in the help.
        least: the smallest number allowed.
        repeatable: may be given several times; the value is a list.
        key: the setting of a spec that the option sets, dotted (``model.name``); empty where it
            sets none.
        commas: several values are written as one, separated by commas.
        named: the flag, where it isn't made of the name (``--concept`` for ``concepts``).
        parser: turns the text into the value, where ``kind`` can't.
        required: it has to be given.
    """

    name: str
    kind: type[int] | type[float] | type[str] | type[bool] | type[Path]
    default: Any
    help: str
    metavar: str = "N"
    least: float | None = None
    repeatable: bool = False
    key: str = ""
    commas: bool = False
    named: str = ""
    parser: Callable[[str], Any] | None = None
    required: bool = False

    @property
    def flag(self) -> str:
        """How it is written: ``--max-tokens``."""
        return self.named or f"--{self.name.replace('_', '-')}"


_ALL = (
    Option(
        "model", str, None,
        "smollm2 (the default), a folder, a .gguf file, a Hugging Face id, openai:NAME "
        f"behind a server, {', '.join(sorted(PLANTED_MODELS))}.",
        metavar="MODEL", key="model.name",
    ),
    Option(
        "task", str, None,
        "The task; the default is sample. See: list tasks. One of your own is FILE.py:NAME, "
        "the function NAME of a file, which is run.",
        metavar="TASK", key="task.name",
    ),
    Option(
        "data", str, None,
        "The task's data: a file, a folder, or (bbq, choices) a data set of the hub: "
        "hub:OWNER/NAME, hub:OWNER/NAME:CONFIGURATION:SPLIT.",
        metavar="PLACE", key="task.data",
    ),
    Option(
        "field", str, None,
        "In which column of the data a part stands (choices, measure): question=Frage, "
        "answer=Loesung, choices=A,B,C; the option again for another. Known data sets need none.",
        metavar="PART=COLUMN", key="task.options.field", repeatable=True,
    ),
    Option(
        "answers", str, None,
        "How right answers are written (choices, measure): index, index-from-0, "
        "index-from-1, letter, text. By default their whole column says.",
        metavar="KIND", key="task.options.answers",
    ),
    Option(
        "images_from", str, None,
        "The folder of the images that data name, and the only one that they may lie in "
        "(choices, measure, mmvp, grounding); the default is the data's own.",
        metavar="DIR", key="task.options.images_from",
    ),
    Option(
        "remote_images", bool, False,
        "Data may name images by address, too, which the model's server then fetches from "
        "wherever they say.",
        key="task.options.remote_images",
    ),
    Option(
        "box_format", str, None,
        "How the model writes boxes (grounding, shapes): pixels, unit or per-mille, as it is asked "
        "to; known of some families, and never guessed.",
        metavar="FORMAT", key="task.options.box_format",
    ),
    Option(
        "categories", str, None,
        "Only these categories of the data: A,B or the option again.",
        metavar="A,B", key="task.categories", repeatable=True, commas=True,
    ),
    Option(
        "part", str, None,
        "Half of the task's clusters, by a hash of their names: train or test; all of them by "
        "default. What a model was tuned on (see: tune) is refused.",
        metavar="PART", key="task.options.part",
    ),
    Option(
        "strategy", str, None,
        "A strategy's name or .toml file; the default is intrinsic. See: list strategies.",
        metavar="STRATEGY", key="strategy.name",
    ),
    Option(
        "feedback", str, None,
        "Who gives feedback in the strategies that ask for it, named as for --model; the "
        "default is the run's own model, in a fresh dialogue. One behind a server is at "
        "--base-url, or where models.feedback.base_url says.",
        metavar="MODEL", key="models.feedback.name",
    ),
    Option(
        "scorer", str, None,
        "Who grades answers that the task doesn't grade by itself; the default is the "
        "task's, and none leaves it for later. See: list scorers.",
        metavar="SCORER", key="scorer.name",
    ),
    Option(
        "lead_in", str, None,
        "A text after which an answer stands, besides the usual ones; the option again for "
        "several.",
        metavar="TEXT", key="task.options.lead_in", repeatable=True,
    ),
    Option(
        "read", str, None,
        "What an answer is in a reply, and nothing else: the last match's named group, such "
        "as 'Answer: (?P<answer>[A-D])'.",
        metavar="REGEX", key="task.options.read",
    ),
    Option(
        "samples", int, None,
        "So many replies are drawn beside every answer, to see how uncertain the model is; "
        "5, say. The dialogue goes on with the answer, never with one of these.",
        metavar="K", key="samples.k",
    ),
    Option(
        "meanings", str, None,
        "By what samples count as saying the same; the default fits the task. See: list "
        "meanings.",
        metavar="MEANINGS", key="meanings.name",
    ),
    Option(
        "concepts", str, None,
        "A concept whose activation is read where the model answers, in every layer; the "
        "option again for several. Without a file: the one trained under that name on the model, "
        "or (biased, toxic, correct) trained now.",
        metavar="NAME[=FILE]", key="concepts", named="--concept", repeatable=True,
    ),
    Option(
        "steer", str, None,
        "Steer every reply by a concept: kind:4, kind:-4@12,13, kind:4@all:reply (from the "
        "last token before the reply on).",
        metavar="NAME:ALPHA[@LAYERS][:reply]", key="steer",
    ),
    Option(
        "rounds", int, None,
        "Rounds of a dialogue, the first answer included; the default is 5.",
        key="rounds",
    ),
    Option(
        "limit", int, None,
        "Only so many examples, spread over the clusters. A larger one extends a run.",
        key="limit",
    ),
    Option(
        "seed", int, None,
        "Of the order of the examples and of whatever is drawn; the default is 0.",
        key="seed",
    ),
    Option(
        "system", str, None,
        "A system message before everything else.",
        metavar="TEXT", key="system",
    ),
    Option(
        "out", Path, Path("runs"),
        "The folder in which the runs' folders lie, or an address such as s3://bucket/runs.",
        metavar="FOLDER", parser=folder_path,
    ),
    Option(
        "dtype", str, None,
        "auto (the default: bfloat16 where the processor has it), float32, bfloat16, float16.",
        metavar="DTYPE", key="model.dtype",
    ),
    Option(
        "device", str, None,
        "auto (the default), cpu, cuda, cuda:1, mps.",
        metavar="DEVICE", key="model.device",
    ),
    Option(
        "thinking", str, None,
        "Whether the model thinks before it replies: off, on, or auto (the default), by "
        "which one that can be told not to doesn't, and any other that thinks does.",
        metavar="MODE", key="model.thinking",
    ),
    Option(
        "max_thinking", int, None,
        "Tokens that a thought may have; the default is 2048.",
        key="model.max_thinking",
    ),
    Option(
        "trust_remote_code", bool, False,
        "Run the Python that lies in the model's folder, where it needs that. It may do "
        "whatever you may: read it first.",
        key="model.trust_remote_code",
    ),
    Option(
        "max_tokens", str, None,
        "Tokens that a reply may have, of every kind or of one (answer, rationale, critique, "
        "feedback; the option again for several), where the strategy's step doesn't say.",
        metavar="[KIND=]N", key="max_tokens", repeatable=True,
    ),
    Option(
        "chunk", int, None,
        "Dialogues that go through their rounds together; the default is 64.",
        key="chunk",
    ),
    Option(
        "no_controls", bool, False,
        "Without the controls: repeat and baseline, and of pictures blind and other-picture.",
    ),
    Option(
        "skip_bad", bool, False,
        "Leave out malformed lines of the data, and count them, instead of stopping.",
        key="skip_bad",
    ),
    Option(
        "keep_harmful", bool, False,
        "Store what is answered to attacks (task jailbreak), and not its scores only.",
        key="task.options.keep_harmful",
    ),
    Option(
        "base_url", str, None,
        "Of the server of openai:NAME, such as http://localhost:8000/v1. Its key is taken "
        "from the environment variable OPENAI_API_KEY.",
        metavar="URL", key="model.base_url",
    ),
    Option(
        "in_flight", int, None,
        "Dialogues that a server is asked for at the same time; the default is 64.",
        key="model.in_flight",
    ),
    Option(
        "price", str, None,
        "A server's price of a million prompt tokens (C: of those in its cache) and of a "
        "million generated ones.",
        metavar="P,[C,]G", key="model.price", commas=True,
    ),
    Option(
        "budget_tokens", int, None,
        "Stop before a server has used so many tokens.",
        key="model.budget_tokens",
    ),
    Option(
        "budget_money", float, None,
        "Stop before a server has cost so much; needs --price.",
        metavar="X", key="model.budget_money",
    ),
    Option(
        "max_failed", float, None,
        "So large a share of dialogues may be set aside, because a server refuses or loses "
        "their replies, before the run stops; the default is 0.05.",
        metavar="X", key="max_failed",
    ),
    Option(
        "workers", int, None,
        "Processes that each hold the model; with --ray, actors (by default as many as fit).",
        least=1,
    ),
    Option(
        "ray", str, None,
        "Work on a Ray cluster: auto, ray://HOST:PORT, or local to start one here.",
        metavar="ADDRESS",
    ),
    Option(
        "worker_cpus", float, 1,
        "CPUs that a worker takes of the Ray cluster.",
        metavar="X", least=0,
    ),
    Option(
        "worker_gpus", float, 0,
        "GPUs that a worker takes of the Ray cluster; .5 shares one.",
        metavar="X", least=0,
    ),
)  # fmt: skip

#: By name, in the order of the help.
OPTIONS: Mapping[str, Option] = {each.name: each for each in _ALL}

#: The sections of a long help, and which options stand in each.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "What is run": (
        "model", "task", "data", "categories", "part", "strategy", "feedback", "rounds", "limit",
        "seed", "system", "no_controls", "out",
    ),
    "Data": (
        "field", "answers", "images_from", "remote_images", "skip_bad", "keep_harmful",
    ),
    "Replies": ("max_tokens", "thinking", "max_thinking", "lead_in", "read", "box_format"),
    "What is measured": ("scorer", "samples", "meanings", "concepts", "steer"),
    "A model on this machine": ("dtype", "device", "trust_remote_code", "chunk"),
    "A model behind a server": (
        "base_url", "in_flight", "price", "budget_tokens", "budget_money", "max_failed",
    ),
    "Who does the work": ("workers", "ray", "worker_cpus", "worker_gpus"),
}  # fmt: skip
