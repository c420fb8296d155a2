"""The runs in a folder, each with what it came to; controls stand with their runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.report.phrases import strategy_of
from selfcorrect.runs.header import RUN
from selfcorrect.runs.paths import folder_path
from selfcorrect.runs.run import Run, meant, open_run


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One run.

    Attributes:
        name: of its folder.
        when: its last piece was finished, UTC, as ISO 8601 has it; empty where nothing tells.
        model, task, strategy, rounds: what was run.
        dialogues, wanted: how many there are, and are to be.
        controls: the names of its controls' strategies.
        headline: what the verdict says first; empty where there is nothing to compare.
        tokens: a dialogue, all rounds; ``None`` where the model counts none.
        money: a dialogue; ``None`` without prices.
        problem: why it can't be told; the numbers are then missing.
    """

    name: str
    when: str
    model: str
    task: str
    strategy: str
    rounds: int
    dialogues: int
    wanted: int
    controls: tuple[str, ...]
    headline: str = ""
    tokens: float | None = None
    money: float | None = None
    problem: str = ""

    def table(self) -> dict[str, Any]:
        """JSON types."""
        return {**asdict(self), "controls": list(self.controls)}


def list_runs(out: str | Path) -> Iterator[ListedRun]:
    """The runs in a folder that aren't merely controls of others, newest first.

    Raises:
        UserError: there is no such folder.
    """
    place = folder_path(out)
    if not place.is_dir():
        raise UserError(f"there is no folder {out}.")
    names = sorted(path.parent.name for path in place.glob(f"*/{RUN}"))
    opened = {name: _opened(place / name) for name in names}
    whole = [run for name in meant(names, place) if (run := opened[name][0])]
    dated = sorted((_when(run.folder), run.folder.name, run) for run in whole)
    for when, _, run in reversed(dated):
        yield _of(run, when)
    for name, (run_or_none, problem) in opened.items():
        if run_or_none is None:
            yield ListedRun(name, "", "", "", "", 0, 0, 0, (), problem=problem)


def _opened(folder: Path) -> tuple[Run | None, str]:
    try:
        return open_run(folder), ""
    except UserError as error:
        return None, str(error)


def _of(run: Run, when: str) -> ListedRun:
    spec = run.spec
    told = ListedRun(
        name=run.folder.name,
        when=when,
        model=spec.model.name,
        task=spec.task.name,
        strategy=strategy_of(spec.strategy.name),
        rounds=spec.rounds,
        dialogues=run.dialogues,
        wanted=run.wanted,
        controls=tuple(run.header.controls),
    )
    try:
        summary = run.summary()
    except UserError as error:
        return replace(told, problem=str(error))
    cost = next(iter(summary["cost"]["arms"].values()))
    headline = summary["headline"] or ""
    return replace(told, headline=headline, tokens=cost["alone"], money=cost["money"])


def _when(folder: Path) -> str:
    """When the newest of its notes of times was written."""
    try:
        times = [path.stat().st_mtime for path in (folder / "timing").glob("*.json")]
    except OSError:
        times = []
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="minutes") if times else ""
