"""The pages of studies that were made of real models: their tables, and on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Chromium, chromium, opened
from selfcorrect import studies
from selfcorrect.report.sheet import Sheet, Table, page

RESULTS = Path(__file__).parents[2] / "benchmarks" / "studies"
FILES = sorted(RESULTS.glob("*.json"))


def sheet_in(file: Path) -> Sheet:
    [name] = [name for name in studies.names() if file.stem.startswith(f"{name}-")]
    return studies.load(name).sheet(json.loads(file.read_text("utf-8")))


@pytest.fixture(scope="module")
def started() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_sentences_have_the_digits_of_the_tables(file: Path) -> None:
    sheet = sheet_in(file)
    parts = [part for section in sheet.sections for part in section.parts]
    tables = [part for part in parts if isinstance(part, Table)]
    assert tables
    cells = [cell for table in tables for row in table.rows for cell in row[1:]]
    said = [text for text in sheet.findings if "95 %" not in text]
    assert [text for text in (*cells, *said) if re.search(r"\d\]? (%|points)", text)] == []


def test_on_a_phone_no_cell_is_out_of_sight(tmp_path: Path, started: Chromium) -> None:
    for file in FILES[::4]:
        made = tmp_path / f"{file.stem}.html"
        made.write_text(page(sheet_in(file)), "utf-8")
        with opened(started, made, width=400, height=800) as it:
            assert it.fits()
            assert it.complaints == []
            boxes = it.page.locator(".wide").evaluate_all(
                "(all) => all.map((e) => [e.scrollWidth - e.clientWidth, e.clientWidth])"
            )
        assert boxes
        assert all(hidden <= 0 and width < 400 for hidden, width in boxes)
