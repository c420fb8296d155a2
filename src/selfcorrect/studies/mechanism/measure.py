"""The readings of recorded dialogues, encoded: activations by site and layer, and the answer's NLL.

All readings of a dialogue go into one conversation and are encoded together, in the order of their
tokens: each goes on where it leaves the one before it, so that what they begin with in common goes
through the model once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect import models, strategies
from selfcorrect.concepts.activations import Projector
from selfcorrect.concepts.file import SITES, Concept
from selfcorrect.concepts.make import at_site
from selfcorrect.errors import UserError
from selfcorrect.models.base import OutOfMemoryError, Request, Site
from selfcorrect.models.sites import BEFORE_ANSWER
from selfcorrect.runs import Run
from selfcorrect.runs.concepts import concepts_of
from selfcorrect.runs.identity import ModelFacts, task_of
from selfcorrect.studies.base import Parts
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.mechanism.transcripts import (
    Recorded,
    Shown,
    Worded,
    readings,
    recorded,
)
from selfcorrect.studies.neutral import as_long, stock
from selfcorrect.studies.parts import part_key

if TYPE_CHECKING:
    from selfcorrect.models.local.model import LocalModel

Floats = NDArray[np.float64]
#: Dialogues whose readings are encoded together, and kept as one part.
_TOGETHER = 8
_COLUMNS = ["example", "cluster", "round", "choice", "target", "steps"]


@dataclass(frozen=True)
class Read:
    """The readings of an arm; a round and a reading's name are a key.

    Attributes:
        examples, clusters: of each dialogue [D].
        cosines: [D, sites, layers], NaN where a dialogue has no such reading.
        nll: of the answer given, and of the right option [D, 2], in nats (of a free text's token
            the mean); NaN likewise.
        lengths: tokens of each text, and of the neutral words in its place [texts, 2].
        encoded, tokens: that went through the model, and that the readings have.
        left_out: readings that didn't fit the context window.
    """

    examples: list[str]
    clusters: list[str]
    cosines: dict[tuple[int, str], NDArray[np.float32]]
    nll: dict[tuple[int, str], Floats]
    lengths: Floats
    encoded: int
    tokens: int
    left_out: int


@dataclass(frozen=True)
class Opened:
    """A model with its concept at each site.

    Attributes:
        model: open.
        concepts: by site.
    """

    model: LocalModel
    concepts: Mapping[str, Concept]

    @property
    def layers(self) -> int:
        return next(iter(self.concepts.values())).layers


def parts_of(run: Run) -> int:
    """In how many parts a run's dialogues are read."""
    return -(-run.dialogues // _TOGETHER)


@contextmanager
def opened(run: Run, sites: Sequence[str] = SITES) -> Iterator[Opened]:
    """A run's model, and the concept that it reads at each of these sites; closed in the end.

    Raises:
        UserError: the model isn't a local transformer, the concept is of another model, or isn't
            there at a site.
    """
    from selfcorrect.models.local.model import LocalModel

    spec = run.spec
    model = models.load(spec.model.name, spec.model.dtype, spec.model.device)
    if not isinstance(model, LocalModel):
        raise UserError(
            f"the states of {spec.model.name} after recorded dialogues can't be read: choose a "
            "local transformer."
        )
    facts = ModelFacts(model.name, model.fingerprint, model.dtype, model.device)
    given = list(concepts_of(spec, facts, model).values())
    if not given:
        raise UserError("the runs read no concept: name one with --concept NAME.")
    found = {}
    for site in sites:
        mine = [c for c in given if c.site == site and c.bound.data == given[0].bound.data]
        found[site] = mine[0] if mine else at_site(given[0], model, site)
    try:
        yield Opened(model, found)
    finally:
        model.close()


class Encoder:
    """Encodes transcripts, and projects their states where they are."""

    def __init__(self, opened: Opened) -> None:
        self.model = opened.model
        every = tuple(range(opened.layers))
        self.sites = {
            Site(kind, every, BEFORE_ANSWER): Projector([concept])  # type: ignore[arg-type]
            for kind, concept in opened.concepts.items()
        }

    def read(
        self, shown: Sequence[Shown], options: Sequence[tuple[str, ...]]
    ) -> list[tuple[NDArray[np.float32], list[float], int, int] | None]:
        """Of each transcript the cosines at its last token [sites, layers], the log p of options
        there per token, in nats, and how many tokens were encoded, and are in it; ``None`` where it
        doesn't fit the context window.

        Raises:
            UserError: the model can't be read at a site.
            OutOfMemoryError: the device has no room.
        """
        talk = self.model.open(len(shown))
        talk.restart([each.messages for each in shown])
        sites = tuple(self.sites)
        requests = [
            Request(each.prefill, 1, options=mine, states=sites, thinks=False)
            for each, mine in zip(shown, options, strict=True)
        ]
        found: list[Any] = []
        for reply in talk.elicit(requests):
            if reply is None or len(reply.states) < len(sites):
                found.append(None)
                continue
            cosines = [self.sites[site].of(reply.states[site])[0][0] for site in sites]
            logps = [each.logp / max(1, each.tokens) for each in reply.options]
            whole = np.array(cosines, np.float32), logps, reply.encoded, reply.prompt_tokens
            found.append(whole)
        talk.close(range(len(shown)))
        return found


def read_arm(
    opened: Opened, arm: str, run: Run, parts: Parts, say: Callable[[], object], key: str = ""
) -> Read:
    """All readings of an arm's dialogues, in every round.

    Args:
        opened: the run's model and its concepts.
        arm: of :data:`~selfcorrect.studies.design.ARMS`.
        run: the arm's.
        parts: keeps what is finished.
        say: called after each part.
        key: stands before the parts' own.

    Raises:
        UserError: the task's data have changed, or a dialogue lacks what the arm puts in.
    """
    dialogues = list(recorded(run.chunks(_COLUMNS)))
    pages = {name: strategies.load(name) for name in ARMS}
    task = run.task or task_of(run.spec)
    known = {example.id: example for example in task.examples()}
    missing = next((d.example for d in dialogues if d.example not in known), None)
    if missing is not None:
        raise UserError(
            f"the example {missing!r} of the run isn't in its data any more: run the study again."
        )

    def about(dialogue: Recorded) -> About:
        example = known[dialogue.example]
        worded = Worded(pages, task.ask(example), run.spec.system)
        return About(worded, tuple(task.labels(example)))

    return read_dialogues(opened, arm, dialogues, about, parts, say, key)


@dataclass(frozen=True)
class About:
    """What is known of a dialogue's example.

    Attributes:
        worded: how the arms word it.
        labels: of its options; none where its answers are free texts.
    """

    worded: Worded
    labels: tuple[str, ...]


def read_dialogues(
    opened: Opened,
    arm: str,
    dialogues: Sequence[Recorded],
    about: Callable[[Recorded], About],
    parts: Parts,
    say: Callable[[], object],
    key: str = "",
) -> Read:
    """All readings of dialogues; ``about`` tells of the example of each. See :func:`read_arm`."""
    encoder = Encoder(opened)
    concept = next(iter(opened.concepts.values()))
    free = stock(opened.model.name, concept.figures.get("words", ()), concept.name)
    made_with = [each.fingerprint for each in opened.concepts.values()]
    content = opened.model.vocabulary.template.content
    lengths: list[tuple[int, int]] = []

    def neutral(text: str, key: str) -> str:
        other = as_long(text, lambda words: len(content(words)), free, key)
        lengths.append((len(content(text)), len(content(other))))
        return other

    cells: list[Any] = []
    measured: list[Any] = []
    for start in range(0, len(dialogues), _TOGETHER):
        some = dialogues[start : start + _TOGETHER]
        part = part_key(key, arm, start, [each.example for each in some], *made_with)
        if part in parts.done:
            found = parts.done[part]
        else:
            lengths.clear()
            rows: list[_Row] = []
            for at, dialogue in enumerate(some, start):
                rows += _rows(about(dialogue), arm, dialogue, at, neutral)
            told = _told(encoder, rows)
            each = [
                [row.at, row.number, row.name, t and [_packed(t[0]), *t[1:]]]
                for row, t in zip(rows, told, strict=True)
            ]
            found = [each, [list(pair) for pair in lengths]]
            parts.keep(part, found)
        cells += found[0]
        measured += found[1]
        say()
    shape = len(opened.concepts), opened.layers
    return _gathered(dialogues, cells, measured, shape)


@dataclass(frozen=True, slots=True)
class _Row:
    """A reading of a dialogue.

    Attributes:
        at: the dialogue's place.
        number: of the round.
        name: of the reading.
        shown: to the model.
        options: whose likelihoods are read.
    """

    at: int
    number: int
    name: str
    shown: Shown
    options: tuple[str, ...]


def _told(encoder: Encoder, rows: Sequence[_Row]) -> list[Any]:
    """What is read of these; a dialogue at a time where the device has no room for all."""
    try:
        return list(encoder.read([row.shown for row in rows], [row.options for row in rows]))
    except OutOfMemoryError:
        places = sorted({row.at for row in rows})
        if len(places) == 1:
            raise
        each = [[row for row in rows if row.at == at] for at in places]
        return [told for some in each for told in _told(encoder, some)]


def _rows(
    about: About, arm: str, dialogue: Recorded, at: int, neutral: Callable[[str, str], str]
) -> Iterator[_Row]:
    last = about.worded.shown(dialogue, [arm] * len(dialogue.rounds))
    if last.messages != dialogue.shown:
        raise UserError(
            f"the dialogue of example {dialogue.example!r} isn't worded as the arm {arm} words it "
            "today: its data, or the strategy, have changed; run the study again in another folder."
        )
    for number in range(1, len(dialogue.rounds) + 1):
        said = dialogue.rounds[number - 1]["answer"]
        for name, shown in readings(about.worded, arm, dialogue, number, neutral).items():
            free = (said.removeprefix(shown.prefill),) if said.removeprefix(shown.prefill) else ()
            yield _Row(at, number, name, shown, about.labels or free)


def _gathered(
    dialogues: Sequence[Recorded],
    cells: Sequence[Any],
    lengths: Sequence[Any],
    shape: tuple[int, int],
) -> Read:
    cosines: dict[tuple[int, str], NDArray[np.float32]] = {}
    nll: dict[tuple[int, str], Floats] = {}
    encoded = tokens = left_out = 0
    for at, number, name, told in cells:
        key = (number, name)
        if key not in cosines:
            cosines[key] = np.full((len(dialogues), *shape), np.nan, np.float32)
            nll[key] = np.full((len(dialogues), 2), np.nan)
        if told is None:
            left_out += 1
            continue
        cosines[key][at] = _unpacked(told[0]).reshape(shape)
        nll[key][at] = _nll(dialogues[at], number, told[1])
        encoded += told[2]
        tokens += told[3]
    return Read(
        [each.example for each in dialogues],
        [each.cluster for each in dialogues],
        cosines,
        nll,
        np.array(lengths, np.float64).reshape(-1, 2),
        encoded,
        tokens,
        left_out,
    )


def _nll(dialogue: Recorded, number: int, logps: Sequence[float]) -> tuple[float, float]:
    """Of the answer given, and of the right one."""
    if len(logps) == 1 and dialogue.target is None:
        return -logps[0], np.nan
    given = dialogue.choices[number - 1]
    both = (None if each is None or each >= len(logps) else -logps[each] for each in
            (given, dialogue.target))  # fmt: skip
    first, second = (np.nan if each is None else each for each in both)
    return first, second


def _packed(values: NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _unpacked(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4")
