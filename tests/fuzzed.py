"""A corpus of damaged files: data, specs, strategies, run folders, replies, concepts, labels, logs.

It isn't stored but made: from a few valid files and a seed, the same on every machine.
``python tests/fuzzed.py`` runs all of it and prints how many there were and how they ended.
"""

from __future__ import annotations

import io
import json
import random
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from typer.testing import CliRunner

import fuzzed_pictures
import made_concepts
from given_dialogues import AGAIN, ASK, TWO, dialogue, said
from mutations import json_value, mutated, toml_value
from selfcorrect import concepts
from selfcorrect.cli import app
from timing import spent

#: Of every command: CPU seconds, and bytes by which the process may grow over all of them.
SECONDS, GROWTH = 20.0, 2**30
PLANTED = (
    "--model", "planted:scores", "--task", "planted-scores", "--rounds", "2", "--limit", "4",
    "--chunk", "2", "--no-controls", "--samples", "2",
)  # fmt: skip
_BOUNDED = ("limit=2", "rounds=2", "samples.k=0", "chunk=4")

_CHOICES = [
    {"question": "Which colour is the sky?", "choices": ["red", "blue", "green"], "answer": "blue"},
    {"question": 'Which "number" is 2 + 2?', "choices": ["3", "4", "5"], "answer": "4"},
    {"question": "Ist Köln, das am Rhein\nliegt, alt?", "choices": ["ja", "nein"], "answer": "ja"},
]
_SPEC = """rounds = 2
limit = 2
seed = 3
chunk = 4
[model]
name = "planted:scores"
[task]
name = "planted-scores"
[task.options]
n = 4
cluster_size = 2
[strategy]
name = "intrinsic"
[margins]
rating = 0.5
"""
_STRATEGY = """about = "says it twice"
source = "here"
max_rounds = 4
[parameters]
wish = "Please look at it again."
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
temperature = 0.5
[[again]]
say = "{wish}"
rounds = [2, 3]
[[again]]
elicit = "critique"
max_tokens = 16
[[again]]
elicit = "answer"
prefill = "{answer_prefill}"
[stop]
unchanged = 2
"""
_SUM = {"role": "user", "content": "What is 103 + 204?\n(a) 307\n(b) 317\n(c) 297"}
_PLANTED = {
    "messages": [_SUM, said("The best answer is (a) 307."), AGAIN, said("I say (b) 317.")],
    "choices": ["307", "317", "297"],
    "answer": "307",
}
_LOG = [ASK, said("The best answer is (a) red."), AGAIN, said("The best answer is (b) green.")]
_SHARE = [{"from": {"user": "human"}.get(m["role"], "gpt"), "value": m["content"]} for m in _LOG]
_HARNESS = {
    "doc_id": 0, "doc": {"question": "Which?", "choices": ["red", "green"], "answer": 1},
    "target": 1, "arguments": {"gen_args_0": {"arg_0": "Which?", "arg_1": {"until": ["\n"]}}},
    "resps": [["The best answer is (b)"]], "filtered_resps": ["(b)"], "acc": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A damaged file, and what is done with it.

    Attributes:
        kind: of the file.
        number: of the case, which is its seed, too.
        run: does it in an empty folder, with the valid files beside; gives the statuses of the
            commands, or raises.
    """

    kind: str
    number: int
    run: Callable[[Path, Valid], list[int]]

    def __str__(self) -> str:
        return f"{self.kind}-{self.number}"


@dataclass(frozen=True)
class Valid:
    """Valid files that are made once, by commands.

    Attributes:
        run: the folder of a run with samples and the scores of what they mean.
        reply: what a server answered, whole, and what it was asked.
    """

    run: Path
    reply: tuple[bytes, Any, Any, Any]


def valid(folder: Path) -> Valid:
    """Make them."""
    from selfcorrect.messages import message
    from selfcorrect.models.endpoint import Capabilities
    from selfcorrect.models.endpoint.wire import Ask, body, route
    from servers.loopback import Request
    from servers.stub import VLLM, Stub

    _command("run", *PLANTED, "--out", folder)
    [run] = [path for path in folder.iterdir() if path.is_dir()]
    _command("grade", run, "--scorer", "profanity")
    can = Capabilities(chat=True, logprobs=True, top=5, prompt="prompt_logprobs", usage=True,
                       prefill="continue")  # fmt: skip
    ask = Ask((message("user", "One?"),), "", "It is (", 4, likely=True)
    sent, _ = body("stub", can, ask)
    stub = Stub(VLLM)
    raw = json.dumps(sent).encode()
    reply = stub.loopback.respond(Request("POST", f"/v1{route(can)}", {}, raw)).raw
    stub.stop()
    return Valid(run, (reply, can, ask, sent))


def _command(*words: Any) -> int:
    """The status of a command, which ends within its time, and not with a traceback."""
    with spent() as took:
        done = CliRunner().invoke(app, [str(word) for word in words])
    what = " ".join(map(str, words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise AssertionError(f"{what}: {done.exception!r}") from done.exception
    assert done.exit_code in (0, 1, 2), f"{what}: status {done.exit_code}"
    assert "Traceback" not in done.output, f"{what}: {done.output}"
    assert done.exit_code == 0 or done.stderr.strip(), f"{what}: nothing said"
    assert took.seconds < SECONDS, f"{what}: {took.seconds:.0f} s"
    return int(done.exit_code)


# --- the kinds ------------------------------------------------------------------------------------


def _jsonl(rows: Any) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _table(rows: Any, mark: str) -> bytes:
    frame = pl.DataFrame([{**row, "choices": json.dumps(row["choices"])} for row in rows])
    return frame.write_csv(separator=mark).encode()


def _parquet(rows: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer)
    return buffer.getvalue()


DATA: Mapping[str, bytes] = {
    "d.jsonl": _jsonl(_CHOICES),
    "d.csv": _table(_CHOICES, ","),
    "d.tsv": _table(_CHOICES, "\t"),
    "d.json": json.dumps(_CHOICES, indent=1).encode(),
    "d.parquet": _parquet(_CHOICES),
}
LOGS: Mapping[str, bytes] = {
    "d.jsonl": _jsonl([TWO, dialogue(ASK, said("The best answer is (c) blue."), answer="red")]),
    "share.json": json.dumps(
        [{"id": "1", "conversations": _SHARE, "choices": ["red", "green"], "answer": "red"}]
    ).encode(),
    "planted.jsonl": _jsonl([_PLANTED, {**_PLANTED, "answer": "297"}]),
    "samples.jsonl": _jsonl([_HARNESS, {**_HARNESS, "doc_id": 1}]),
}


def _data(number: int, folder: Path, _: Valid) -> list[int]:
    name, whole = list(DATA.items())[number % len(DATA)]
    file = folder / name
    form = json_value if "json" in name else None
    file.write_bytes(mutated(whole, f"data {number}", binary=name.endswith("parquet"), form=form))
    skip = ("--skip-bad",) if number % 3 == 0 else ()
    return [_command("check-task", "choices", "--data", file, *skip)]


def _log(number: int, folder: Path, _: Valid) -> list[int]:
    name, whole = list(LOGS.items())[number % len(LOGS)]
    file = folder / name
    file.write_bytes(mutated(whole, f"log {number}", form=json_value))
    if number % 3:
        return [_command("check-task", "dialogues", "--data", file)]
    model = ("--model", "planted:chain", "--limit", "2")
    return [_command("measure", file, *model, "--out", folder)]


def _spec(number: int, folder: Path, _: Valid) -> list[int]:
    file = folder / "spec.toml"
    file.write_bytes(mutated(_SPEC.encode(), f"spec {number}", form=toml_value))
    command = "run" if number % 2 else "preview"
    out = ("--out", folder, "--no-controls") if command == "run" else ()
    return [_command(command, file, *_BOUNDED, *out)]


def _strategy(number: int, folder: Path, _: Valid) -> list[int]:
    file = folder / "mine.toml"
    file.write_bytes(mutated(_STRATEGY.encode(), f"strategy {number}", form=toml_value))
    words = ("--model", "planted:chain", "--task", "planted", "--strategy", file)
    options = (*_BOUNDED, "task.options.n=4", "max_tokens=8")
    return [_command("run", *words, "--no-controls", "--out", folder, *options)]


def _folder(number: int, folder: Path, whole: Valid) -> list[int]:
    run = shutil.copytree(whole.run, folder / whole.run.name)
    files = sorted(
        path for path in run.rglob("*") if path.is_file() and path.suffix not in (".html", ".lock")
    )
    file = files[number % len(files)]
    binary = file.suffix == ".parquet"
    file.write_bytes(mutated(file.read_bytes(), f"folder {number}", binary=binary))
    return _looked_at(run, folder, number // len(files))


def _values(number: int, folder: Path, whole: Valid) -> list[int]:
    """A run folder's notes with other values: all of them are still TOML or JSON."""
    run = shutil.copytree(whole.run, folder / whole.run.name)
    files = [run / "run.toml", run / "looks.json", *sorted((run / "scores").glob("*.json"))]
    file = files[min(number % 6, len(files) - 1)]
    change = toml_value if file.suffix == ".toml" else json_value
    draw = random.Random(f"values {number}")
    for _ in range(draw.choice((1, 1, 2))):
        file.write_bytes(change(file.read_bytes(), draw))
    return _looked_at(run, folder, number)


def _looked_at(run: Path, folder: Path, number: int) -> list[int]:
    commands: list[tuple[Any, ...]] = [("verify", run), ("show", run)]
    more: list[tuple[Any, ...]] = [
        ("report", run),
        ("export", run, "--jsonl", folder / "x.jsonl"),
        ("run", *PLANTED, "--out", folder),
        ("show", run, "--unread"),
        ("grade", run, "--scorer", "none"),
    ]
    return [_command(*words) for words in (*commands, more[number % len(more)])]


def _reply(number: int, _: Path, whole: Valid) -> list[int]:
    """What is read of a reply, or that it is a broken one: a server's words are no command."""
    from selfcorrect.models.endpoint.answers import completion
    from selfcorrect.models.endpoint.checked import BrokenError, fields, parse_any
    from selfcorrect.models.endpoint.failures import check_body
    from selfcorrect.models.endpoint.keys import Keys

    raw, can, ask, sent = whole.reply
    damaged = mutated(raw, f"reply {number}", form=json_value)
    try:
        data = Keys(("sk-some-key-1234567890",)).hide_all(parse_any(damaged), damaged)
        check_body(fields(data, "the answer"))
        completion(data, can, ask, sent)
    except BrokenError:
        return [2]
    return [0]


def _concept(number: int, folder: Path, _: Valid) -> list[int]:
    file = folder / "c.safetensors"
    concepts.write(made_concepts.made(), file)
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    if number % 2:  # the header is text
        head = mutated(data[8 : 8 + size], f"concept {number}")
        file.write_bytes(len(head).to_bytes(8, "little") + head + data[8 + size :])
    else:
        file.write_bytes(mutated(data, f"concept {number}", binary=True))
    return [_command("concept", "show", file), _command("concept", "compare", file, file)]


def _label(number: int, folder: Path, whole: Valid) -> list[int]:
    piece = sorted((whole.run / "records").iterdir())[0]
    ids = pl.read_parquet(piece, columns=["example"])["example"].unique(maintain_order=True)
    labels = "".join(f"{each},1,yes\n{each},2,no\n" for each in ids)
    file = folder / "labels.csv"
    file.write_bytes(mutated(f"example,round,label\n{labels}".encode(), f"label {number}"))
    return [_command("grade", whole.run, "--scorer", "profanity", "--labels", file)]


#: How many there are of each kind.
KINDS: Mapping[str, tuple[int, Callable[[int, Path, Valid], list[int]]]] = {
    "data": (150, _data),
    "log": (60, _log),
    "spec": (100, _spec),
    "strategy": (100, _strategy),
    "folder": (120, _folder),
    "values": (40, _values),
    "reply": (250, _reply),
    "concept": (40, _concept),
    "label": (40, _label),
    "pair": (120, lambda n, folder, _: fuzzed_pictures.pair(n, folder)),
    "seen": (150, lambda n, folder, _: fuzzed_pictures.seen(n, folder, _command)),
    "picture": (300, lambda n, _folder, _: fuzzed_pictures.picture(n)),
    "tuned": (80, lambda n, folder, _: fuzzed_pictures.tuned(n, folder)),
}


def cases() -> Iterator[Case]:
    """All of them."""
    for kind, (many, act) in KINDS.items():
        for number in range(many):
            yield Case(kind, number, lambda folder, v, n=number, act=act: act(n, folder, v))


def run_all(chosen: Iterator[Case] | list[Case], tell: Callable[[str], None]) -> Counter[str]:
    """Run cases; how often they ended how, by kind."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        whole = valid(Path(place))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for case in chosen:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    statuses = case.run(Path(folder), whole)
                except Exception as error:
                    counts[f"{case.kind}: faults"] += 1
                    tell(f"{case}: {type(error).__name__}: {error}")
                else:
                    for status in statuses:
                        counts[f"{case.kind}: status {status}"] += 1
                counts[f"{case.kind}: cases"] += 1
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        if grown > GROWTH:
            counts["faults"] += 1
            tell(f"the process grew by {grown / 2**20:.0f} MiB")
    return counts


def main() -> None:
    wanted = set(sys.argv[1:])
    chosen = [case for case in cases() if not wanted or wanted & {case.kind, str(case)}]
    counts = run_all(chosen, lambda line: print(line[:2000], flush=True))
    for what, number in sorted(counts.items()):
        print(f"{number:5} {what}")
    raise SystemExit(any("fault" in what for what in counts))


if __name__ == "__main__":
    main()
