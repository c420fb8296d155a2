"""What a run's records say of concepts: numbers of each round, and how they lie over the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.concepts.recording import PLACES
from selfcorrect.errors import UserError
from selfcorrect.measures.activations import by_layer, paired, reference
from selfcorrect.measures.panel import Panel
from selfcorrect.report.numbers import short
from selfcorrect.runs.header import Header
from selfcorrect.runs.of_records import read_notes
from selfcorrect.runs.run import Run

#: The controls from which activations are seen, the first that is there.
_SEEN_FROM = ("repeat", "baseline")
_TOLD = {"before_answer": "at the last token before the answer", "first_answer": "at the answer's "
         "first token"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One concept at one place, as a number of every record.

    Attributes:
        concept: its name.
        kind: of the states.
        layer: the one that was chosen.
        layers: how many the model has.
        at: the place.
    """

    concept: str
    kind: str
    layer: int
    layers: int
    at: str

    @property
    def name(self) -> str:
        """Of the measure."""
        first = "" if self.at == PLACES[0] else "_first"
        return f"activation_{self.concept}{first}"

    @property
    def text(self) -> str:
        return (
            f"Mean activation of the concept {self.concept} {_TOLD[self.at]}, in layer "
            f"{self.layer}: the cosine of the state with the concept's direction, minus the mean "
            "of round 1 of the control (the same layer and place), as places and layers differ by "
            "themselves. That mean's own spread isn't in the interval; differences are paired."
        )


def readings(header: Header) -> list[Reading]:
    """The readings of a run, as its header names them; of a damaged header none."""
    table = header.about.get("concepts")
    found = []
    for name, told in (table if isinstance(table, dict) else {}).items():
        if not isinstance(told, dict):
            continue
        kind, layer, layers = (told.get(key) for key in ("site", "layer", "layers"))
        if isinstance(kind, str) and isinstance(layer, int) and isinstance(layers, int):
            found += [Reading(str(name), kind, layer, layers, at) for at in PLACES]
    return found


def values_of(header: Header) -> dict[str, str]:
    """The measures that a run's concepts are, a sentence on each."""
    return {reading.name: reading.text for reading in readings(header)}


def with_activations(frames: Iterator[pl.DataFrame], header: Header) -> Iterator[pl.DataFrame]:
    """Records with the activations of chosen layers among the task's own numbers.

    Args:
        frames: with ``values``, and ``activations`` where the run has concepts.
        header: of the run.
    """
    every = readings(header)
    for frame in frames:
        if not every:
            yield frame
            continue
        numbers = frame.select(**{r.name: _at(r, r.layer) for r in every})
        named = [
            pl.struct(pl.lit(r.name).alias("name"), pl.col(r.name).cast(pl.Float64).alias("value"))
            for r in every
        ]
        mine = numbers.select(pl.concat_list(named).alias("mine")).to_series()
        both = pl.DataFrame({"values": frame["values"], "mine": mine})
        joined = both.select(pl.concat_list(pl.col("values").fill_null([]), "mine")).to_series()
        yield frame.with_columns(joined.alias("values")).drop("activations")


def _at(reading: Reading, layer: int) -> pl.Expr:
    return _of(reading, (pl.element().struct.field("layer") == layer)).list.first()


def _of(reading: Reading, more: pl.Expr | bool = True) -> pl.Expr:
    """The values of a reading in each record, by layer as they stand."""
    field = pl.element().struct.field
    here = (
        (field("concept") == reading.concept)
        & (field("kind") == reading.kind)
        & (field("at") == reading.at)
        & more
    )
    return pl.col("activations").list.eval(field("value").filter(here))


def centre(run: Run, mine: Panel, panel_of: Callable[[Run], Panel]) -> dict[str, float]:
    """From what each reading is seen: its mean in round 1 of the control, else of the run."""
    every = readings(run.header)
    if not every:
        return {}
    control = _control(run)
    seen = mine if control is None else panel_of(control[1])
    found = {}
    for reading in every:
        column = seen.own.get(reading.name)
        found[reading.name] = 0.0 if column is None else reference([column[:, :1]])
    return found


def _control(run: Run) -> tuple[str, Run] | None:
    """The control from which activations are seen, and its name; a damaged one is none."""
    for name in _SEEN_FROM:
        try:
            control = run.control(name)
            if control is not None and readings(control.header) and control.dialogues:
                return name, control
        except UserError:  # the summary's notes say what is wrong with it
            continue
    return None


def centred(panel: Panel, by: Mapping[str, float]) -> Panel:
    """A panel with its readings as they are seen from there."""
    own = {name: c - by[name] if name in by else c for name, c in panel.own.items()}
    return replace(panel, own=own)


def steered_alike(run: Run, seen_from: Mapping[str, float], steers: Sequence[str]) -> list[str]:
    """That readings of a concept are seen from a control that is steered by it, too, so that what
    the steer adds isn't among them.

    Args:
        run: its readings.
        seen_from: of :func:`centre`.
        steers: by what the run's replies are steered.
    """
    control = _control(run)
    name, other = ("the run itself", run) if control is None else control
    alike = set(steers) if control is None else set(steers) & set(read_notes(other).steers)
    names = {steer.partition(":")[0] for steer in alike}
    return [
        f"activation of “{r.concept}” {_TOLD[r.at]} is seen from round 1 of {name}, which is "
        f"steered by it, too: near 0 it doesn't say that nothing is active. There it is "
        f"{short(seen_from[r.name], 4)} in layer {r.layer}, before that is taken away."
        for r in readings(run.header)
        if r.concept in names and r.name in seen_from
    ]


# --- over the layers --------------------------------------------------------------------------


def over_layers(run: Run) -> dict[str, Any]:
    """Activations by layer and round, the control's subtracted.

    Returns:
        ``{concept: {"kind", "layer", "at": {place: {"against", "rounds", "layers", "value", "low",
        "high", "n"}}}}``: the numbers are [layers][rounds], of paired differences from the control
        at the same round (``against`` is its name), or without one from the run's own round 1.
    """
    every = readings(run.header)
    if not every:
        return {}
    control = _control(run)
    mine = _arrays(run, every)
    theirs = None if control is None else _arrays(control[1], every)
    found: dict[str, Any] = {}
    for reading in every:
        values = mine.values[reading.name]
        if not len(values):
            continue
        if control is not None and theirs is not None and theirs.rows:
            others = theirs.values[reading.name]
            rows, differences = paired(mine.rows, theirs.rows, values, others)
            against = control[0]
        else:
            rows, differences = np.arange(len(values)), values - values[:, :1]
            against = "round 1"
        if not len(rows):
            continue
        clusters = np.array(mine.clusters, object)[rows]
        codes = np.unique(clusters.astype(str), return_inverse=True)[1]
        of = found.setdefault(reading.concept, {"kind": reading.kind, "layer": reading.layer,
                                                "at": {}})  # fmt: skip
        there = np.isfinite(values).any((0, 1))
        table = by_layer(differences[:, :, there], codes)
        of["at"][reading.at] = {
            "against": against,
            "rounds": mine.rounds[: differences.shape[1]],
            "layers": np.flatnonzero(there).tolist(),
            **table,
        }
    return found


@dataclass
class _Arrays:
    """Activations of all dialogues of a run.

    Attributes:
        rows: example → its row.
        clusters: of each row.
        rounds: their numbers.
        values: by the reading's name, [D, T, L].
    """

    rows: dict[str, int]
    clusters: list[str]
    rounds: list[int]
    values: dict[str, NDArray[np.float32]]


def _arrays(run: Run, every: list[Reading]) -> _Arrays:
    rows: dict[str, int] = {}
    clusters: list[str] = []
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], dict[str, NDArray[np.float32]]]] = []
    rounds: set[int] = set()
    for frame in run.chunks(["example", "cluster", "round", "activations"]):
        for example, cluster in frame.select("example", "cluster").unique(
            "example", maintain_order=True
        ).iter_rows():  # fmt: skip
            if example not in rows:
                rows[example] = len(rows)
                clusters.append(cluster)
        at = np.array([rows[example] for example in frame["example"]], np.int64)
        numbers = frame["round"].to_numpy().astype(np.int64)
        rounds |= set(numbers.tolist())
        parts.append((at, numbers, {r.name: _matrix(frame, r) for r in every}))
    order = sorted(rounds)
    place = {number: t for t, number in enumerate(order)}
    values = {r.name: np.full((len(rows), len(order), r.layers), np.nan, np.float32) for r in every}
    for at, numbers, found in parts:
        t = np.array([place[number] for number in numbers.tolist()], np.int64)
        for name, matrix in found.items():
            values[name][at, t] = matrix
    return _Arrays(rows, clusters, order, values)


def _matrix(frame: pl.DataFrame, reading: Reading) -> NDArray[np.float32]:
    """The values of a reading [records, L]; NaN where there is none."""
    made = np.full((len(frame), reading.layers), np.nan, np.float32)
    long = (
        frame.select(pl.int_range(len(frame)).alias("row"), "activations")
        .explode("activations")
        .drop_nulls("activations")
        .unnest("activations")
        .filter(
            (pl.col("concept") == reading.concept)
            & (pl.col("kind") == reading.kind)
            & (pl.col("at") == reading.at)
            & pl.col("layer").is_between(0, reading.layers - 1)
        )
        .drop_nulls("value")
    )
    made[long["row"].to_numpy(), long["layer"].to_numpy()] = long["value"].to_numpy()
    return made
