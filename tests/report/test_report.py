"""The report, opened in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser import Chromium, Opened, opened
from selfcorrect.records import frame
from selfcorrect.report.page import page
from summaries import embedded, estimate, made_summary, no_charts, record, step, written_to


@pytest.mark.parametrize("screen", ["phone", "wide"])
def test_it_opens_without_complaint_network_or_sideways_scrolling(
    request: pytest.FixtureRequest, screen: str
) -> None:
    it: Opened = request.getfixturevalue(screen)
    it.unfold()
    it.page.locator("#list summary").first.click()
    assert it.fits()
    assert it.page.locator("[data-chart]").count() == 8
    assert it.page.locator("[data-chart] svg:visible").count() == 8
    for text in ("better", "tokens, all rounds", "this run − repeat"):
        assert text in it.text(".verdict")
    size = it.page.viewport_size
    it.page.set_viewport_size({"width": 800, "height": 900})
    assert it.fits()
    it.page.set_viewport_size(size)
    background = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (screen == "wide")
    assert it.complaints == []
    assert [url.rpartition("/")[2] for url in it.requests] == ["report.html"]


def test_the_verdict_is_a_paragraph_a_sentence_the_first_one_stronger(wide: Opened) -> None:
    said = wide.page.locator(".said p")
    made = made_summary()
    assert said.all_inner_texts() == [made["decision"]["said"], *made["verdict"].splitlines()]
    weights = said.evaluate_all("(all) => all.map((p) => getComputedStyle(p).fontWeight)")
    assert weights == ["600", "400", "400", "400"]


def test_the_flow_of_answers_fits_on_a_usual_screen(wide: Opened) -> None:
    wide.page.set_viewport_size({"width": 1400, "height": 900})
    assert wide.fits("#flow .wide")
    wide.page.set_viewport_size({"width": 1600, "height": 900})


def test_the_policy_lets_no_other_script_run(tmp_path: Path, browser: Chromium) -> None:
    with opened(browser, written_to(tmp_path, no_charts())) as it:
        it.page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.planted = 1";
                document.head.append(script);
                const html = '<img src=x onerror="planted = 2"><p id=p onclick="planted = 3">p</p>';
                document.body.insertAdjacentHTML("beforeend", html);
                document.getElementById("p").click();
            }"""
        )
        it.wait_for("performance.now() > 0")
        assert it.page.evaluate("typeof planted") == "undefined"
        assert any("Content Security Policy" in line for line in it.complaints)


HOSTILE = [
    "<script>window.planted = 1</script>",
    "<img src=x onerror='window.planted = 2'>",
    "</script></style></textarea><style>* { display: none }</style><b onclick=planted=3>",
    "<!-- <script> {{7*7}} {% raw %} ${7*7} &lt;b&gt; &#60;i&#62;",
    "javascript:window.planted=4",
    "a\u202eb\u2066c\u200fd\u0000e\u0007f\u001b[31mg\u2028h\u0085i\ufeffj\U000e0041k",
    "line\n\n  two\ttab\r\nthree",
    "x" * 200_000,
    "‮ א ב ג " * 50,
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢" * 20,
]


def with_texts(texts: list[str]) -> str:
    """A report in which every text that isn't ours is one of these."""
    rows = []
    for k, text in enumerate(texts):
        steps = [step("say", text, speaker=text[:400]), step("answer", text, prefill=text[:1])]
        more = {"cluster": text[:400], "choices": [text[:400], "b", "c"], "notes": [text[:400]]}
        rows.append(record(f"{k} {text[:400]}", 1, 0, steps, **more))
        rows.append(record(f"{k} {text[:400]}", 2, None, steps, **more, problem=text[:400]))
    summary = made_summary(2)
    name = texts[0] + texts[2] + texts[3] + texts[5]
    summary["folder"] = f"runs/{name.replace('/', '')}"
    summary["notes"], summary["verdict"] = [name], name
    summary["spec"]["model"]["name"] = summary["spec"]["task"]["name"] = name
    summary["spec"]["strategy"]["name"] = name
    for row in summary["rounds"]:
        own = {f"bias_ambiguous/{name}": estimate(0.1), name.replace("/", ""): estimate(0.2)}
        row["measures"] |= own
        row["measures"]["auroc"] = estimate(None, why=name)
    return page(summary, embedded(frame(rows)))


SKELETON = """[...document.querySelectorAll("body *:not(.code):not(svg *)")]
    .map((e) => `${e.tagName}.${e.getAttribute("class")}`).join(" ")"""


def test_hostile_text_changes_nothing_but_its_own_text(tmp_path: Path, browser: Chromium) -> None:
    seen = []
    for texts in (HOSTILE, [f"plain {k}" for k in range(len(HOSTILE))]):
        file = tmp_path / "report.html"
        file.write_text(with_texts(texts), encoding="utf-8")
        with opened(browser, file, width=380) as it:
            it.unfold()
            for summary in it.page.locator("#list summary").all():
                summary.click()
            it.wait_for(f"document.querySelectorAll('#list .open').length === {len(texts)}")
            assert it.fits()
            assert it.complaints == []
            assert it.requests == [file.as_uri()]
            assert it.page.evaluate("typeof window.planted") == "undefined"
            seen.append(it.page.evaluate(SKELETON))
            said = it.page.locator("#list .step .words").all_text_contents()
            shown = [text for text in texts if text.isprintable()]
            assert set(shown) <= set(said)
            assert not set(it.words()) & set("\u202e\u2066\u200f\0\7\x1b\u2028\x85\ufeff")
            if texts is HOSTILE:
                marked = it.page.locator("#list .words .code").all_text_contents()
                assert {"U+202E", "U+0000", "U+001B", "U+2028", "U+E0041", "U+000D"} <= set(marked)
    # how many dialogues have hidden characters differs; nothing else does
    assert seen[0] == seen[1]


def test_text_that_is_no_unicode_can_be_written() -> None:
    summary = made_summary(2)
    summary["folder"], summary["notes"] = "runs/\udcff", ["\ud800"]
    assert "&lt;U+DCFF&gt;" in page(summary).encode("utf-8").decode("utf-8")
