"""The report, opened in a real browser."""

from __future__ import annotations

import statistics
from itertools import pairwise
from pathlib import Path

import pytest

from browser import Chromium, Opened, opened, worked
from selfcorrect.records import frame
from selfcorrect.report.dialogues import Chosen, choose, embed
from summaries import embedded, made_records, made_summary, no_charts, record, step, written_to


def test_dialogues_with_a_flip_come_first_then_the_rest_in_order() -> None:
    answers = {"a": [0, 0], "b": [0, 1], "c": [None, None], "d": [1, None], "e": [2, 2]}
    rows = [
        record(name, k + 1, choice, [step("answer", "x")])
        for name, given in answers.items()
        for k, choice in enumerate(given)
    ]
    assert choose(frame(rows)) == Chosen(("b", "d", "a", "c", "e"), 5, 2)
    assert choose(frame(rows), 3) == Chosen(("b", "d", "a"), 5, 2)
    assert choose(frame([])) == Chosen((), 0, 0)


def test_choosing_agrees_with_plain_python() -> None:
    records = made_records(200)
    flipped, rest = [], []
    for (name,), dialogue in records.group_by("example", maintain_order=True):
        given = dialogue["choice"].to_list()
        moved = any(a != b for a, b in pairwise(given))
        (flipped if moved else rest).append(name)
    assert choose(records, 150) == Chosen(tuple([*flipped, *rest][:150]), 200, len(flipped))


def test_what_does_not_fit_is_left_out_and_counted(tmp_path: Path, browser: Chromium) -> None:
    records = made_records(300, words=200)
    some = embed([records], choose(records), limit=60_000)
    assert 0 < some["embedded"] < 300
    assert len(some["data"]) < 60_000 * 4 / 3 + 100_000
    with opened(browser, written_to(tmp_path, no_charts(), some)) as it:
        assert f"{some['embedded']} dialogues." in it.text("#count")
        assert f"{some['embedded']} of " in it.text("#dialogues > .caption")


def ids(it: Opened) -> list[str]:
    while it.page.locator("#more").is_visible():
        it.page.locator("#more").click()
    return it.page.locator("#list .id").all_text_contents()


def test_search_and_filters_find_what_plain_python_finds(tmp_path: Path, browser: Chromium) -> None:
    records = made_records(60)
    order = choose(records).examples
    dialogues = {n: d.to_dicts() for (n,), d in records.group_by("example")}
    plain = {
        "flipped": lambda d: any(a["choice"] != b["choice"] for a, b in pairwise(d)),
        "got_worse": lambda d: d[0]["outcome"] and not d[-1]["outcome"],
        "got_better": lambda d: not d[0]["outcome"] and d[-1]["outcome"],
        "unparsed": lambda d: any(r["problem"] for r in d),
        "low_mass": lambda d: any(r["option_mass"] < 0.5 for r in d),
    }
    with opened(browser, written_to(tmp_path, no_charts(), embedded(records))) as it:
        for names in (*((n,) for n in plain), ("flipped", "unparsed"), ("got_worse", "low_mass")):
            chips = [it.page.locator(f"[data-filter={name}]") for name in names]
            for chip in chips:
                chip.click()
            fit = [e for e in order if all(plain[n](dialogues[e]) for n in names)]
            assert ids(it) == fit
            for chip in chips:
                chip.click()
        for words in (
            "item 7",
            "CLUSTER OF item 11",
            records["steps"][7][0]["text"][3:20],
            "(none)",
        ):
            it.page.fill("#search", words)
            it.page.wait_for_timeout(200)  # it searches a moment after the last key
            texts = {
                e: "\n".join([e, d[0]["cluster"], *(s["text"] for r in d for s in r["steps"])])
                for e, d in dialogues.items()
            }
            fit = [e for e in order if words.lower() in texts[e].lower()]
            said = "No dialogue fits." if not fit else f"{len(fit)} dialogue"
            it.wait_for(f"document.getElementById('count').textContent.startsWith('{said}')")
            assert ids(it) == fit


def test_a_dialogue_stands_as_it_was_said(tmp_path: Path, browser: Chromium) -> None:
    first = [
        step("say", "Who was it?"),
        step("answer", "The best answer is (c)", prefill="The best answer is ("),
    ]
    second = [
        step("say", "Judge this.", begin=True, shown=False),
        step("feedback", "Looks right.", speaker="critic", shown=False, finish="length"),
        step("say", "Please review."),
        step("answer", "It is (a)"),
    ]
    rows = [
        record("one", 1, 2, first, option_p=[0.125, 0.25, 0.625]),
        record("one", 2, 0, second, option_mass=0.4, notes=[{"code": "model", "text": "a note"}]),
    ]
    with opened(browser, written_to(tmp_path, no_charts(), embedded(frame(rows)))) as it:
        assert (
            it.page.locator(".trail").get_attribute("aria-label")
            == "round 1: right, round 2: wrong"
        )
        it.page.locator("#list summary").click()
        it.page.locator("#list .open").wait_for()
        said = it.page.locator("#list .words").all_text_contents()
        assert said == [s["text"] for s in (*first, *second)]
        assert it.page.locator(".words .prefill").all_text_contents() == ["The best answer is ("]
        who = " ".join(it.page.locator("#list .who").all_text_contents())
        for words in ("critic", "said to another model", "cut at its length", "Note: a note"):
            assert words in who
        assert "A new transcript begins here." in it.text("#list")
        assert it.page.locator(".options .p").all_text_contents() == [
            *(".125", ".500"), *(".250", ".300"), *(".625", ".200"),
        ]  # fmt: skip
        assert it.page.locator(".options .given .p").all_text_contents() == [".500", ".625"]
        assert "(c) can't be known ✓ right" in it.text(".options")
        assert "option mass .400" in it.text(".conversation")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    dialogues = embedded(made_records(2_000, rounds=5, words=170))  # 1.1 kB of noise a round
    assert dialogues["embedded"] == 2_000
    return written_to(folder, made_summary(), dialogues)


def opening(browser: Chromium, file: Path) -> float:
    """Seconds until the first screen's charts are drawn."""
    with opened(browser, file) as it:
        mark = "performance.getEntriesByName('first-screen')[0].startTime / 1000"
        return float(it.page.evaluate(mark))


def test_two_thousand_dialogues_are_small_and_open_soon(large: Path, browser: Chromium) -> None:
    """By what the page computes, dialogues and all, as seconds are many where a machine is busy."""
    assert large.stat().st_size < 8_000_000
    before = worked(browser)
    with opened(browser, large):
        after = worked(browser)
    assert sum(after.values()) - sum(before.get(pid, 0.0) for pid in after) < 5


@pytest.mark.slow
def test_two_thousand_dialogues_open_in_a_second(large: Path, browser: Chromium) -> None:
    times = [opening(browser, large) for _ in range(9)]
    assert statistics.median(times) < 1.3, times  # 1 s with some room for a busy machine
