"""Formulas on the pages of theory: MathML that a browser lays out, made without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from browser import Chromium
from selfcorrect import studies
from selfcorrect.report.formulas import mathml, typesetter
from selfcorrect.report.sheet import Section, Sheet, Table, page

THEORY = Path(__file__).parents[2] / "benchmarks" / "theory"
NAMES = ("bridge", "concepts", "construct", "train")
MATHML = "{http://www.w3.org/1998/Math/MathML}"
#: What no element of MathML says by itself stays in its text: an unknown command, say.
ODD = re.compile(r"\\|[{}_]")


def sheet(name: str) -> Sheet:
    found = json.loads((THEORY / f"{name}.json").read_text("utf-8"))
    return studies.load(name).sheet(found)


def texts(of: Sheet) -> Iterator[str]:
    yield from of.findings
    for section in of.sections:
        yield from section.text
        for part in section.parts:
            yield part.title
            if isinstance(part, Table):
                yield part.below
                yield from part.columns
                for row in part.rows:
                    yield from row
            else:
                yield part.caption


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_stands_in_a_text_and_is_mathml(name: str) -> None:
    of = sheet(name)
    typeset = typesetter(of.formulas)
    made = "\n".join(typeset(text) for text in texts(of))
    for plain, latex in of.formulas.items():
        for piece in mathml(latex).split("<wbr>"):
            assert piece in made, plain
            root = ElementTree.fromstring(piece)
            assert root.tag == f"{MATHML}math"
            assert not ODD.search("".join(root.itertext())), piece


def test_texts_of_others_stay_texts() -> None:
    typeset, epsilon = typesetter({"p_t": "p_t", "ε": r"\varepsilon"}), mathml(r"\varepsilon")
    assert typeset("<b>ε</b> p_t2 xp_t") == f"&lt;b&gt;{epsilon}&lt;/b&gt; p_t2 xp_t"
    assert "\u202e" not in typeset("a \u202eε")
    kept = [f'<span class="kept">{epsilon}{mark}</span>' for mark in (",", ").")]
    assert typeset("(ε, ε).") == f"({kept[0]} {kept[1]}"  # no line begins with these
    assert "<math" in page(Sheet("a", "b?", ["ε"], [Section("s", ["c"])], formulas={"ε": "x"}))
    assert "<math" not in page(Sheet("a", "b?", ["ε"], [Section("s", ["c"])]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_browser_lays_them_out_and_nothing_is_cut(
    name: str, tmp_path: Path, started: Chromium
) -> None:
    file = tmp_path / f"{name}.html"
    file.write_text(page(sheet(name)), "utf-8")
    for width in (1400, 400):
        context = started.browser.new_context(viewport={"width": width, "height": 900})
        with started.watched():
            tab = context.new_page()
            asked: list[str] = []
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.goto(file.as_uri())
            found: list[Any] = tab.evaluate(MEASURED)
            wide = tab.evaluate("document.documentElement.scrollWidth")
            context.close()
        assert asked == [file.as_uri()]
        assert len(found) > 10
        assert all(box["width"] > 0 and box["height"] > 0 for box in found)
        assert [box for box in found if box["right"] > box["most"] + 0.5] == []
        assert wide <= width


#: Of each formula that is shown: its box, and where what holds it ends (a wide table scrolls).
MEASURED = """
[...document.querySelectorAll('math')].filter((m) => m.checkVisibility()).map((m) => {
  const b = m.getBoundingClientRect();
  const scrolls = m.closest('.wide');
  const most = scrolls ? Infinity : m.parentElement.closest('p, figcaption, h3, td, th')
    .getBoundingClientRect().right;
  return {width: b.width, height: b.height, right: b.right,
          most: Number.isFinite(most) ? most : 1e9, text: m.textContent};
})
"""
