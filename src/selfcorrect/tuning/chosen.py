"""Subsets of texts as files, and what they are like."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.evaluation.sheet import written as estimate
from selfcorrect.models.scored import untold
from selfcorrect.places import writing
from selfcorrect.report.numbers import MISSING, count, short
from selfcorrect.report.sheet import Section, Sheet, Table
from selfcorrect.runs import Progress, RunSpec
from selfcorrect.runs import run as run_specs
from selfcorrect.runs.prepare import open_model
from selfcorrect.runs.store import Store
from selfcorrect.text import visible
from selfcorrect.tuning.choose import SUBSETS, Asked, choose, described, spec_of
from selfcorrect.tuning.doubts import doubts
from selfcorrect.tuning.made import as_lines, stored

_K = 5
#: Texts of our own that are asked about where nobody says how many.
_OWN = 400
_ALL = 10**9


@dataclass(frozen=True, slots=True, repr=False)
class Chosen:
    """Subsets that were written. Shown, it is its findings; in a notebook, its sheet.

    Attributes:
        folder: it holds ``SUBSET.jsonl``, ``texts.jsonl`` (every text with what was found of it)
            and ``chosen.json``.
        table: what is in ``chosen.json``.
    """

    folder: Path
    table: Mapping[str, Any]

    @property
    def files(self) -> dict[str, Path]:
        """Subset → its file."""
        return {name: self.folder / _file(name) for name in self.table["subsets"]}

    def __repr__(self) -> str:
        return visible("\n".join(self.sheet().findings), lines=True)

    def _repr_html_(self) -> str:
        from selfcorrect.report.notebook import of_sheet

        return of_sheet(self.sheet())

    def sheet(self) -> Sheet:
        """The subsets in words and a table."""
        e = self.table["asked"]
        swaps = self.table["swapped"]
        told = (
            [f"{swaps['words']:,} words were swapped; {count(swaps['untouched'], 'text')} "
             "without any of them left out."]
            if swaps["words"]
            else []
        )  # fmt: skip
        findings = [
            f"{self.table['model']} says in {estimate(e['yes'])} of its replies that a text "
            f"contains bias or stereotypes ({count(e['texts'], 'text')}, {e['k']} samples of each, "
            f"{estimate(e['parse_rate'])} of them read). Semantic entropy is "
            f"{estimate(e['entropy'])} nats, of at most {short(e['ceiling'])}, and has "
            f"{count(e['values'], 'different value')}.",
            *doubts(e, self.table["subsets"]),
            *told,
        ]
        rows = [
            [
                name,
                MISSING if of["entropy"] is None else short(of["entropy"], 3),
                MISSING if of["yes"] is None else short(of["yes"], 3),
                short(of["read"], 3),
                MISSING if of["loss"] is None else short(of["loss"], 2),
                f"{of['tokens']:.1f}",
                f"{of['tied']:,} of {of['of_tied']:,}" if "tied" in of else "",
            ]
            for name, of in self.table["subsets"].items()
        ]
        note = (
            "Yes: of the replies that name an option. Read: share of the replies that do; subsets "
            "that differ in it differ in more than uncertainty. At the cut: of so many texts with "
            "the uncertainty at which the subset ends, so many are in it; which, the seed decides."
        )
        heads = ["subset", "entropy", "yes", "read", "loss", "tokens", "at the cut"]
        table = Table(f"Subsets of {self.table['size']:,} texts", heads, rows, note)
        question = "About which texts is the model unsure whether they contain bias?"
        return Sheet("Chosen texts", question, findings, [Section("", [], [table])])


def choose_to(
    spec: RunSpec,
    data: str | None,
    size: int | None,
    to: Path | None,
    *,
    limit: int | None = None,
    swap: bool = False,
    out: str | Path = "runs",
    progress: Callable[[Progress], None] | None = None,
    told: Callable[[int, int], object] = untold,
) -> Chosen:
    """Ask a model of texts and write the subsets; a run that was stopped goes on.

    Args:
        spec: the model, the seed, the number of samples.
        data: a file of texts; our own where there is none.
        size: of each subset; a quarter of the texts by default.
        to: a new folder; by default ``chosen-SIZE`` in that of the run.
        limit: so many texts at most are asked about.
        swap: swap gendered words first.
        out: the folder of the run.
        progress: of the run.
        told: called with how many texts have their loss, and of how many.

    Raises:
        UserError: bad data, too few texts, a folder that is there, a model that can't be asked.
    """
    if to is not None and to.expanduser().exists():
        raise _taken(to)
    n = limit or (_OWN if data is None else _ALL)
    file = stored(data, n, spec.seed, swap=swap)
    size = max(1, len(file.texts) // 4) if size is None else size
    own = spec_of(spec, str(file.path), spec.samples.k or _K, spec.seed)
    if size > len(file.texts):
        raise UserError(
            f"there are {len(file.texts):,} texts, and {size:,} are to be chosen: give more texts, "
            "or a smaller --size."
        )
    model = open_model(own.model)
    folder: Path | None = None

    def made(each: RunSpec) -> Any:
        nonlocal folder
        done = run_specs(each, out=out, controls=False, model=model, progress=progress)
        folder = done.folder
        return done

    try:
        asked, chosen = choose(made, model, own, file.texts, size, told)
        name, fingerprint = model.name, model.fingerprint
    finally:
        model.close()
    assert folder is not None
    table = {
        "model": name,
        "fingerprint": fingerprint,
        "run": folder.name,
        "size": size,
        "seed": spec.seed,
        "swapped": {"words": file.words, "untouched": file.untouched},
        "asked": asked.table(),
        "subsets": described(asked, chosen),
    }
    place = to.expanduser() if to is not None else folder / f"chosen-{size}"
    store = Store(place)
    if to is not None:
        _new(place)
    try:
        for name, content in _files(asked, chosen, table).items():
            store.put(name, content, replace=True)
    except BaseException:
        if to is not None:  # else the same command would find it there
            shutil.rmtree(place, ignore_errors=True)
        raise
    return Chosen(place, table)


def _new(place: Path) -> None:
    """Make a folder that wasn't there: somebody may have made one while the model was asked, and
    whatever lies in it is neither replaced nor taken away.

    Raises:
        UserError: it is there, or can't be made.
    """
    with writing(place):
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            raise _taken(place) from None


def _taken(place: Path) -> UserError:
    return UserError(f"{place} is there already: give the name of a new folder with --to.")


def _files(
    asked: Asked, chosen: Mapping[str, list[int]], table: Mapping[str, Any]
) -> dict[str, bytes]:
    """Name → what is in it; the last one is written when all others are."""
    files = {
        _file(name): as_lines([asked.texts[at] for at in chosen[name]])
        for name in SUBSETS
        if name in chosen
    }
    lines = [
        json.dumps(
            {
                **each.row(),
                "entropy": _known(asked.entropy[at]),
                "yes": _known(asked.yes[at]),
                "read": float(asked.read[at]),
                "loss": _known(asked.loss[at]),
                "tokens": int(asked.tokens[at]),
            }
        )
        for at, each in enumerate(asked.texts)
    ]
    files["texts.jsonl"] = ("\n".join(lines) + "\n").encode("ascii")
    files["chosen.json"] = (json.dumps(table, indent=2, allow_nan=False) + "\n").encode()
    return files


def _file(name: str) -> str:
    return f"{name}.jsonl"


def _known(value: float) -> float | None:
    return None if value != value else float(value)
