"""What a task and a scorer state of their own numbers, beside the catalogue's measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.measures.catalogue import MEASURES, measure_of, measures
from selfcorrect.measures.measure import Measure
from selfcorrect.measures.panel import BASE
from selfcorrect.outcome import ACCURACY, Figure, Floats, Outcome

#: Names of a panel's columns, of a round's numbers and of changes that are no measures: a task's
#: number of such a name would stand in their place.
_TAKEN = {
    *BASE, "quality", "n", "round", "clusters", "unparsed",
    "gain", "leak_free", "leak_free_gain", "alternating",
}  # fmt: skip


@dataclass(frozen=True)
class Own:
    """What a task states of its own numbers.

    Attributes:
        outcome: how good an answer is.
        values: names of those of its numbers per record whose mean is worth knowing, a sentence on
            each, with its bounds where it is a :class:`~selfcorrect.outcome.Number`.
        figures: its figures per round.
        columns: names of further numbers per record, which only the figures need.
        recorded: the one among them that is the task's own outcome, where a scorer gave another in
            its place: figures are made of that. Empty where the outcome is the task's.
    """

    outcome: Outcome = ACCURACY
    values: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    columns: Collection[str] = ()
    recorded: str = ""

    def seen(self, columns: Mapping[str, Floats]) -> Mapping[str, Floats]:
        """A round's columns as its figures are made of them."""
        return {**columns, "outcome": columns[self.recorded]} if self.recorded else columns

    def terms(self) -> dict[str, dict[str, Any]]:
        """Label, text, form and better direction of each, as JSON: for whoever shows them."""
        of_outcome = measure_of(self.outcome)
        found = {of_outcome.name: _term(of_outcome)}
        for name, text in self.values.items():
            found[name] = {"label": label_of(name), "text": text, "form": "score"}
        for name, figure in self.figures.items():
            if "/" not in name:
                told = {key: getattr(figure, key, "") for key in ("label", "text", "form")}
                found[name] = found.get(name, {}) | {k: v for k, v in told.items() if v}
        return found


def _term(measure: Measure) -> dict[str, Any]:
    return {
        "label": measure.label,
        "text": measure.text,
        "form": measure.form,
        "better": measure.better,
    }


def label_of(name: str) -> str:
    """What a number is called that states no label: a task's own, or a concept's activation, which
    mustn't be taken for a number of the concept's name."""
    concept = name.removeprefix("activation_")
    if concept == name:
        return name.replace("_", " ")
    at = " in the reply" if concept.endswith("_first") else ""
    return f"activation of “{concept.removesuffix('_first')}”{at}"


def reserved() -> set[str]:
    """Names that no further number of a task or a scorer may have: of measures, and of what stands
    beside them."""
    return {m.name for m in MEASURES} | _TAKEN


def check_own(own: Own) -> None:
    """Raises UserError where a task's own number has the name of another one."""
    if own.outcome.name in _TAKEN:
        raise UserError(f"the outcome {own.outcome.name!r} has the name of another number: "
                        "rename it.")  # fmt: skip
    known = {m.name for m in measures(own.outcome)} | _TAKEN
    for kind, names in (("value", own.values), ("figure", own.figures)):
        for name in names:
            if name in known:
                raise UserError(f"the task's {kind} {name!r} has the name of another measure: "
                                "rename it.")  # fmt: skip
