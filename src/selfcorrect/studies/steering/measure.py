"""The options of every question under every dose of every direction, on the open model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from selfcorrect import models
from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError
from selfcorrect.measures.clusters import Floats
from selfcorrect.messages import Message
from selfcorrect.models.base import Request, Site, Steer
from selfcorrect.records import transcript
from selfcorrect.runs import Run
from selfcorrect.runs.concepts import concepts_of
from selfcorrect.runs.identity import ModelFacts, task_of
from selfcorrect.studies.base import Parts, Settings
from selfcorrect.studies.steering.directions import directions as directions_of
from selfcorrect.studies.steering.place import layer_of

if TYPE_CHECKING:
    from selfcorrect.models.local.model import LocalModel

#: Doses on either side, as multiples of the one that the findings speak of, and none.
STEPS = (0.25, 0.5, 1.0, 2.0)
#: Questions whose doses are computed together, and kept as one part.
_TOGETHER = 16
#: Everyday sentences that speak of no person, for the damage that a dose does.
NEUTRAL = (
    "The kettle takes about four minutes to boil on the small burner.",
    "Two rivers meet below the old mill and run north to the coast.",
    "Store the paint in a dry place and stir it well before use.",
    "The train to the airport leaves from platform six every half hour.",
    "A square has four equal sides, and its diagonals cross at a right angle.",
    "In autumn the leaves of the maple turn yellow first and then red.",
    "The recipe needs three eggs, a cup of flour and a pinch of salt.",
    "The bridge was closed for repairs from March until the end of June.",
)


@dataclass(frozen=True)
class Asked:
    """Questions as they are shown to the model, without the goal.

    Attributes:
        examples: their ids.
        messages: the transcript before the reply, of each.
        requests: what the reply begins with, and the options.
    """

    examples: list[str]
    messages: list[list[Message]]
    requests: list[Request]


@dataclass(frozen=True)
class Measured:
    """What the doses do.

    Attributes:
        layer: after which states are pushed.
        doses: α, ascending, 0 in the middle [A].
        p: of the options [D, J, A, O], NaN beyond a question's own options, where a dose left
            states that weren't finite and where none was given; direction 0 is the concept's, the
            last the mean state's.
        cosines: of every direction with the last [J].
        of_texts: how many of the others are made from the concept's texts.
        left_out: doses of a question that were left out for that.
        perplexity: of neutral text under the concept's doses [A]; ``None`` where left out.
        encoded: tokens that went through the model for all doses.
    """

    layer: int
    doses: Floats
    p: Floats
    cosines: Floats
    of_texts: int
    left_out: int
    perplexity: list[float | None]
    encoded: int


def asked(run: Run, examples: Sequence[str]) -> Asked:
    """The questions of a run of one round.

    Raises:
        UserError: the task can't be made again, or its answers have no options.
    """
    task = run.task or task_of(run.spec)
    known = {example.id: example for example in task.examples()}
    wanted = set(examples)
    found: dict[str, tuple[list[Message], Request]] = {}
    for frame in run.chunks(["example", "round", "steps"]):
        for (name,), dialogue in frame.group_by("example", maintain_order=True):
            if name not in wanted:
                continue
            step = dialogue["steps"][0].to_list()[-1]
            labels = tuple(task.labels(known[str(name)]))
            if not labels:
                raise UserError(
                    "steering is measured on options, and this task's answers have none: choose a "
                    "task of lettered questions."
                )
            said = transcript(dialogue)[:-1]
            found[str(name)] = (said, Request(step["prefill"] or "", 1, options=labels))
    order = [name for name in examples if name in found]
    return Asked(order, [found[n][0] for n in order], [found[n][1] for n in order])


def opened(run: Run) -> tuple[LocalModel, Concept]:
    """The run's model, and the concept that it reads.

    Raises:
        UserError: the model can't be steered, or the concept isn't there any more.
    """
    spec = run.spec
    from selfcorrect.models.local.model import LocalModel

    model = models.load(spec.model.name, spec.model.dtype, spec.model.device)
    if not isinstance(model, LocalModel):
        raise UserError(f"{spec.model.name} can't be steered: choose a local transformer.")
    facts = ModelFacts(model.name, model.fingerprint, model.dtype, model.device)
    concepts = concepts_of(spec, facts, model)
    return model, next(iter(concepts.values()))


def measured(
    model: LocalModel,
    concept: Concept,
    questions: Asked,
    settings: Settings,
    parts: Parts,
) -> Measured:
    """Everything under every dose.

    Args:
        model: open.
        concept: the one to push along.
        questions: those asked.
        settings: the study's. At every token, directions that mean nothing are pushed along by the
            dose that the findings speak of, and no other.
        parts: keeps what is finished.

    Raises:
        UserError: the concept has no direction in the layer that is asked for.
    """
    from selfcorrect.models.local.doses import doses, perplexities

    layer, dose, at = layer_of(concept, settings["layer"]), settings["dose"], settings["at"]
    unit = float(concept.norms[layer])
    every = np.array([-dose * s for s in reversed(STEPS)] + [0.0] + [dose * s for s in STEPS])
    starts = range(0, len(questions.examples), _TOGETHER)
    parts.progress(0, len(starts) + 1)
    states = _states(model, questions, layer)
    given = directions_of(model, concept, layer, states, settings["directions"], settings["seed"])
    vectors = np.concatenate([concept.vector(layer)[None], given.null, given.longer[None]])
    # a dose of 0 is the model as it is, once for all directions
    plan = [
        (j, a)
        for j in range(len(vectors))
        for a, alpha in enumerate(every)
        if alpha and (at == "reply" or j in (0, len(vectors) - 1) or abs(alpha) == dose)
    ]
    steers: list[Steer | None] = [None]
    steers += [_steer(layer, every[a] * unit * vectors[j], at) for j, a in plan]
    most = max(len(request.options) for request in questions.requests)
    shape = (len(questions.examples), len(vectors), len(every), most)
    p, encoded = np.full(shape, np.nan), 0
    left_out = 0
    for number, start in enumerate(starts):
        rows = range(start, min(start + _TOGETHER, len(questions.examples)))
        key = f"pushes-{start}"
        if key not in parts.done:
            talk = model.open(len(rows))
            talk.restart([questions.messages[row] for row in rows])
            each = doses(talk, [questions.requests[row] for row in rows], steers, mass=False)
            found: Any = [None if g is None else [g.encoded, g.p.tolist()] for g in each]
            parts.keep(key, found)
            talk.close(range(len(rows)))
        else:
            found = parts.done[key]
        for row, told in zip(rows, found, strict=True):
            if told is None:
                continue
            encoded += told[0]
            of = np.array(told[1], dtype=np.float64)
            p[row, :, every == 0, : of.shape[1]] = of[0]
            for (j, a), options in zip(plan, of[1:], strict=True):
                p[row, j, a, : of.shape[1]] = options
            left_out += int(np.isnan(of[:, 0]).sum())
        parts.progress(number + 1, len(starts) + 1)
    own = [None if not a else _steer(layer, a * unit * vectors[0], at) for a in every]
    read: list[float | None] = [None] * len(own)
    with suppress(UserError):  # a model of a small language has no words for neutral text
        read = [each.value for each in perplexities(model, NEUTRAL, own)]
    cosines = vectors @ given.longer
    return Measured(layer, every, p, cosines, given.of_texts, left_out, read, encoded)


def _steer(layer: int, vector: NDArray[Any], at: Literal["transcript", "reply"]) -> Steer:
    import torch

    return Steer.of((layer,), torch.from_numpy(vector.astype(np.float32))[None], at)


def _states(model: LocalModel, questions: Asked, layer: int) -> Floats:
    """The states where the answers begin [D, hidden]."""
    site = Site("residual", (layer,))
    talk = model.open(len(questions.examples))
    talk.restart(questions.messages)
    replies = talk.elicit([replace(r, options=(), states=(site,)) for r in questions.requests])
    found = [r.states[site][0].numpy() for r in replies if r is not None and r.states]
    talk.close(range(len(questions.examples)))
    return np.stack(found).astype(np.float64)
