"""A notebook, really executed, and shown as one that nobody trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from browser import Chromium
from selfcorrect.report.notebook import MOST

CELLS = (
    'import selfcorrect as sc\nrun = sc.run("planted:chain?accuracy=0.5,cs=0.2", "planted", '
    'rounds=3, limit=48, out="runs", progress=False)',
    "run",
    "sc.study('concepts', quick=True, out='theory')",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """With its outputs, the last of each cell being what it shows."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in CELLS])
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    return nbclient.NotebookClient(
        made, timeout=300, kernel_name="python3", resources=where
    ).execute()


def shown(cell: Any) -> dict[str, str]:
    return dict(cell.outputs[-1]["data"])


@pytest.mark.slow
def test_what_a_cell_shows_is_small_and_static(notebook: Any) -> None:
    ran, run, theory = notebook.cells
    said = "".join(each.get("text", "") for each in ran.outputs)
    assert "Warning" not in said
    assert "widget" not in said
    for cell in (run, theory):
        data = shown(cell)
        assert set(data) == {"text/plain", "text/html"}
        assert sum(len(each) for each in data.values()) <= MOST
        for what in ("<script", "<style", "<iframe", "<svg", "javascript:", "http:", "https:"):
            assert what not in data["text/html"]


@pytest.mark.slow
@pytest.mark.parametrize("sanitized", [False, True])
def test_it_shows_in_a_page_without_scripts(
    notebook: Any, tmp_path: Path, started: Chromium, sanitized: bool
) -> None:
    exporter = pytest.importorskip("nbconvert").HTMLExporter(sanitize_html=sanitized)
    html, _ = exporter.from_notebook_node(notebook)
    file = tmp_path / "notebook.html"
    file.write_text(html, "utf-8")
    context = started.browser.new_context(
        java_script_enabled=False, viewport={"width": 1000, "height": 900}, offline=True
    )
    with started.watched():
        tab = context.new_page()
        tab.goto(file.as_uri())
        boxes = [each.bounding_box() for each in tab.locator(".jp-OutputArea-output img").all()]
        tables = tab.locator(".jp-OutputArea-output table").all()
        text = tab.locator("body").inner_text()
        context.close()
    assert tables
    assert "More rounds" in text or "more rounds" in text
    assert "The mean of ε falls" in text
    # nbconvert's own cleaning takes out every image that is in the notebook itself; viewers keep it
    assert bool(boxes) is not sanitized
    for box in boxes:
        assert box["width"] == 700
        assert box["height"] > 200  # a picture that can't be shown is as high as a line
