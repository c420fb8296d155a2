"""Answers that are text in the browser of dialogues: what changed, and by how much."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from browser import Chromium, Opened, opened
from selfcorrect.measures.own import Own
from selfcorrect.outcome import Outcome
from selfcorrect.records import frame
from summaries import embedded, in_words, no_charts, record, step, written_to

SCRIPT = Path(__file__).parents[2] / "src" / "selfcorrect" / "report" / "differences.js"
COVERAGE = Outcome("coverage", margin=0.03)


@pytest.fixture(scope="module")
def compared(started: Chromium) -> Iterator[Any]:
    """The script's function on pairs of texts, in an empty page."""
    context = started.browser.new_context()
    page = context.new_page()
    code = f"{SCRIPT.read_text('utf-8')}\nreturn pairs.map(([a, b]) => differences(a, b));"
    yield lambda pairs: page.evaluate(f"(pairs) => {{ {code} }}", pairs)
    context.close()


def in_common(before: Sequence[str], after: Sequence[str]) -> int:
    """The length of the longest common subsequence, from its definition."""
    rows = [[0] * (len(after) + 1)]
    for one in before:
        row = [0]
        for j, other in enumerate(after):
            row.append(rows[-1][j] + 1 if one == other else max(rows[-1][j + 1], row[j]))
        rows.append(row)
    return rows[-1][-1]


def words_of(found: dict[str, Any], *kinds: str) -> list[str]:
    return "".join(text for kind, text in found["parts"] if kind in kinds).split()


def test_a_difference_is_the_smallest_there_is(compared: Any) -> None:
    rng = random.Random(0)
    pairs = [
        [" ".join(rng.choices("abcdef", k=rng.randint(0, 30))) for _ in range(2)]
        for _ in range(200)
    ]
    for (before, after), found in zip(pairs, compared(pairs), strict=True):
        assert words_of(found, "kept", "dropped") == before.split()
        assert words_of(found, "kept", "added") == after.split()
        kept = in_common(before.split(), after.split())
        assert found["words"] == {
            "kept": kept,
            "dropped": len(before.split()) - kept,
            "added": len(after.split()) - kept,
        }


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("A dog ran.", "A dog  ran.\n", [["kept", "A dog  ran.\n"]]),
        ("A dog", "A dog ran.", [["kept", "A dog"], ["added", "ran."]]),
        ("A dog ran.", "A dog, ran!", [["kept", "A dog"], ["added", ", "], ["kept", "ran"],
                                       ["dropped", "."], ["added", "!"]]),
        ("", "", []),
        ("", "don't", [["added", "don't"]]),
        ("<b>x", "", [["dropped", "<b>x"]]),
        ("a 😀", "a 😁", [["kept", "a "], ["dropped", "😀"], ["added", "😁"]]),
    ],
)  # fmt: skip
def test_words_and_marks_are_compared(compared: Any, before: str, after: str, parts: Any) -> None:
    (found,) = compared([[before, after]])
    assert [[kind, text.strip()] for kind, text in found["parts"]] == [
        [kind, text.strip()] for kind, text in parts
    ]


def test_long_texts_are_compared_in_bounded_time(compared: Any) -> None:
    one, other = (" ".join(f"{name}{k}" for k in range(20_000)) for name in "xy")
    (found,) = compared([[f"same {one} end", f"same {other} end"]])
    assert [kind for kind, _ in found["parts"]] == ["kept", "dropped", "added", "kept"]
    assert found["words"] == {"kept": 2, "dropped": 20_000, "added": 20_000}


# -- in the page ----------------------------------------------------------------------------------


def rounds_of(name: str, *answers: tuple[str, float | None]) -> list[dict[str, Any]]:
    free = {"choices": [], "target": None, "option_p": [], "option_logp": [], "option_mass": None}
    return [
        record(
            name,
            number,
            None,
            [step("say", "Write."), step("answer", text)],
            **{**free, "key": text or None, "problem": None if text else "empty", "outcome": value},
        )
        for number, (text, value) in enumerate(answers, 1)
    ]


def summary_of(outcome: Outcome) -> dict[str, Any]:
    told = {"name": outcome.name, "kind": outcome.kind, "better": outcome.better, "margin": 0.03}
    return in_words(no_charts() | {"outcome": told, "own": Own(outcome=outcome).terms()})


def page_of(tmp_path: Path, rows: list[dict[str, Any]], outcome: Outcome = COVERAGE) -> Path:
    return written_to(tmp_path, summary_of(outcome), embedded(frame(rows)))


def listed(it: Opened) -> list[str]:
    return it.page.locator("#list .id").all_text_contents()


def test_an_answer_stands_with_its_difference_and_outcome(
    tmp_path: Path, browser: Chromium
) -> None:
    rows = rounds_of(
        "a",
        ("A dog ran.", 0.5),
        ("A brown dog <i>ran</i>\u202e.", 0.75),
        ("A brown dog <i>ran</i>\u202e.", 0.25),
        ("", None),
    )
    with opened(browser, page_of(tmp_path, rows)) as it:
        it.page.locator("#list summary").click()
        it.page.locator("#list .open").wait_for()
        told = it.page.locator(".difference .who").all_text_contents()
        assert told == [
            "3 words added, 0 dropped against round 1.",
            "The same words as in round 2.",
            "0 words added, 6 dropped against round 3.",
        ]
        first = it.page.locator(".difference").first
        assert "".join(first.locator("ins").all_text_contents()) == "brown <i></i>U+202E"
        assert first.locator("i").count() == 0
        assert first.locator("del").count() == 0
        said = it.page.locator(".conversation .outcome").all_text_contents()
        assert said == [
            "coverage .500",
            "coverage .750 (+.250 against round 1)",
            "coverage .250 (−.500 against round 2)",
            "unread: empty",
        ]
        assert it.complaints == []


def test_letters_have_no_difference_of_words(tmp_path: Path, browser: Chromium) -> None:
    rows = [record("a", k, 0, [step("answer", f"It is {k}")]) for k in (1, 2)]
    with opened(browser, written_to(tmp_path, no_charts(), embedded(frame(rows)))) as it:
        it.page.locator("#list summary").click()
        it.page.locator("#list .open").wait_for()
        assert it.page.locator(".difference").count() == 0
        assert (
            it.page.locator(".conversation .outcome").all_text_contents()
            == ["✗ wrong: (a) the grandfather"] * 2
        )


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_dialogues_are_sorted_by_how_much_better_they_became(
    tmp_path: Path, browser: Chromium, better: Any
) -> None:
    rng = random.Random(1)
    changes: dict[str, float | None] = {}
    rows = []
    for k in range(56):
        first, last = rng.choice([0.0, 0.5]), rng.choice([0.0, 0.25, 1.0, None])
        rows += rounds_of(f"d{k}", ("x", first), (f"y{k}", 0.9), (f"z{k}", last))
        changes[f"d{k}"] = None if last is None else (last - first) * (-1) ** (better == "lower")
    known = [name for name, change in changes.items() if change is not None]
    unknown = [name for name, change in changes.items() if change is None]
    outcome = Outcome("coverage", better=better)
    with opened(browser, page_of(tmp_path, rows, outcome)) as it:
        as_they_come = listed(it)
        for order, sign in (("better", -1), ("worse", 1)):
            it.page.locator("#sort").select_option(order)
            while it.page.locator("#more").is_visible():
                it.page.locator("#more").click()
            wanted = sorted(known, key=lambda name: sign * (changes[name] or 0))
            assert listed(it) == [*wanted, *unknown]
        it.page.locator("[data-filter=got_better]").click()
        gained = [name for name in wanted if (changes[name] or 0) > 0]
        assert listed(it) == gained[:50]
        it.page.locator("[data-filter=got_better]").click()
        it.page.locator("#sort").select_option("")
        assert listed(it) == as_they_come
