"""What a run will show its model, and what that will cost, without running anything.

The loop itself (``converse``) goes through the rounds, on a stand-in that has the model's
tokenizer and template but no weights: it notes every prompt and replies with a placeholder. So
what is shown is what the loop does, whatever the strategy.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfcorrect import strategies
from selfcorrect.converse import Arm, Record, converse
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, joined, message
from selfcorrect.models.base import Model, Reply, Request, TextScore
from selfcorrect.runs import CONTROLS, Prepared, Run, RunSpec, open_run, prepare
from selfcorrect.runs.place import place
from selfcorrect.strategies.base import Strategy

#: Examples whose prompts are counted for the estimate.
COUNTED = 16

#: Share of a plain matrix product's rate that a run reaches, all parameters and the longest replies
#: counted. The bundled model in bfloat16 on one core: .98, as packed weights, shared beginnings and
#: an embedding that isn't multiplied make up for decode steps. Slower machines gain less by them.
EFFICIENCY = 0.8

#: Stands where the model's reply will: no tokenizer has these marks in a word of its own.
_PLACEHOLDER = "‹reply {}›"
_PLACEHOLDERS = re.compile(r"‹reply \d+›")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is shown at one step.

    Attributes:
        round: from 1.
        speaker: the model that is asked.
        text: exactly as the model is shown it; ``‹reply n›`` where replies will stand.
        known: how many characters of it at the beginning are encoded already.
        tokens: of the prompt, every placeholder counted as long as its reply may be.
        exact: whether no placeholder is in it, so that ``tokens`` is no upper bound.
        encoded: tokens that will go through the model, the longest reply among them.
        reply: the placeholder that stands for the reply.
        max_tokens: the longest reply.
        samples: how many replies are drawn.
        choices: the reply is the likeliest of these; empty: it is generated.
        notes: what has to be done differently (a role folded), a sentence each.
        fits: whether prompt and reply fit the model's context window.
    """

    round: int
    speaker: str
    text: str
    known: int
    tokens: int
    exact: bool
    encoded: int
    reply: str
    max_tokens: int
    samples: int
    choices: tuple[str, ...]
    notes: tuple[str, ...]
    fits: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long the whole run may take.

    Attributes:
        seconds: the estimate; ``None`` if there is nothing to estimate it from.
        basis: what it is based on, in a phrase.
        dialogues: of each arm.
        tokens: that go through the model, over all arms and dialogues, at most.
        arms: name → rounds.
        money: what a server's stated prices make of that at most; ``None`` without prices.
    """

    seconds: float | None
    basis: str
    dialogues: int
    tokens: int
    arms: Mapping[str, int]
    money: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """One example's prompts, and the estimate.

    Attributes:
        example: its id.
        prompts: in order.
        assumed: what was assumed of the replies, a sentence each.
        specials: the model's special tokens, for display.
    """

    spec: RunSpec
    example: str
    prompts: Sequence[Prompt]
    assumed: Sequence[str]
    specials: Sequence[str]
    estimate: Estimate


def preview(spec: RunSpec, *, out: str | Path = "runs", baseline: bool = True) -> Preview:
    """Preview a run: nothing is asked of the model, and no weights are loaded.

    Args:
        spec: what would be run.
        out: where the runs' folders lie: the timing of an earlier run is the best estimate.
        baseline: whether the run would have its controls.

    Raises:
        UserError: as :func:`selfcorrect.runs.run` would, of whatever the spec names.
    """
    ready = prepare(spec)
    try:
        return _preview(ready, out, baseline)
    finally:
        ready.close()


def _preview(ready: Prepared, out: str | Path, baseline: bool) -> Preview:
    trace: list[Prompt] = []
    reading = _Reading(trace, _preferred(ready.strategy))
    open_model = _opener(reading, ready.opened)
    main = open_model(ready.facts.model.name)
    others = {name: open_model(facts.name) for name, facts in ready.facts.others.items()}
    main_arm = Arm(ready.strategy.name, ready.strategy, ready.spec.rounds)

    def through(examples: int, arms: Sequence[Arm]) -> dict[str, list[Record]]:
        return converse(
            main,
            ready.task,
            list(ready.examples[:examples]),
            arms,
            seed=ready.spec.seed,
            system=ready.spec.system,
            others=others,
            on_round=lambda _arm, round, _rows: reading.next_round(round + 1),
        )

    through(1, [main_arm])
    prompts, assumed = list(trace), list(dict.fromkeys(reading.assumed))
    if ready.strategy.stop is not None:
        assumed.append("no dialogue stops early, as the strategy would let it")
    arms = [main_arm, *(_controls(ready) if baseline else ())]
    counted = min(COUNTED, ready.wanted)
    rows = through(counted, arms)
    encoded = sum(row["encoded"] for records in rows.values() for row in records)
    tokens = math.ceil(encoded / counted * ready.wanted)
    seconds, basis = _seconds(ready, tokens, place(out))
    return Preview(
        spec=ready.spec,
        example=ready.examples[0].id,
        prompts=prompts,
        assumed=assumed,
        specials=main.rendering.specials,
        estimate=Estimate(
            seconds,
            basis,
            ready.wanted,
            tokens,
            {arm.name: arm.rounds for arm in arms},
            _money(ready, rows, counted),
        ),
    )


def _controls(ready: Prepared) -> list[Arm]:
    """The controls that a run gets beside it, as ``runs`` chooses them."""
    arms = []
    for name in CONTROLS:
        if name != ready.strategy.name:
            control = strategies.load(name)
            rounds = min(ready.spec.rounds, control.max_rounds or ready.spec.rounds)
            arms.append(Arm(name, control, rounds))
    return arms


def _preferred(strategy: Strategy) -> Counter[str]:
    """The choices on which steps depend: where a strategy parts, most steps' way is shown."""
    steps = (*strategy.first, *strategy.again)
    return Counter(value for step in steps for value in step.when.values())


# --- the stand-in for a model --------------------------------------------------------------------


@dataclass(frozen=True)
class _Rendering:
    """How a model is shown a transcript: ``render(messages, turn) -> text, tokens, notes``."""

    fingerprint: str
    context: int
    specials: tuple[str, ...]
    render: Callable[[Sequence[Message], str | None], tuple[str, Sequence[Any], tuple[str, ...]]]


@dataclass
class _Reading:
    """What all stand-ins of a preview write down."""

    trace: list[Prompt]
    preferred: Counter[str]
    round: int = 1
    replies: int = 0
    longest: dict[str, int] = field(default_factory=dict)  # placeholder → tokens of its reply
    assumed: list[str] = field(default_factory=list)

    def next_round(self, round: int) -> None:
        self.round = round


def _opener(reading: _Reading, served: Mapping[str, Model]) -> Callable[[str], _StandIn]:
    opened: dict[str, _StandIn] = {}
    servers = {model.name: model for model in served.values()}

    def open_model(name: str) -> _StandIn:
        if name not in opened:
            if name in servers:
                rendering = _served(servers[name])
            else:
                rendering = _planted(name) if name.startswith("planted:") else _local(name)
            opened[name] = _StandIn(name, rendering, reading)
        return opened[name]

    return open_model


def _local(name: str) -> _Rendering:
    from selfcorrect.models.local.files import locate
    from selfcorrect.models.local.loading import read_config, read_tokenizer
    from selfcorrect.models.local.template import Template

    source = locate(name)
    config = read_config(source).get_text_config()
    tokenizer = read_tokenizer(source)
    template = Template(tokenizer)

    def render(
        messages: Sequence[Message], turn: str | None
    ) -> tuple[str, Sequence[Any], tuple[str, ...]]:
        rendered = template.render(messages, turn)
        return rendered.text, rendered.prompt.keys, rendered.notes

    specials = {str(token) for token in tokenizer.added_tokens_decoder.values()}
    return _Rendering(
        fingerprint=source.fingerprint,
        context=int(getattr(config, "max_position_embeddings", None) or 1 << 20),
        specials=tuple(sorted(filter(str.strip, specials))),
        render=render,
    )


def _planted(name: str) -> _Rendering:
    from selfcorrect.models import planted

    model = planted.load(name)

    def render(
        messages: Sequence[Message], turn: str | None
    ) -> tuple[str, Sequence[Any], tuple[str, ...]]:
        conversation = model.open(1)
        open_turn = [] if turn is None else [message("assistant", turn)]
        conversation.restart([[*messages, *open_turn]])
        text = conversation.render(0)
        return text, text.split(), ()

    return _Rendering(model.fingerprint, model.context, (), render)


def _served(model: Model) -> _Rendering:
    """As the plain rendering shows it: a server doesn't tell its template."""
    from selfcorrect.models.endpoint.wire import CHARACTERS
    from selfcorrect.models.endpoint.wire import render as plain

    def render(
        messages: Sequence[Message], turn: str | None
    ) -> tuple[str, Sequence[Any], tuple[str, ...]]:
        text = plain(messages, turn)
        return text, [text[k : k + CHARACTERS] for k in range(0, len(text), CHARACTERS)], ()

    return _Rendering(model.fingerprint, model.context, (), render)


@dataclass
class _StandIn:
    """See :class:`selfcorrect.models.base.Model`; it has no weights."""

    name: str
    rendering: _Rendering
    reading: _Reading
    dtype: str = "none"
    device: str = "none"
    fingerprint: str = field(init=False)
    context: int = field(init=False)

    def __post_init__(self) -> None:
        self.fingerprint, self.context = self.rendering.fingerprint, self.rendering.context

    def open(self, dialogues: int) -> _Stand:
        return _Stand(self, [_Row() for _ in range(dialogues)])

    def count(self, text: str) -> int:
        return len(self.rendering.render([message("user", text)], None)[1])


@dataclass
class _Row:
    """A dialogue: its messages, and what of it is encoded."""

    messages: list[Message] = field(default_factory=list)
    cached: Sequence[Any] = ()
    cached_text: str = ""

    def copy(self) -> _Row:
        return _Row(list(self.messages), self.cached, self.cached_text)

    def say(self, new: Message) -> None:
        if self.messages and self.messages[-1].role == new.role:
            new = joined(new.role, [self.messages.pop(), new])
        self.messages.append(new)

    def open_turn(self) -> tuple[list[Message], str]:
        if self.messages and self.messages[-1].role == "assistant":
            return self.messages[:-1], self.messages[-1].text + "\n\n"
        return self.messages, ""


@dataclass
class _Stand:
    """See :class:`selfcorrect.models.base.Conversation`: it notes prompts, and asks no model."""

    model: _StandIn
    rows: list[_Row]
    copies: int = 1

    def say(self, messages: Sequence[Message | None]) -> None:
        for row, new in zip(self.rows, messages, strict=True):
            if new is not None:
                row.say(new)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        for row, new in zip(self.rows, messages, strict=True):
            if new is not None:
                row.messages = []
                for each in new:
                    row.say(each)

    def branch(self, copies: int = 1) -> _Stand:
        return _Stand(self.model, [row.copy() for row in self.rows for _ in range(copies)], copies)

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        self.model.reading.replies += 1
        return [
            None if request is None else self._reply(n, request)
            for n, request in enumerate(requests)
        ]

    def score(self, texts: Sequence[Sequence[str] | None]) -> Sequence[Sequence[TextScore] | None]:
        preferred = self.model.reading.preferred
        scores: list[list[TextScore] | None] = []
        for n, options in enumerate(texts):
            if options is None:
                scores.append(None)
                continue
            # how often steps depend on an option stands for its likelihood: the most goes on
            weights = [preferred[_last_word(option, preferred)] for option in options]
            taken = weights.index(max(weights))
            prompt = self._prompt(n, "", 0, tuple(options))
            if not prompt.fits:
                scores.append([])
                continue
            if n == 0:
                self.model.reading.assumed.append(
                    f"in round {self.model.reading.round} the reply is taken to be "
                    f"{options[taken]!r}, of {', '.join(map(repr, options))}"
                )
            scores.append(
                [
                    TextScore(float(weight), 1, encoded=0 if k else prompt.encoded)
                    for k, weight in enumerate(weights)
                ]
            )
        return scores

    def render(self, index: int, turn: str | None = None) -> str:
        return self.model.rendering.render(self.rows[index].messages, turn)[0]

    def close(self, which: Sequence[int]) -> None:
        for index in which:
            self.rows[index] = _Row()

    def _reply(self, n: int, request: Request) -> Reply:
        row = self.rows[n]
        prompt = self._prompt(n, request.prefill, request.max_tokens, ())
        if not prompt.fits:
            return Reply("", "context", prompt_tokens=prompt.tokens, notes=prompt.notes)
        self.model.reading.longest[prompt.reply] = request.max_tokens
        earlier, turn = row.open_turn()
        turn += request.prefill + prompt.reply
        row.messages = [*earlier, message("assistant", turn)]
        row.cached_text, row.cached, _ = self.model.rendering.render(earlier, turn)
        return Reply(
            prompt.reply,
            "stop",
            prompt_tokens=prompt.tokens,
            encoded=prompt.encoded,
            generated=request.max_tokens,
        )

    def _prompt(self, n: int, prefill: str, max_tokens: int, choices: tuple[str, ...]) -> Prompt:
        row, rendering, reading = self.rows[n], self.model.rendering, self.model.reading
        earlier, turn = row.open_turn()
        text, ids, notes = rendering.render(earlier, turn + prefill)
        known = min(_common(row.cached, ids), len(ids) - 1)
        placeholders = _PLACEHOLDERS.findall(text)
        longer = sum(reading.longest[p] - self._length(p) for p in placeholders)
        tokens = len(ids) + longer
        scored = [len(rendering.render(earlier, turn + choice)[1]) - len(ids) for choice in choices]
        fits = tokens + max_tokens <= rendering.context
        prompt = Prompt(
            round=reading.round,
            speaker=self.model.name,
            text=text,
            known=_common(row.cached_text, text),
            tokens=tokens,
            exact=not placeholders,
            encoded=len(ids) - known + max_tokens + sum(scored),
            reply=_PLACEHOLDER.format(reading.replies),
            max_tokens=max_tokens,
            samples=self.copies,
            choices=choices,
            notes=notes if fits else (*notes, "the transcript won't fit the context window"),
            fits=fits,
        )
        row.cached, row.cached_text = ids, text
        if n == 0:
            reading.trace.append(prompt)
        return prompt

    def _length(self, placeholder: str) -> int:
        return self.model.count(placeholder) - self.model.count("")


def _last_word(option: str, known: Mapping[str, int]) -> str:
    """The choice in an option, which may have a prefill before it."""
    return next((name for name in known if option.endswith(name)), option)


def _common(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Length of the longest common prefix."""
    pairs = zip(a, b, strict=False)
    return next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))


# --- how long it will take -----------------------------------------------------------------------


def _money(ready: Prepared, rows: Mapping[str, Sequence[Any]], counted: int) -> float | None:
    """What a server would charge, all of every prompt paid for."""
    if ready.spec.model.price is None:
        return None
    steps = [step for records in rows.values() for row in records for step in row["steps"]]
    prompt, generated = ready.spec.model.price
    each = sum(step["prompt_tokens"] * prompt + step["generated"] * generated for step in steps)
    return float(each / 1e6 / counted * ready.wanted)


def _seconds(ready: Prepared, tokens: int, out: Path) -> tuple[float | None, str]:
    """An estimate of the time that so many tokens take, and what it is based on."""
    if ready.spec.model.is_served:
        return None, "how fast a server is, a small run of it tells"
    if earlier := _earlier(ready, out):
        folder, per_token = earlier
        return tokens * per_token, f"from the timing of the earlier run {folder}"
    name = ready.facts.model.name
    if name.startswith("planted:"):
        return None, "a planted model has no matrices; a run of it tells"
    from selfcorrect.models.local.files import locate

    parameters = _parameters(locate(name).folder)
    if not parameters:
        return None, "the model's folder holds no *.safetensors to count parameters in"
    rate = _matrix_rate(ready.facts.model.dtype, ready.facts.model.device)
    return (
        2 * parameters * tokens / (rate * EFFICIENCY),
        f"from {parameters / 1e6:,.0f} million parameters at {EFFICIENCY:.0%} of the "
        f"{rate / 1e9:,.0f} GFLOP/s in {ready.facts.model.dtype} that this machine was just "
        "measured at; within a factor of two or so",
    )


def _earlier(ready: Prepared, out: Path) -> tuple[str, float] | None:
    """The latest run of the same model on this machine, and its seconds per token."""
    timed: list[tuple[str, float, int, Run]] = []
    for path in out.glob("*/run.toml"):
        try:
            run = open_run(path.parent)
        except UserError:  # a damaged neighbour is no reason not to preview
            continue
        fingerprints = run.header.about.get("fingerprints", {})
        if fingerprints.get("model") == ready.facts.model.deciding:
            notes = list(_timings(path.parent))
            if notes:
                seconds = sum(note["seconds"] for note in notes)
                arms = max(len(note["arms"]) for note in notes)
                timed.append((max(note["finished"] for note in notes), seconds, arms, run))
    for _, seconds, arms, run in sorted(timed, key=lambda each: each[0], reverse=True):
        members = [run, *(c for name in run.header.controls if (c := run.control(name)))]
        # the seconds are of all arms together, so all of them must be at hand
        if len(members) == arms:
            encoded = sum(int(member.read(["encoded"])["encoded"].sum()) for member in members)
            if encoded:
                return run.folder.name, seconds / encoded
    return None


def _timings(folder: Path) -> Iterator[dict[str, Any]]:
    """What a run noted of the time its pieces took on this machine."""
    host = socket.gethostname()
    for file in folder.glob("timing/*.json"):
        try:
            note = json.loads(file.read_text())
        except (OSError, ValueError):
            continue
        if note.get("host") == host:
            yield note


def _parameters(folder: Path) -> int:
    """Parameters in a folder's ``*.safetensors``, from their headers alone."""
    total = 0
    for file in folder.glob("*.safetensors"):
        try:
            with file.open("rb") as stream:
                (length,) = struct.unpack("<Q", stream.read(8))
                header = json.loads(stream.read(length))
        except (OSError, ValueError, struct.error, MemoryError):
            return 0
        total += sum(math.prod(t["shape"]) for n, t in header.items() if n != "__metadata__")
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
