"""Sheets, on a page in a real browser, on a terminal, and as figures for the docs."""

from __future__ import annotations

import io
import runpy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from browser import Chromium, chromium, opened
from selfcorrect.cli.sheet import show
from selfcorrect.report.sheet import Chart, Section, Sheet, Table, filled, numeric, page
from selfcorrect.text import visible

SCRIPT = Path(__file__).parents[2] / "scripts" / "docs_figures.py"


@pytest.fixture(scope="module")
def started() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


def lines(name: str, *traces: str, **layout: Any) -> Chart:
    """A line as theory and markers as what was measured, for each name."""
    data = []
    for k, trace in enumerate(traces):
        y = [(k + 1) * 0.8**x for x in range(8)]
        usual = {"type": "scatter", "name": trace, "x": list(range(8)), "y": y}
        bars = {"type": "data", "array": [0.1] * 8, "color": "@confidence"}
        data += [
            {**usual, "mode": "lines", "line": {"color": "@outcome", "dash": "dash"}},
            {**usual, "mode": "markers", "marker": {"color": "@confidence"}, "error_y": bars},
        ]
    axes = {"xaxis": {"title": {"text": "steps"}}, "yaxis": {"title": {"text": "excess"}}}
    return Chart(name, f"Chart {name}", f"What {name} shows.", data, axes | layout, "Bars: 95 %.")


def heatmap(name: str, text: str) -> Chart:
    data = {
        "type": "heatmap",
        "x": ["1", "2"],
        "y": [text, "the rest"],
        "z": [[0, 0.5], [0.5, 1]],
        "colorscale": [[0, "@outcome/0"], [1, "@outcome/60"]],
        "showscale": False,
    }
    return Chart(name, "Attention", "Weights.", [data], {"yaxis": {"automargin": True}})


def made(text: str = "a text") -> Sheet:
    """A sheet in which this text stands wherever a text can."""
    wide = Table(
        text,
        [text, *(f"column {k}" for k in range(9))],
        [[text, *(f"{k}.{k}×10⁻¹⁵" for k in range(9))], ["other", *"123456789"]],
        text,
    )
    table = Table(text, [text, text, "n"], [[text, text, "1"], ["b", text, "–"]], text)
    hidden = replace(table, title="for the page alone", terminal=False)
    chart = replace(lines("curves", text, "exact floor"), title=text, alt=text, caption=text)
    chart = replace(chart, layout={**chart.layout, "xaxis": {"title": {"text": text}}})
    low = {"title": {"text": text}, "domain": [0, 0.4]}
    two = lines("two", "a", yaxis={"domain": [0.6, 1]}, yaxis2=low)
    two.data[1] |= {"yaxis": "y2"}  # type: ignore[operator]
    return Sheet(
        title=text,
        question=text,
        findings=[text, text],
        sections=[
            Section(text, [text, text], [table, chart, wide, heatmap("weights", text)]),
            Section("Text alone", [text]),
            Section("No text", [], [two, hidden]),
        ],
        settings={"seed": text, "command": f"selfcorrect theory {text}", text: "0"},
    )


# Texts are texts

HOSTILE = [
    "<script>window.planted = 1</script><img src=x onerror='window.planted = 2'>",
    "</script></style><style>* { display: none }</style><b onclick=planted=3> {{7*7}} {% raw %}",
    "<a href='javascript:planted=4'>a</a><sup>b</sup> %{y} &lt;b&gt; &#60;i&#62; @nothing",
    "a\u202eb\u2066c\u200fd\x00e\x1b[31mf\u2028g\x85h\ufeffi\U000e0041j",
    "x" * 3_000,
    "א ב ג " * 50,
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=40)).filter(
    lambda text: text not in ("seed", "command")
)


class Skeleton(HTMLParser):
    """A page's tags with the names of their attributes; its data and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.words: list[str] = []
        self.drawn: set[str] = set()  # tags and attributes within charts, whose number texts decide
        self.charts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.charts += tag == "svg"
        if self.charts:
            self.drawn |= {tag, *(name for name, _ in attrs)}
        else:
            self.tags.append((tag, *sorted(name for name, _ in attrs if name != "class")))

    def handle_endtag(self, tag: str) -> None:
        self.charts -= tag == "svg"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


PLAIN = Skeleton(page(made("plain")))


@settings(max_examples=40, deadline=None)
@given(texts)
def test_a_text_is_never_markup(text: str) -> None:
    written = page(made(text))
    written.encode("utf-8")
    found = Skeleton(written)
    assert found.tags == PLAIN.tags
    assert visible(text, lines=True) in "\n".join(found.words)
    assert visible(written, lines=True) == written
    assert found.drawn <= PLAIN.drawn | {"transform"}  # names that don't fit are turned
    assert not PLAIN.drawn & {"script", "style", "a", "href", "foreignobject", "image", "onclick"}


# The page


@pytest.mark.parametrize(("width", "dark"), [(380, True), (1400, False)])
def test_it_opens_without_complaint_network_or_sideways_scrolling(
    tmp_path: Path, started: Chromium, width: int, dark: bool
) -> None:
    file = tmp_path / "sheet.html"
    skeletons = []
    for text in ("plain", "".join(HOSTILE[:5])):
        file.write_text(page(made(text)), encoding="utf-8")
        with opened(started, file, width=width, dark=dark) as it:
            assert it.page.locator("[data-chart] svg:visible").count() == 3
            assert it.page.locator("[data-chart=weights] svg:visible rect").count() == 4
            assert it.fits()
            wider = it.page.locator(".wide").evaluate_all(OVERFLOWS)
            assert not any(wider) or width > 500  # on a phone a row is a block
            assert it.complaints == []
            assert [url for url in it.requests if not url.startswith("data:")] == [file.as_uri()]
            assert it.page.evaluate("typeof window.planted") == "undefined"
            background = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (background == "rgb(255, 255, 255)") is not dark
            legend = it.page.locator("[data-chart=curves] svg:visible .names text").first
            said = (legend.text_content() or "").rstrip("…").split()
            assert " ".join(visible(text).split()).startswith(" ".join(said)[:20])
            skeletons.append(it.page.evaluate(TAGS))
    assert skeletons[0] == skeletons[1]


OVERFLOWS = "(all) => all.map((e) => e.scrollWidth > e.clientWidth && e.clientWidth < innerWidth)"
#: of the page without what is in its charts
TAGS = "[...document.querySelectorAll('body *:not(svg *)')].map((e) => e.tagName).join()"


@pytest.mark.parametrize("width", [1088, 1300])
def test_a_table_of_intervals_has_the_whole_width(
    tmp_path: Path, started: Chromium, width: int
) -> None:
    """As that of a steering study: five columns of which each fits, and all of them don't."""
    cells = ["+.079 [.068, .089]", "[−.112, .111]", ".026", "−.079 [−.168, −.089]"]
    heads = ["dose", "odd: the effect", "other directions", "p", "even: damage"]
    rows = [[f"probability of the right option, ±.{n}", *cells] for n in (20, 40)]
    few = Table("Few", ["", "this model"], [["answers read", ".900 [.801, .933]"]])
    sheet = Sheet("T", "q", ["f"], [Section("s", [], [Table("Doses", heads, rows), few, few])])
    file = tmp_path / "sheet.html"
    file.write_text(page(sheet), "utf-8")
    with opened(started, file, width=width) as shown:
        found = shown.page.evaluate(
            "[...document.querySelectorAll('.wide')].map(e => [e.scrollWidth, e.clientWidth])"
        )
    assert [needed <= there for needed, there in found] == [True] * 3
    assert found[0][1] > 1.5 * found[1][1]


def test_findings_tables_and_settings_stand(tmp_path: Path, started: Chromium) -> None:
    file = tmp_path / "sheet.html"
    file.write_text(page(made()), encoding="utf-8")
    with opened(started, file) as it:
        weights = it.page.locator(".said p").evaluate_all(
            "(all) => all.map((p) => getComputedStyle(p).fontWeight)"
        )
        assert weights == ["600", "400"]
        it.page.keyboard.press("Tab")
        assert it.page.evaluate("document.activeElement.className") == "skip"
        targets = it.page.locator("nav a").evaluate_all(
            "(all) => all.map((a) => document.querySelector(a.getAttribute('href')).innerText)"
        )
        heads = [*(section.title for section in made().sections), "What was run"]
        assert [target.splitlines()[0] for target in targets] == heads
        aligned = "(all) => all.map((c) => getComputedStyle(c).textAlign)"
        row = it.page.locator("table").first.locator("tbody tr").first.locator("th, td")
        assert row.evaluate_all(aligned) == ["left", "left", "right"]
        assert row.first.get_attribute("scope") == "row"
        assert it.text("#about code") == "selfcorrect theory a text"
        printed = it.page.pdf(format="A4", print_background=True)
        assert printed.startswith(b"%PDF-")
        it.page.emulate_media(media="print")
        assert not it.page.locator("nav").is_visible()
        assert it.complaints == []


def test_without_scripts_all_is_there(tmp_path: Path, started: Chromium) -> None:
    file = tmp_path / "sheet.html"
    file.write_text(page(made()), encoding="utf-8")
    context = started.browser.new_context(java_script_enabled=False)
    with started.watched():
        tab = context.new_page()
        tab.goto(file.as_uri())
        assert tab.locator(".said p").all_inner_texts() == ["a text", "a text"]
        assert tab.locator("table").count() == 3
        assert tab.locator("[data-chart] svg:visible").count() == 3
        context.close()


# What can't be shown


def test_what_makes_no_page_is_said() -> None:
    def with_parts(*parts: Table | Chart) -> Sheet:
        return Sheet("a", "b?", ["c"], [Section("d", [], parts)])

    chart = lines("curves", "a")
    for parts, said in (
        ([chart, chart], "'curves'"),
        ([replace(chart, name="../a")], "'../a'"),
        ([replace(chart, data=[{"x": [0.0], "y": [float("nan")]}])], "chart 'curves': nan"),
    ):
        with pytest.raises(ValueError, match=said):
            page(with_parts(*parts))
    short = with_parts(Table("t", ["a", "b"], [["1"]]))
    for shown in (page, lambda sheet: show(sheet, Console(file=io.StringIO()))):
        with pytest.raises(ValueError, match="shorter"):
            shown(short)
    assert "<h1>a</h1>" in page(with_parts())
    with pytest.raises(ValueError, match="'pie' can't be drawn"):
        page(with_parts(replace(chart, data=[{"type": "pie", "x": [], "y": []}])))


def test_columns_of_numbers() -> None:
    numbers = [
        "−.03 [−.05, .01]",
        "7.1×10⁻¹⁵",
        "<.001",
        "–",
        "",
        "12.3 %",
        "3 + 1",
        "[.1, .2]",
        "∞",
    ]
    others = ["no", "3 of 5 folds", "e⁻⁴⁵", "better"]
    rows = [[str(k), n, o] for k, (n, o) in enumerate(zip(numbers, others * 3, strict=False))]
    assert numeric(Table("t", ["1", "2", "3"], rows)) == [False, True, False]
    for cell in others:
        assert numeric(Table("t", ["", "a"], [["a", "1"], ["b", cell]])) == [False, False]
    assert numeric(Table("t", ["a"], [])) == [False]


def test_a_column_in_which_nothing_stands_is_left_out() -> None:
    table = Table("t", ["", "share", "unread allow"], [["a", ".5", ""], ["b", ".4", ""]])
    sheet = Sheet("a", "b?", [], [Section("c", [], [table])])
    assert filled(table).columns == ["", "share"]
    for written in (page(sheet), terminal(sheet)):
        assert "share" in written
        assert "unread allow" not in written
    some = replace(table, rows=[["a", ".5", ""], ["b", ".4", ".3 to .6"]])
    assert filled(some) is some


# The terminal


def terminal(sheet: Sheet, width: int = 80) -> str:
    file = io.StringIO()
    show(sheet, Console(file=file, width=width, force_terminal=False))
    return file.getvalue()


cells = st.one_of(
    st.sampled_from(["–", "1.2 [1.0, 1.4]", "7.1×10⁻¹⁵", "104,320", "select and eliminate"]),
    st.sampled_from(HOSTILE),
    st.text(max_size=60),
)
tables = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=2, max_size=4)
)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from([40, 80, 120]))
def test_it_fits_and_nothing_is_cut(rows: list[list[str]], width: int) -> None:
    table = Table("t", rows[0], rows[1:], "note")
    written = terminal(Sheet("a", "b?", [], [Section("c", [], [table])]), width)
    assert all(cell_len(line) <= width for line in written.splitlines())
    assert visible(written, lines=True) == written
    kept = filled(table)
    cells = [cell for row in (kept.columns, *kept.rows) for cell in row]
    wanted = Counter(c for cell in cells for c in visible(cell) if not c.isspace())
    assert wanted <= Counter(written)


def test_what_a_terminal_shows() -> None:
    written = terminal(made())
    assert all(len(line) <= 80 for line in written.splitlines())
    assert written.splitlines()[:5] == ["a text", "a text", "", "a text", "a text"]
    assert "for the page alone" not in written
    assert "steps" not in written
    for k in range(9):
        assert f"{k}.{k}×10⁻¹⁵" in written  # no number is broken
    assert written.count("other") == 2  # nine such columns need two tables


def test_dashes_are_explained_where_they_stand_and_an_empty_table_is_a_sentence() -> None:
    def said(rows: list[list[str]], note: str = "") -> tuple[str, str]:
        table = Table("Shares", ["", "share"], rows, note)
        sheet = Sheet("a", "b?", [], [Section("c", [], [table])])
        return terminal(sheet, 200), page(sheet)

    number, interval = "–: no number; it doesn't apply", "[–]: no interval; there was too little"
    for rows, told in (
        ([["a", ".5 [.4, .6]"]], (False, False)),
        ([["a", "–"]], (True, False)),
        ([["a", ".5 [–]"]], (False, True)),
        ([["a", ".5 [–], p –"], ["–", "1"]], (True, True)),
        ([["–", ".5 [.4, .6]"], ["1–2", "a – b, 1–2"]], (False, False)),
    ):
        for written in said(rows):
            written = written.replace("&#39;", "'")
            assert (number in written, interval in written) == told
    assert all(number not in each for each in said([["a", "–"]], "– where nothing was asked."))
    for written in said([], "A note."):
        assert "There is nothing to show here. A note." in written
        assert "Shares" in written
    assert "<table" not in said([])[1]
    assert "share " not in said([])[0]


def test_units_are_explained_once_where_sentences_and_tables_differ() -> None:
    table = Table("Shares", ["", "share"], [["a", ".5 [.4, .6]"]])
    for finding, parts, told in (
        ("It gains +4.1 points [1.2, 7.0].", [table], 1),
        ("12 % [8, 18] of them.", [table, table], 1),
        ("It gains +.041 [.012, .070].", [table], 0),
        ("It gains +4.1 points [1.2, 7.0].", [], 0),
    ):
        sheet = Sheet("a", "b?", [finding, finding], [Section("c", [], parts)])
        for written in (terminal(sheet, 200), page(sheet)):
            assert written.count("Percent and points are hundredths") == told


# Figures for the docs


def test_figures_are_small_pictures_and_the_same_every_time() -> None:
    figures = runpy.run_path(str(SCRIPT))["figures"]
    first, again = (figures(made("a & <b>")) for _ in range(2))
    assert first == again
    assert list(first) == ["curves", "weights", "two"]
    for svg in first.values():
        root = ElementTree.fromstring(svg)
        assert root.attrib["width"] == "700"
        assert int(root.attrib["height"]) >= 300
        assert "<script" not in svg
        assert "var(" not in svg
        assert "@" not in svg  # every colour is written out
        assert len(svg) < 150_000
    assert "a & <b>" in "".join(ElementTree.fromstring(first["curves"]).itertext())
    assert "#0072b2" in first["curves"]
