"""The report, opened in a real browser."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from browser import Chromium, Opened, opened
from selfcorrect.report.page import first_screen
from summaries import embedded, made_records, made_summary, written_to


def test_everything_works_by_keyboard(wide: Opened) -> None:
    keys, page = wide.page.keyboard, wide.page
    page.evaluate("scrollTo(0, 0)")
    page.mouse.click(1, 1)  # the keyboard goes on from there
    keys.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(".figures .term").first.focus()
    keys.press("Shift+Tab")
    keys.press("Tab")
    assert "Share of right answers" in wide.text("#tip")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tip"
    keys.press("Escape")
    assert not page.locator("#tip").is_visible()
    page.locator("#round").focus()
    keys.press("ArrowLeft")
    assert wide.text("output") == "round 4"
    assert page.locator("#round").get_attribute("aria-valuetext") == "round 4"
    page.locator("#measure").focus()
    before = wide.text("#explained")
    keys.press("ArrowDown")
    assert wide.text("#explained") != before
    page.locator("#search").focus()
    keys.press("Tab")
    keys.press("Space")
    assert page.locator("[data-filter=flipped]").get_attribute("aria-pressed") == "true"
    keys.press("Space")
    page.locator("#list summary").first.focus()
    keys.press("Enter")
    assert page.locator("#list details[open]").count() == 1
    page.locator("#more").focus()
    keys.press("Enter")
    assert page.evaluate("document.activeElement.querySelector('.id').textContent") == (
        page.locator("#list .id").nth(50).text_content()
    )


def test_names_and_headings_are_in_order(wide: Opened) -> None:
    levels = wide.page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    unnamed = wide.page.evaluate(
        """[...document.querySelectorAll("input, select, button, [role=img], [role=region]")]
            .filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"""
    )
    assert unnamed == 0
    double = wide.page.evaluate(
        "(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);"
        " return ids.filter((id, k) => ids.indexOf(id) !== k); })()"
    )
    assert [name for name in double if "-" not in name] == []  # plotly's own have dashes


def test_a_tap_and_hovering_show_what_a_number_is(phone: Opened) -> None:
    phone.page.locator(".figures .number").first.tap()
    assert "Share of right answers" in phone.text("#tip")
    assert "200 dialogues; 40 clusters" in phone.text("#tip")
    phone.page.locator("h1").tap()
    assert not phone.page.locator("#tip").is_visible()
    phone.page.locator("#numbers .number[data-term=brier]").first.hover()
    assert "Squared distance" in phone.text("#tip")


def test_it_follows_the_theme_and_prints_black_on_white(tmp_path: Path, browser: Chromium) -> None:
    file = written_to(tmp_path, made_summary(), embedded(made_records(5)))
    colour = "document.querySelector('.curves .legendlines path')?.style.stroke"
    with opened(browser, file, dark=True) as it:
        dark = it.page.evaluate(colour)
        it.page.emulate_media(color_scheme="light")
        it.wait_for(f"{colour} !== {json.dumps(dark)}")
        light = it.page.evaluate(colour)
        it.page.emulate_media(color_scheme="dark")
        it.wait_for(f"{colour} === {json.dumps(dark)}")
        printed = it.page.pdf(format="A4", print_background=True)
        assert printed.startswith(b"%PDF-")
        assert it.page.locator("[data-chart]:has(.main-svg)").count() == 8
        it.page.emulate_media(media="print")
        assert light != dark
        assert not it.page.locator(".browser").is_visible()
        numbers = "getComputedStyle(document.getElementById('numbers')).contentVisibility"
        assert it.page.evaluate(numbers) == "visible"
        assert "not printed" in it.text("#dialogues")
        assert (
            it.page.evaluate("getComputedStyle(document.body).backgroundColor")
            == "rgb(255, 255, 255)"
        )


def test_a_notebook_shows_the_first_screen(tmp_path: Path, browser: Chromium) -> None:
    shown = first_screen(made_summary())
    assert len(shown) < 2_300_000
    file = tmp_path / "notebook.html"
    file.write_text(f"<!doctype html><meta charset=utf-8><p>Out[1]:{shown}", encoding="utf-8")
    with opened(browser, file, until="document.querySelector('iframe')") as it:
        inside = it.page.frame_locator("iframe")
        inside.locator(".cost .main-svg").first.wait_for()
        said = inside.locator(".said p").all_inner_texts()
        assert said == made_summary()["verdict"].splitlines()
        assert inside.locator(".curves .main-svg").count()
        assert inside.locator("#dialogues, #numbers").count() == 0
        assert it.complaints == []
