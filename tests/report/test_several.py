"""Several runs on one page, one of which is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

import selfcorrect as sc
from browser import Chromium, opened
from selfcorrect.cli import app
from selfcorrect.report.page import page, together
from summaries import embedded, made_records, made_summary

_DOUBLE = """(() => {
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  return ids.filter((id, k) => ids.indexOf(id) !== k);
})()"""


def test_each_run_works_as_on_a_page_of_its_own(tmp_path: Path, browser: Chromium) -> None:
    pages = {
        "one": page(made_summary(), embedded(made_records(10))),
        'two <b> id="main"': page(made_summary(3, seed=1), embedded(made_records(5))),
    }
    file = tmp_path / "reports.html"
    file.write_text(together(pages), encoding="utf-8")
    with opened(browser, file, until="document.querySelectorAll('.listed li').length === 15") as it:
        assert it.page.locator("[data-run]:visible").count() == 1
        assert it.page.evaluate(_DOUBLE) == []
        it.page.locator("input[name=run]").nth(1).check()
        second = it.page.locator("[data-run]:visible")
        assert second.get_attribute("data-run") == "r1-"
        it.unfold()
        assert it.fits()
        second.locator("select[data-views=measure]").select_option(index=3)
        label = second.locator("[data-chart=measure]").get_attribute("aria-label")
        assert label is not None
        assert label.endswith("Shown: calibration gap.")
        second.locator(".figures .number").first.hover()
        assert "Share of right answers" in it.text("#r1-tip")
        second.locator("[data-filter=flipped]").click()
        assert it.page.locator("#r0-list li").count() == 10
        it.page.emulate_media(media="print")
        assert it.page.locator("[data-run]:visible").count() == 2
        assert it.complaints == []


def test_a_text_that_ends_as_an_attribute_begins_stays_as_it_is() -> None:
    """The runs' ids are told apart, and JSON that was no JSON any more left the page without any
    script."""
    texts = [" id=", " for=", ' id="', '="url(#', 'href="#']
    held = f'<script type="application/json" id="terms">{json.dumps(texts)}</script>'
    whole = together(dict.fromkeys(("one", "two"), f"<!--part-->{held}<!--/part-->"))
    found = re.findall(r'id="r\d-terms">(.*?)</script>', whole)
    assert [json.loads(each) for each in found] == [texts, texts]


def test_the_command_writes_them_beside_the_first(tmp_path: Path) -> None:
    how = {"rounds": 2, "limit": 6, "out": tmp_path, "progress": False, "controls": False}
    runs = [sc.run(f"planted:chain?accuracy={a}", "planted", **how) for a in (0.4, 0.6)]  # type: ignore[arg-type]
    done = CliRunner().invoke(app, ["report", *(str(run.folder) for run in runs)])
    assert done.exit_code == 0, done.output
    assert done.stdout.replace("\n", "").endswith("reports.html")
    written = (tmp_path / "reports.html").read_text("utf-8")
    for run in runs:
        assert f"<bdi>{run.folder.name}</bdi></label>" in written
    again = CliRunner().invoke(app, ["report", str(runs[0].folder)])
    assert again.exit_code == 0
    assert (runs[0].folder / "report.html").is_file()  # type: ignore[operator]
