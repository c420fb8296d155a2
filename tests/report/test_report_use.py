"""The report, opened in a real browser."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from browser import Chromium, Opened, opened
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
    wide.unfold()
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
    assert double == []


def test_a_tap_and_hovering_show_what_a_number_is(phone: Opened) -> None:
    phone.page.locator(".figures .number").first.tap()
    assert "Share of right answers" in phone.text("#tip")
    assert "200 dialogues; 40 clusters" in phone.text("#tip")
    phone.page.locator("h1").tap()
    assert not phone.page.locator("#tip").is_visible()
    phone.unfold()
    phone.page.locator("#numbers .number[data-term=brier]").first.hover()
    assert "Squared distance" in phone.text("#tip")


def test_it_follows_the_theme_and_prints_black_on_white(tmp_path: Path, browser: Chromium) -> None:
    file = written_to(tmp_path, made_summary(), embedded(made_records(5)))
    line = "document.querySelector('.curves svg path[stroke]:not(defs *)')"
    colour = f"getComputedStyle({line}).stroke"
    with opened(browser, file, dark=True) as it:
        dark = it.page.evaluate(colour)
        it.page.emulate_media(color_scheme="light")
        light = it.page.evaluate(colour)
        it.page.emulate_media(color_scheme="dark")
        assert it.page.evaluate(colour) == dark != light
        it.page.emulate_media(media="print")
        assert it.page.evaluate(colour) == light
        assert it.page.locator("[data-chart] svg.wide:visible").count() == 8
        assert not it.page.locator(".browser").is_visible()
        assert "not printed" in it.text("#dialogues")
        assert (
            it.page.evaluate("getComputedStyle(document.body).backgroundColor")
            == "rgb(255, 255, 255)"
        )


def test_marks_say_what_they_are_to_mouse_finger_and_keys(
    tmp_path: Path, browser: Chromium
) -> None:
    file = written_to(tmp_path, made_summary())
    with opened(browser, file) as it:
        chart = it.page.locator("[data-chart=curves]")
        box = chart.locator("svg.wide").bounding_box()
        assert box
        marks = chart.locator("svg.wide .mark")
        first = marks.first.bounding_box()
        assert first
        it.page.mouse.move(first["x"] + 12, first["y"] + 12)  # near, not on it
        it.wait_for("document.querySelector('#near').matches(':popover-open')")
        assert "[" in it.text("#near")
        it.page.keyboard.press("Escape")
        chart.focus()
        it.page.keyboard.press("ArrowRight")
        assert it.text("#near") == "this run: 55 % [51, 59]"
        assert marks.locator("title").count() == 0  # or the browser would tell it twice
        it.page.keyboard.press("Escape")
        assert not it.page.locator("#near").is_visible()


def test_a_link_opens_what_is_folded(tmp_path: Path, browser: Chromium) -> None:
    with opened(browser, written_to(tmp_path, made_summary())) as it:
        assert not it.page.locator("[data-chart=reliability]").is_visible()
        it.page.locator("nav a", has_text="Confidence").click()
        it.page.locator("[data-chart=reliability]").wait_for()
