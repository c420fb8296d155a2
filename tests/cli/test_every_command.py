"""Of every command: the same text twice, one JSON document and nothing else, no escape codes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import selfcorrect as sc
import tiny
from made_concepts import made
from selfcorrect.cli import app
from selfcorrect.cli.export import to_jsonl
from selfcorrect.concepts.control_vectors import export
from selfcorrect.concepts.file import write
from servers.stub import Stub

#: Where a command line names something that the tests make.
RUN, OTHER, OUT, FILE, CONCEPT, SERVER, MODEL = (
    f"<{name}>" for name in ("run", "other", "out", "file", "concept", "server", "model")
)
_SMALL = ["--limit", "8", "--rounds", "2", "--out", OUT]
_PLANTED = ["--model", "planted:chain", "--task", "planted", *_SMALL]

#: Every command but studies, which share one function: what it is given. Some write where another
#: call has written, and are given leave to.
COMMANDS: dict[str, list[str]] = {
    "run": _PLANTED,
    "measure": [FILE, "--model", "planted:logits", "--rounds", "1", "--out", OUT],
    "preview": _PLANTED,
    "show": [RUN],
    "show --unread": [RUN],
    "report": [RUN],
    "compare": [RUN, OTHER, "--page", f"{OUT}/compare.html"],
    "advise": [RUN],
    "grade": [RUN, "--scorer", "profanity"],
    "audit": [RUN, "--simulations", "100"],
    "plan": ["--n", "480", "--changed", "0.1"],
    "export": [RUN, "--jsonl", f"{OUT}/records.jsonl", "--force"],
    "runs": [OUT],
    "check": [RUN, "--require", "unread.last < 0.05"],
    "check-task": ["sample"],
    "probe": ["--model", "openai:stub", "--base-url", SERVER],
    "verify": [RUN],
    "list tasks": [],
    "list strategies": [],
    "list models": [],
    "list scorers": [],
    "list meanings": [],
    "list studies": [],
    "concept show": [CONCEPT],
    "concept compare": [CONCEPT, CONCEPT],
    "concept export": [CONCEPT, "--gguf", f"{OUT}/x.gguf"],
    "choose": ["--model", MODEL, "--limit", "8", "--samples", "2", "--out", OUT],
    "tune": ["--model", MODEL, "--texts", f"{FILE}.txt", "--steps", "2", "--out", f"{OUT}/tuned"],
    "concept import": ["x", "--gguf", f"{FILE}.gguf", "--model", MODEL, "--out", f"{OUT}/y"],
    "study convergence": [*_PLANTED, "--rounds", "4"],
}
#: Those that don't write where something is: the folder is emptied before each call.
ANEW = {"concept export", "concept import", "choose", "tune"}
#: Those that take longer.
SLOW: dict[str, list[str]] = {
    "bias": ["--model", MODEL],
    "concept train": ["biased", "--model", MODEL, "--limit", "40", "--out", f"{OUT}/x.concept"],
    "theory construct": ["--quick", "--n", "3", "--d", "2", "--steps", "1", "--out", OUT],
    "theory concepts": [],
    "theory train": [],
    "theory bridge": [RUN],
}
#: They compute for long, and print by the same function as the first of theory.
UNTRIED = {"theory concepts", "theory train", "theory bridge"}
EVERY = [
    *COMMANDS,
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW if name not in UNTRIED),
]
#: What tells how long something took, in a text and in JSON.
_TIMES = re.compile(r"\b\d+(?:\.\d+)? (?:s|min|h)\b")
_TIME_KEYS = {"seconds"}
_ESCAPE = "\x1b"


@dataclass
class Places:
    """What the tests made, by what stands for it."""

    of: dict[str, str]

    def words(self, command: str, out: Path) -> list[str]:
        """A command line."""
        given = [*command.split(), *{**COMMANDS, **SLOW}[command]]
        for name, place in {**self.of, OUT: str(out)}.items():
            given = [word.replace(name, place) for word in given]
        return given


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("every")
    how: dict[str, Any] = {"task": "planted", "out": folder / "runs", "progress": False}
    run = sc.run("planted:chain", rounds=2, limit=20, **how)
    other = sc.run("planted:chain", rounds=5, limit=20, **how)
    dialogues = folder / "dialogues.jsonl"
    asked = sc.run("planted:logits", rounds=1, limit=8, controls=False, **how)
    to_jsonl(asked, dialogues, replace=False, dialogues=True)
    texts = folder / "dialogues.jsonl.txt"
    texts.write_text("\n".join(f"A kind text of {n} words." for n in range(8)), "utf-8")
    concept = folder / "x.concept"
    write(made(), concept)
    model = folder / "model"
    tokens = tiny.tokenizer(tiny.CHATML)
    network = tiny.network("llama", len(tokens), 3)
    network.save_pretrained(model)
    tokens.save_pretrained(model)
    size = network.config.num_hidden_layers, network.config.hidden_size
    export(made(*size), folder / "dialogues.jsonl.gguf", "llama")
    server = Stub()
    yield Places(
        {
            RUN: str(run.folder),
            OTHER: str(other.folder),
            FILE: str(dialogues),
            CONCEPT: str(concept),
            SERVER: server.url,
            MODEL: str(model),
        }
    )
    server.stop()


def called(words: list[str], **env: str) -> tuple[int, str, str]:
    shown = {"COLUMNS": "100", "NO_COLOR": "", "FORCE_COLOR": "", **env}
    done = CliRunner().invoke(app, words, env=shown, catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def commands(group: Any, path: str = "") -> Iterator[str]:
    """All that a user can call."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        elif not command.hidden:
            yield f"{path}{name}"


def test_every_command_is_here() -> None:
    known = {*COMMANDS, *SLOW}
    for path in commands(get_command(app)):
        assert path in known or path.startswith("study "), path


@pytest.mark.parametrize("command", EVERY)
def test_a_command_is_as_it_should_be(command: str, places: Places, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = places.words(command, out)

    def call(*more: str, **env: str) -> tuple[str, str]:
        if command in ANEW:
            shutil.rmtree(out, ignore_errors=True)
        out.mkdir(exist_ok=True)
        status, printed, told = called([*words, *more], **env)
        assert status == 0, told
        return printed, told

    plain, _ = call()
    assert plain.strip()
    # the same again, apart from how long it took, and by NO_COLOR without colours, bold or bars
    bare, told = call(NO_COLOR="1", FORCE_COLOR="1")
    assert _ESCAPE not in bare + told
    assert _TIMES.sub("…", bare) == _TIMES.sub("…", plain)
    # one document, and nothing else
    document = json.loads(call("--json", FORCE_COLOR="1")[0])
    assert isinstance(document, dict | list)
    assert timeless(document) == timeless(json.loads(call("--json")[0]))


def timeless(value: Any) -> Any:
    """JSON without how long things took."""
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in _TIME_KEYS}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def test_colours_are_there_where_nothing_forbids_them(places: Places) -> None:
    """Else the test above couldn't fail."""
    for command in ("show", "preview", "probe"):
        words = places.words(command, Path(places.of[RUN]).parent)
        assert _ESCAPE in called(words, FORCE_COLOR="1")[1], command


@pytest.mark.parametrize("command", [*COMMANDS, *SLOW])
def test_a_refusal_is_a_sentence_on_standard_error(command: str) -> None:
    """With ``--json``, too: what reads standard output finds a result there, or nothing."""
    given = {**COMMANDS, **SLOW}[command]
    wrong = ["nowhere", *given[1:]] if given[:1] == [RUN] else ["--nosuch"]
    status, printed, told = called([*command.split(), *wrong, "--json"])
    assert (status, printed) == (2, "")
    assert told.startswith("selfcorrect: error: ")
    assert len(told.splitlines()) == 1
