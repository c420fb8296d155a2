"""Records changed by a test, as those of a run that was written without digests."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from selfcorrect.runs.manifest import MANIFEST


def put_records(file: Path, frame: pl.DataFrame) -> None:
    """Write a piece anew, and forget what it was."""
    frame.write_parquet(file)
    (file.parents[1] / MANIFEST).unlink(missing_ok=True)
