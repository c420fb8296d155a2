"""The commands' arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfcorrect.runs.paths import folder_path

Given = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SPEC.toml|KEY=VALUE",
        help="A spec file, and settings over it such as rounds=3 or task.options.shuffle=true.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="smollm2 (the default), a folder, a .gguf file, a Hugging Face id, openai:NAME behind "
        "a server, planted:chain, planted:logits, planted:mixture, planted:scores, "
        "planted:two-concept.",
        show_default=False,
    ),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="The task; the default is sample. See: list tasks. One of your own is FILE.py:NAME, "
        "the function NAME of a file, which is run.",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="PLACE",
        help="The task's data: a file, a folder, or (bbq, choices) a data set of the hub: "
        "hub:OWNER/NAME, hub:OWNER/NAME:CONFIGURATION:SPLIT.",
        show_default=False,
    ),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="PART=COLUMN",
        help="In which column of the data a part stands (choices, measure): question=Frage, "
        "answer=Loesung, choices=A,B,C; the option again for another. Known data sets need none.",
        show_default=False,
    ),
]
Answers = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="How right answers are written (choices, measure): index, index-from-0, index-from-1, "
        "letter, text. By default their whole column says.",
        show_default=False,
    ),
]
Categories = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B",
        help="Only these categories of the data: A,B or the option again.",
        show_default=False,
    ),
]
StrategyName = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="STRATEGY",
        help="A strategy's name or .toml file; the default is intrinsic. See: list strategies.",
        show_default=False,
    ),
]
StrategyNames = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy",
        metavar="STRATEGY",
        help="A strategy's name or .toml file; the default is intrinsic. Several, each with an "
        "option of its own, go through the same examples together. See: list strategies.",
        show_default=False,
    ),
]
Feedback = Annotated[
    str | None,
    typer.Option(
        "--feedback",
        metavar="MODEL",
        help="Who gives feedback in the strategies that ask for it, named as for --model; the "
        "default is the run's own model, in a fresh dialogue. One behind a server is at "
        "--base-url, or where models.feedback.base_url says.",
        show_default=False,
    ),
]
ScorerName = Annotated[
    str | None,
    typer.Option(
        "--scorer",
        metavar="SCORER",
        help="Who grades answers that the task doesn't grade by itself; the default is the task's, "
        "and none leaves it for later. See: list scorers.",
        show_default=False,
    ),
]
Grader = Annotated[
    str | None,
    typer.Option(
        "--scorer",
        metavar="SCORER",
        help="Who grades; the default is the run's or its task's. See: list scorers.",
        show_default=False,
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="So many replies are drawn beside every answer, to see how uncertain the model is; 5, "
        "say. They are never entered.",
        show_default=False,
    ),
]
Concepts = Annotated[
    list[str] | None,
    typer.Option(
        "--concept",
        metavar="NAME[=FILE]",
        help="A concept whose activation is read where the model answers, in every layer; the "
        "option again for several. Without a file: the one trained under that name on the model, "
        "or (biased, toxic, correct) trained now.",
        show_default=False,
    ),
]
Meanings = Annotated[
    str | None,
    typer.Option(
        "--meanings",
        metavar="MEANINGS",
        help="By what samples count as saying the same; the default fits the task. See: list "
        "meanings.",
        show_default=False,
    ),
]
SeenBy = Annotated[
    str,
    typer.Option(
        "--scorer",
        metavar="SCORER",
        help="By whose scores, or by which meanings of samples, where there are several.",
        show_default=False,
    ),
]
SeenData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PLACE",
        help="Where the data of the run's task lie. Of a run that wasn't made here nothing that "
        "it names is opened, so figures that need the data are left out without.",
        show_default=False,
    ),
]
ReportTo = Annotated[
    Path | None,
    typer.Option(
        "--report-to",
        metavar="FILE",
        help="Where the page goes, in place of report.html in the run's folder.",
        show_default=False,
    ),
]
ScorerOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="An option of the scorer, such as label=toxic.",
        show_default=False,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="People's labels (JSONL, CSV, …: example, round, label), to be compared with.",
        show_default=False,
    ),
]
Rounds = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Rounds of a dialogue, the first answer included; the default is 5.",
        show_default=False,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Only so many examples, spread over the clusters. A larger one extends a run.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Of the order of the examples and of whatever is drawn; the default is 0.",
        show_default=False,
    ),
]
System = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="A system message before everything else.", show_default=False
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        metavar="FOLDER",
        parser=folder_path,
        help="The folder in which the runs' folders lie, or an address such as s3://bucket/runs.",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="DTYPE",
        help="auto (the default: bfloat16 where the processor has it), float32, bfloat16, float16.",
        show_default=False,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE", help="auto (the default), cpu, cuda, cuda:1, mps.", show_default=False
    ),
]
Thinking = Annotated[
    str | None,
    typer.Option(
        metavar="MODE",
        help="Whether the model thinks before it replies: off, on, or auto (the default), by which "
        "one that can be told not to doesn't, and any other that thinks does.",
        show_default=False,
    ),
]
MaxThinking = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Tokens that a thought may have; the default is 2048.",
        show_default=False,
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run the Python that lies in the model's folder, where it needs that. It may do "
        "whatever you may: read it first.",
    ),
]
MaxTokens = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[KIND=]N",
        help="Tokens that a reply may have, of every kind or of one (answer, rationale, critique, "
        "feedback; the option again for several), where the strategy's step doesn't say.",
        show_default=False,
    ),
]
Chunk = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Dialogues that go through their rounds together; the default is 64.",
        show_default=False,
    ),
]
Dialogues = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="The dialogues: JSON (messages, ShareGPT, samples of lm-eval, an export), Parquet, or "
        "a log of inspect; or a folder of them.",
        show_default=False,
    ),
]
UpTo = Annotated[
    int | None,
    typer.Option(
        "--rounds",
        metavar="N",
        help="Only so many rounds; by default as many as the longest dialogue has.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Processes that each hold the model; with --ray, actors (by default as many as fit).",
        show_default=False,
        min=1,
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Work on a Ray cluster: auto, ray://HOST:PORT, or local to start one here.",
        show_default=False,
    ),
]
WorkerCpus = Annotated[
    float,
    typer.Option(metavar="X", help="CPUs that a worker takes of the Ray cluster.", min=0),
]
WorkerGpus = Annotated[
    float,
    typer.Option(
        metavar="X", help="GPUs that a worker takes of the Ray cluster; .5 shares one.", min=0
    ),
]
NoControls = Annotated[
    bool,
    typer.Option(
        "--no-controls",
        help="Without the controls: repeat and baseline, and of pictures blind and other-picture.",
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Leave out malformed lines of the data, and count them, instead of stopping.",
    ),
]
KeepHarmful = Annotated[
    bool,
    typer.Option(
        "--keep-harmful",
        help="Store what is answered to attacks (task jailbreak), and not its scores only.",
    ),
]
Simulations = Annotated[
    int | None,
    typer.Option(
        "--simulations",
        metavar="N",
        min=100,
        max=100_000,
        help="Of each figure; by default as many as take about a minute, whose result is kept.",
    ),
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder, or the beginning of its name.")
]
RunNames = Annotated[
    list[str],
    typer.Argument(metavar="RUN RUN...", help="Runs' folders, or the beginnings of their names."),
]
Reference = Annotated[
    str,
    typer.Option(
        metavar="RUN",
        help="The run that the others are compared with; by default the first (that isn't an "
        "oracle).",
        show_default=False,
    ),
]
Page = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where the page goes.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Everything, as JSON.")]
