"""How long a run may take, and what it may cost."""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcorrect.converse import Record
from selfcorrect.errors import UserError
from selfcorrect.models.base import Model
from selfcorrect.models.kinds import kind_of
from selfcorrect.models.used import Used
from selfcorrect.preview.prompts import Trace
from selfcorrect.regular import open_file, read_file
from selfcorrect.runs import Prepared, RunSpec, open_run
from selfcorrect.runs.arms import labels
from selfcorrect.runs.costs import prices_of
from selfcorrect.runs.waited import LONGEST_NOTE

#: Share of a plain matrix product's rate that a run reaches, all parameters and the longest replies
#: counted. The bundled model in bfloat16 on one core: .98, as packed weights, shared beginnings and
#: an embedding that isn't multiplied make up for decode steps. Slower machines gain less by them.
EFFICIENCY = 0.8


#: Finding out what a server can do takes at most so many times as much when a run begins as it
#: has just taken: how many draws it needs is chance.
_AGAIN = 2
#: Of a token of a reply, about, at most.
_BYTES = 8
#: What stand-ins wrote down, and the records that came of it, by arm.
Gone = tuple[Trace, Mapping[str, Sequence[Record]]]

#: What reading JSON of an unexpected form raises.
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)
#: No header of a file of weights has more bytes (the format's own limit).
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long the whole run may take.

    Attributes:
        seconds: the estimate; ``None`` if there is nothing to estimate it from.
        basis: what it is based on, in a phrase.
        dialogues: of each arm.
        tokens: that go through the model, over all arms and dialogues, at most; of a server every
            prompt whole, a byte a token, what its template adds, and what finding out again what it
            can do may take. A budget of so many lets the run through.
        arms: name → rounds.
        money: what a server's stated prices make of that at most; ``None`` without prices.
        whole: a server's prompts are among the tokens, each of them whole.
        about, about_money: the same of a server at some letters a token, where replies are as long
            as they may be; ``None`` where no server is asked, or nothing paid for.
        bounded: ``tokens`` is a bound of what is billed, too; not where a server reports no usage.
        finding_out: those of ``tokens`` that finding out what servers can do may take.
        likely: the tokens that an earlier run of the same model, task, strategy and rounds makes
            likely; ``None`` where there is none.
        told_by: that run.
    """

    seconds: float | None
    basis: str
    dialogues: int
    tokens: int
    arms: Mapping[str, int]
    money: float | None = None
    whole: bool = False
    about: int | None = None
    about_money: float | None = None
    bounded: bool = True
    finding_out: int = 0
    likely: int | None = None
    told_by: str = ""


def estimate(
    ready: Prepared,
    found: Gone,
    bound: Gone | None,
    each: int,
    out: Path,
    asked: Used,
) -> Estimate:
    """Estimate a run from the records of some of its dialogues.

    Args:
        ready: the run.
        found: what was written down on the way, the tokens of all arms together; and of each arm
            the records of some dialogues, with the most tokens of each step.
        bound: the same where a server's prompts have as many tokens as they can.
        each: for how many dialogues each of those stands, as the longest of them.
        out: the folder in which the runs' folders lie.
        asked: what servers were asked to find out what they can do.
    """
    trace, rows = found
    tokens, money = trace.encoded * each, _money(ready, rows, each)
    about, about_money = (tokens, money) if bound is not None else (None, None)
    beside = _AGAIN * asked.tokens
    if bound is not None:
        room = _room(bound[1])
        tokens = bound[0].encoded * each + room + beside
        money = _money(ready, bound[1], each)
        if money is not None:
            money += _dearest(ready) * room / 1e6 + _AGAIN * (asked.money or 0.0)
    earlier = _earlier(ready, out)
    likely = (
        None
        if earlier is None or earlier.dialogue is None
        else min(tokens, math.ceil(earlier.dialogue * ready.wanted))
    )
    usual = likely or max(1, trace.encoded - trace.spare) * each
    seconds, basis = _seconds(ready, _shares(rows, ready.facts.model.name), usual, earlier)
    called = labels(ready.arms)
    return Estimate(
        seconds=seconds,
        basis=basis,
        dialogues=ready.wanted,
        tokens=tokens,
        arms={called[arm.folder]: arm.spec.rounds for arm in ready.arms},
        money=money,
        whole=bound is not None,
        about=about,
        about_money=about_money,
        bounded=all(_tells(model) for model in ready.opened.values()),
        finding_out=beside,
        likely=likely,
        told_by="" if likely is None or earlier is None else earlier.folder,
    )


def _tells(model: Model) -> bool:
    """Whether a server reports what it used, and so what its template adds."""
    from selfcorrect.models.endpoint.model import EndpointModel

    return isinstance(model, EndpointModel) and model.served.added is not None


def _room(rows: Mapping[str, Sequence[Any]]) -> int:
    """What a budget sets aside for a last request beside its tokens: it takes each byte of the
    replies before it for one."""
    spoken: dict[tuple[str, str], int] = {}
    for arm, records in rows.items():
        for row in records:
            key = arm, row["example"]
            spoken[key] = spoken.get(key, 0) + sum(step["generated"] for step in row["steps"])
    return _BYTES * max(spoken.values(), default=0)


def _dearest(ready: Prepared) -> float:
    """The highest price of a million prompt tokens."""
    stated = [prices_of(arm.spec) for arm in ready.arms]
    return max((of[0] for prices in stated if prices for of in prices.values()), default=0.0)


def _money(ready: Prepared, rows: Mapping[str, Sequence[Any]], each: int) -> float | None:
    """What servers would charge, all of every prompt paid for; ``None`` where nothing is paid for,
    or not all prices are stated."""
    total, known = 0.0, False
    for arm in ready.arms:
        if (prices := prices_of(arm.spec)) is None:
            if any(model.is_served for model in (arm.spec.model, *arm.spec.models.values())):
                return None
            continue
        known = True
        for step in (step for row in rows[arm.folder] for step in row["steps"]):
            name = _model_of(step, arm.spec.model.name)
            prompt, _, generated = prices.get(name, (0.0, 0.0, 0.0))
            total += step["prompt_tokens"] * prompt + step["generated"] * generated
        # of samples and draws only the sum is known here: at the dearer price it is a bound
        prompt, _, generated = prices.get(arm.spec.model.name, (0.0, 0.0, 0.0))
        total += sum(row["sampled"] for row in rows[arm.folder]) * max(prompt, generated)
    return total / 1e6 * each if known else None


def _model_of(step: Any, own: str) -> str:
    """Who read a step: of an answer that was given, the run's own model its options."""
    return own if step["speaker"] == "given" else str(step["speaker"])


def _shares(rows: Mapping[str, Sequence[Any]], own: str) -> dict[str, float]:
    """Of which models the encoded tokens are, by name; they add up to 1."""
    found: dict[str, float] = {}
    for step in (step for records in rows.values() for row in records for step in row["steps"]):
        if step["encoded"]:
            name = _model_of(step, own)
            found[name] = found.get(name, 0.0) + step["encoded"]
    whole = sum(found.values())
    return {name: tokens / whole for name, tokens in found.items()}


def _seconds(
    ready: Prepared, shares: Mapping[str, float], tokens: int, earlier: _Earlier | None
) -> tuple[float | None, str]:
    """An estimate of the time that so many tokens take, and what it is based on."""
    if any(kind_of(name) == "served" for name in (ready.spec.model.name, *shares)):
        return None, "how fast a server is, a small run of it tells"
    if earlier is not None:
        return tokens * earlier.per_token, f"from the timing of the earlier run {earlier.folder}"
    name = ready.facts.model.name
    if kind_of(name) == "planted":
        return None, "a planted model has no matrices; a run of it tells"
    from selfcorrect.models.local.files import locate

    counts = {
        each: _parameters(locate(each).folder)
        for each in (name, *shares)
        if kind_of(each) == "local"
    }
    parameters = sum(shares.get(each, 0.0) * count for each, count in counts.items())
    if not all(counts.values()) or not parameters:
        return None, "the model's folder holds no *.safetensors to count parameters in"
    rate = _matrix_rate(ready.facts.model.dtype, ready.facts.model.device)
    return (
        2 * parameters * tokens / (rate * EFFICIENCY),
        f"from {parameters / 1e6:,.0f} million parameters at {EFFICIENCY:.0%} of the "
        f"{rate / 1e9:,.0f} GFLOP/s in {ready.facts.model.dtype} that this machine was just "
        "measured at; within a factor of two or so",
    )


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What an earlier run tells: seconds a token, and the tokens that a dialogue took in all of its
    arms, where those are the ones that are previewed."""

    folder: str
    per_token: float
    dialogue: float | None


def _earlier(ready: Prepared, out: Path) -> _Earlier | None:
    """The run of the same model on this machine that tells most: the one that is previewed, else
    one of the same task, strategy and rounds, else of the same task, of several the longest."""
    timed: list[tuple[bool, bool, bool, int, str, _Earlier]] = []
    asked = ready.arms[0].spec
    own = ready.facts.model.deciding
    others = [[each.deciding for each in arm.facts.others.values()] for arm in ready.arms]
    beside = [_foreign(own, each) for each in others]
    for path in out.glob("*/run.toml"):
        try:
            run = open_run(path.parent)
        except UserError:  # a damaged neighbour is no reason not to preview
            continue
        found = run.header.about.get("fingerprints", {})
        named = found.get("models", {})
        models = named.values() if isinstance(named, Mapping) else ()
        if found.get("model") == own and _foreign(own, models) in beside:
            notes = list(_timings(path.parent))
            encoded = sum(note.encoded for note in notes)
            if encoded:
                seconds, name = sum(note.seconds for note in notes), run.folder.name
                same = run.spec.task.name == asked.task.name
                mine = name == ready.arms[0].folder
                alike = same and _goes(run.spec) == _goes(asked)
                whole = alike and all(note.arms == len(ready.arms) for note in notes)
                each = encoded / sum(note.dialogues for note in notes) if whole else None
                told = _Earlier(name, seconds / encoded, each)
                timed.append((mine, whole, same, encoded, name, told))
    return max(timed, key=lambda each: each[:-1])[-1] if timed else None


def _goes(spec: RunSpec) -> tuple[object, ...]:
    """What decides how long a spec's dialogues are, beside their texts."""
    return spec.strategy.name, spec.rounds, spec.samples, dict(spec.max_tokens), spec.system


def _foreign(own: Any, others: Iterable[Any]) -> set[str]:
    """What tells the models that take part beside a run's own."""
    return {json.dumps(each, sort_keys=True) for each in others if each != own}


@dataclass(frozen=True, slots=True)
class _Timing:
    """How long a piece took, for how many tokens of all its arms."""

    seconds: float
    encoded: int
    dialogues: int = 1
    arms: int = 0


def _timings(folder: Path) -> Iterator[_Timing]:
    """What a run noted of the time its pieces took on this machine; damaged notes are left out."""
    host = socket.gethostname()
    for file in folder.glob("timing/*.json"):
        try:
            note = json.loads(read_file(file, LONGEST_NOTE))
            dialogues, arms = int(note.get("dialogues", 1)), len(note.get("arms", ()))
            timing = _Timing(float(note["seconds"]), int(note["encoded"]), max(1, dialogues), arms)
            if note["host"] == host and 0 <= timing.seconds < math.inf and timing.encoded >= 0:
                yield timing
        except (OSError, *_DAMAGED):
            continue


def _parameters(folder: Path) -> int:
    """Parameters in a folder's ``*.safetensors``, from their headers alone."""
    total = 0
    for file in folder.glob("*.safetensors"):
        try:
            with open_file(file) as stream:
                (length,) = struct.unpack("<Q", stream.read(8))
                header = json.loads(stream.read(min(length, _LONGEST_HEADER)))
            total += sum(math.prod(t["shape"]) for n, t in header.items() if n != "__metadata__")
        except (OSError, struct.error, *_DAMAGED):
            return 0
    return total


def _matrix_rate(dtype: str, device: str, seconds: float = 0.3) -> float:
    """Floating-point operations a second of a matrix product of the size that encoding has."""
    import torch

    kind = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(dtype, torch.float32)
    a = torch.ones(512, 1024, dtype=kind, device=device)
    b = torch.ones(1024, 1024, dtype=kind, device=device)

    def once() -> None:
        (a @ b)[0, 0].item()  # waits for the result, on a GPU too

    once()
    start, times = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        once()
        times += 1
    return 2 * 512 * 1024 * 1024 * times / (time.perf_counter() - start)
