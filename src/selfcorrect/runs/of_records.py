"""What the notes of a run's records come to."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import polars as pl

from selfcorrect.converse import DONE, ENDED, OWN_NOTES, STOPPED
from selfcorrect.converse.record import STEERED
from selfcorrect.report.numbers import percent
from selfcorrect.runs.run import Run

_MOST = 8
#: What became of a dialogue that was over early, by the code of its note.
_OVER = {
    ENDED.code: "ended",
    STOPPED.code: "stopped, their answers having settled,",
    DONE.code: "stopped by what was replied",
}
#: What of a note is of one record alone: numbers after a colon.
_COUNTS = re.compile(r": [^:]*\d.*$")


@dataclass(frozen=True, slots=True)
class OfRecords:
    """What records tell beside their numbers.

    Attributes:
        notes: sentences.
        steers: by what replies were steered, each once.
    """

    notes: list[str]
    steers: list[str]


def read_notes(run: Run) -> OfRecords:
    """What records tell beside their numbers: dialogues that were over early, answers that were cut
    off, and what models did differently than they were asked to."""
    counts, over, steers = Counter[str](), Counter[str](), set[str]()
    records = last = 0
    cut, of_round = Counter[int](), Counter[int]()
    for frame in run.chunks(["round", "notes", "cut", "problem", "choices"]):
        late = int(frame["round"].max() or 0)  # type: ignore[arg-type]
        if late > last:
            last, over = late, Counter()
        records += frame.height
        # of a lettered answer it matters only if no letter came
        matters = pl.col("problem").is_not_null() | (pl.col("choices").list.len() == 0)
        cut.update(frame.filter(pl.col("cut") & matters)["round"].to_list())
        of_round.update(frame["round"].to_list())
        noted = frame.filter(pl.col("notes").list.len() > 0)
        for number, row in noted.select("round", "notes").iter_rows():
            counts.update({_COUNTS.sub("", n["text"]) for n in row if n["code"] not in OWN_NOTES})
            steers |= {n["text"].removeprefix("steered by ") for n in row if n["code"] == STEERED}
            over.update({n["code"] for n in row if number == last} & _OVER.keys())
    told = [
        *(
            f"{count:,} of {run.dialogues:,} dialogues {_OVER[code]} before round {last}: in the "
            "rounds after that, their last answer stands."
            for code, count in over.items()
        ),
        *(
            [
                f"In {cut.total():,} of {records:,} records the answer was cut off before it was "
                f"complete ({_shares(cut, of_round)}); --max-tokens answer=N, or max_tokens of the "
                "strategy's step, says how long it may be."
            ]
            if cut
            else []
        ),
        *(f"In {n:,} of {records:,} records {note}." for note, n in counts.most_common(_MOST)),
    ]
    return OfRecords(told, sorted(steers))


def _shares(cut: Counter[int], of_round: Counter[int]) -> str:
    """How many of each round's records, where there are any."""
    said = (f"{percent(cut[t] / of_round[t])} % in round {t}" for t in sorted(cut))
    return ", ".join(said)


def without_controls(run: Run) -> list[str]:
    """Which controls of the run aren't beside it, as where its folder alone was copied."""
    return [
        f"The control {name} isn't beside this run: put its folder, {folder}, there to compare "
        "with it."
        for name, folder in run.header.controls.items()
        if not (run.folder.parent / folder).is_dir()
    ]
