"""The report, opened in a real browser."""

from __future__ import annotations

import html
import json
import random
import re
import statistics
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from browser import Chromium, Opened, chromium, opened
from selfcorrect.measures import Own
from selfcorrect.records import frame
from selfcorrect.report.charts import charts
from selfcorrect.report.definitions import definer
from selfcorrect.report.dialogues import Chosen, choose, embed
from selfcorrect.report.numbers import written
from selfcorrect.report.page import first_screen, page
from selfcorrect.report.verdict import headline, verdict
from selfcorrect.tasks import make

EMPTY: dict[str, Any] = {"embedded": 0, "total": 0, "flipped": 0, "chosen": 0, "data": ""}


@pytest.fixture(scope="module")
def started() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(started: Chromium) -> Iterator[Chromium]:
    """The browser, ended if the test doesn't."""
    with started.watched():
        yield started


@pytest.fixture(scope="module")
def screens(
    started: Chromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Opened, Opened]]:
    """One report on a dark phone and on a wide screen, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("report")
    file = written_to(folder, made_summary(), embedded(made_records(70)))
    with (
        opened(started, file, width=380, dark=True, touch=True) as phone,
        opened(started, file, width=1600) as wide,
    ):
        yield phone, wide


@pytest.fixture
def phone(screens: tuple[Opened, Opened], browser: Chromium) -> Opened:  # noqa: ARG001
    return screens[0]


@pytest.fixture
def wide(screens: tuple[Opened, Opened], browser: Chromium) -> Opened:  # noqa: ARG001
    return screens[1]


# What a report is made of


def estimate(value: float | None, half: float = 0.04, n: int = 200, **more: Any) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 0, "clusters": 0, **more}
    low, high = value - half, value + half
    return {"value": value, "low": low, "high": high, "n": n, "clusters": n // 5, **more}


def made_round(rng: np.random.Generator, number: int, accuracy: float, n: int) -> dict[str, Any]:
    """One round's part of a summary, about as a run has it."""
    gap = 0.04 + 0.02 * number
    confidence = accuracy + gap
    parts = ("Age", "Religion", "Disability_status", "<b>Sexual</b> orientation")
    banded = {
        "accuracy": accuracy,
        "confidence": confidence,
        "entropy": 0.8 - 0.05 * number,
        "calibration_gap": gap,
        "brier": 0.6 - 0.03 * number,
    }
    measures = {
        name: estimate(value, n=n, band=[value - 0.06, value + 0.06])
        for name, value in banded.items()
    }
    measures |= {
        "parse_rate": estimate(0.97, 0.02, n),
        "option_mass": estimate(0.9, 0.02, n, median=0.93),
        "first_choice_p": estimate(0.6 - 0.02 * number, n=n),
        "likeliest_differs": estimate(0.05, 0.02, n),
        "encoded": estimate(120.0 - 60 * (number > 1) + 2 * number, 3, n),
        "generated": estimate(14.0, 1, n),
        "reused": estimate(120.0 * (number - 1), 3, n),
        "tokens": estimate(120.0 - 60 * (number > 1) + 2 * number, 3, n),
        "ece": {"value": 0.09, "low": None, "high": None, "n": n, "clusters": n // 5},
        "ece_expected": estimate(0.05, 0.02, n),
        "ece_excess": estimate(0.04, 0.02, n),
        "ece_debiased": estimate(0.08, 0.03, n),
        "auroc": estimate(0.66, 0.06, n),
        "ece_all": {"value": 0.1, "low": None, "high": None, "n": n, "clusters": n // 5},
        "calibration_gap_all": estimate(gap + 0.01, n=n),
        "brier_all": estimate(0.61, n=n),
        "biased": estimate(0.55, n=n),
        "bias_undetermined": estimate(3.0, 2, n),
        "bias_ambiguous": estimate(0.12 - 0.01 * number, n=n),
        "bias_disambiguated": estimate(0.04, n=n),
        "accuracy_ambiguous": estimate(accuracy - 0.1, n=n),
        "accuracy_disambiguated": estimate(accuracy + 0.1, n=n),
    }
    for whole in ("bias_ambiguous", "bias_disambiguated"):
        for part in parts:
            measures[f"{whole}/{part}"] = estimate(float(rng.normal(0.05, 0.08)), 0.1, n // 4)
    edges = np.linspace(0, 1, 11)
    bins = [
        {
            "low": low,
            "high": high,
            "n": int(n * share),
            "confidence": (low + high) / 2,
            "accuracy": max(0.0, (low + high) / 2 - gap),
            "accuracy_low": max(0.0, (low + high) / 2 - gap - 0.1),
            "accuracy_high": (low + high) / 2 - gap + 0.1,
            "null_low": max(0.0, (low + high) / 2 - 0.08),
            "null_high": min(1.0, (low + high) / 2 + 0.08),
        }
        for low, high, share in zip(
            edges[3:-1], edges[4:], rng.dirichlet(np.arange(1, 8)), strict=True
        )
    ]
    right, moved = round(n * accuracy), max(1, round(n * 0.08 / number))
    flow = {
        "kept_right": right - moved,
        "kept_wrong": n - right - moved - moved // 2,
        "right_to_wrong": moved // 2,
        "wrong_to_right": moved,
        "wrong_to_wrong": moved,
    }
    later = number > 1
    return {
        "round": number,
        "n": n,
        "clusters": n // 5,
        "unparsed": 6,
        "low_mass": False,
        "measures": measures,
        "reliability": bins,
        "flow": flow if later else None,
        "changed": estimate(2.5 * moved / n, n=n) if later else None,
        "cl": estimate(1 - moved / 2 / right, n=right) if later else None,
        "cs": estimate(moved / (n - right), n=n - right) if later else None,
        "settled": estimate(1 - 0.3 / number, n=n),
        "gain": estimate(0.08 * (1 - 1 / number), n=n, p=0.02, p_holm=0.04) if later else None,
    }


def made_summary(rounds: int = 5, n: int = 200, seed: int = 0) -> dict[str, Any]:
    """A summary as a BBQ run with both controls has it."""
    rng = np.random.default_rng(seed)
    curve = [0.55 + 0.09 * (1 - 0.5**k) for k in range(rounds)]
    gained = {"p": 0.012, "margin": 0.03, "verdict": "better", "n_needed": None}
    changes = {
        "accuracy": estimate(0.08, 0.035, n, **gained),
        "confidence": estimate(0.16, 0.04, n, p=0.0001, margin=None, verdict=None),
        "entropy": estimate(-0.2, 0.05, n, p=0.0001, margin=0.05, verdict="better"),
        "calibration_gap": estimate(0.08, 0.05, n, p=0.004, margin=0.03, verdict="worse"),
        "brier": estimate(-0.01, 0.015, n, p=0.2, margin=0.03, verdict="same"),
        "tokens": estimate(-51.0, 4, n, p=None, margin=None, verdict=None),
        "bias_ambiguous": estimate(-0.04, 0.06, n, p=0.21, margin=None, verdict="undecided"),
    }

    def against(at: int, ratio: float) -> dict[str, Any]:
        difference = {
            "accuracy": estimate(
                0.05, 0.06, n, p=0.12, margin=0.03, verdict="undecided", n_needed=900
            ),
            "entropy": estimate(-0.02, 0.02, n, p=0.06, margin=0.05, verdict="same"),
        }
        return {"round": at, "difference": difference, "tokens_ratio": ratio}

    def arm(curve: list[float], ratio: float) -> dict[str, Any]:
        return {
            "folder": "runs/control",
            "dialogues": n,
            "rounds": [made_round(rng, k + 1, a, n) for k, a in enumerate(curve)],
            "against": against(len(curve), ratio),
        }

    summary = {
        "folder": "runs/bbq-intrinsic-smollm2-057e3582",
        "complete": True,
        "dialogues": n,
        "wanted": n,
        "outcome": {"name": "accuracy", "kind": "share", "better": "higher", "margin": 0.03},
        "own": Own(figures=make("sample").figures).terms(),
        "spec": {
            "model": {"name": "smollm2", "dtype": "bfloat16", "device": "cpu"},
            "task": {"name": "bbq", "data": "data/bbq", "categories": [], "options": {}},
            "strategy": {"name": "intrinsic", "parameters": {}},
            "rounds": rounds,
            "limit": n,
            "seed": 0,
            "system": None,
            "chunk": 64,
            "margins": {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03},
        },
        "rounds": [made_round(rng, k + 1, a, n) for k, a in enumerate(curve)],
        "alternating": estimate(0.03, 0.02, n),
        "changes": changes if rounds > 1 else {},
        "convergence": {
            "accuracy": {"round": 2, "margin": 0.03, "smallest_margin": 0.021, "n_needed": None},
            "entropy": {
                "round": None,
                "margin": 0.05,
                "smallest_margin": 0.07,
                "n_needed": 480,
                "why": "round 5 is not shown to be within the margin of round 2",
            },
        }
        if rounds > 1
        else {},
        "converged_at": 2 if rounds > 1 else None,
        "controls": {
            "repeat": arm([a - 0.04 * k / rounds for k, a in enumerate(curve)], 1.18),
            "baseline": arm([0.53], 3.1),
        },
        "notes": [],
    }
    return in_words(summary)


def in_words(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with what is concluded from its numbers."""
    return {**summary, "verdict": verdict(summary), "headline": headline(summary)}


def step(kind: str, text: str, **more: Any) -> dict[str, Any]:
    said = kind == "say"
    usual: dict[str, Any] = {
        "kind": kind,
        "role": "user" if said else "assistant",
        "speaker": "strategy" if said else "smollm2",
        "begin": False,
        "shown": True,
        "text": text,
        "images": [],
        "prefill": None,
        "finish": None if said else "stop",
        "choices": [],
        "choice_logp": [],
        "token_ids": [],
        "token_logps": [],
        **dict.fromkeys(("prompt_tokens", "encoded", "reused", "generated", "drafted"), 0),
        "gap": None,
    }
    return usual | more


def record(
    example: str, number: int, choice: int | None, steps: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "example": example,
        "cluster": f"cluster of {example}",
        "round": number,
        "choices": ["the grandfather", "the grandson", "can't be known"],
        "text": steps[-1]["text"],
        "key": None if choice is None else "abc"[choice],
        "choice": choice,
        "problem": "no option" if choice is None else None,
        "outcome": float(choice == 2),
        "target": 2,
        "option_logp": [-1.0, -1.2, -1.4],
        "option_tokens": [1, 1, 1],
        "option_p": [0.5, 0.3, 0.2],
        "option_mass": 0.9,
        "likeliest": 0,
        "confidence": 0.5,
        "entropy": 1.0,
        "first_choice_p": 0.5,
        **dict.fromkeys(("prompt_tokens", "encoded", "reused", "generated", "drafted"), 1),
        "oracle": False,
        "notes": [],
        "values": [],
    }
    return usual | more | {"steps": steps}


def made_records(dialogues: int, rounds: int = 3, words: int = 12, seed: int = 0) -> pl.DataFrame:
    """Dialogues whose answers move, some unread, some with low option mass."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("aeiounrstlmd", k=rng.randint(2, 9))) for _ in range(900)]
    rows = []
    for k in range(dialogues):
        choice: int | None = rng.choice([0, 2, 2])
        for number in range(1, rounds + 1):
            if number > 1 and rng.random() < 0.2:
                choice = rng.choice([0, 1, 2, None])
            asked = " ".join(rng.choices(vocabulary, k=words))
            steps = [step("say", asked), step("answer", f"The best answer is ({choice})")]
            mass = 0.3 if rng.random() < 0.05 else 0.9
            rows.append(record(f"item {k}", number, choice, steps, option_mass=mass))
    return frame(rows)


def embedded(records: pl.DataFrame) -> dict[str, Any]:
    return embed([records], choose(records))


def no_charts() -> dict[str, Any]:
    """A summary whose page is there at once, for tests of other things."""
    return no_dialogue()


def written_to(folder: Path, summary: Mapping[str, Any], dialogues: Any = None) -> Path:
    file = folder / "report.html"
    file.write_text(page(summary, dialogues), encoding="utf-8")
    return file


# Which dialogues


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


# The page


@pytest.mark.parametrize("screen", ["phone", "wide"])
def test_it_opens_without_complaint_network_or_sideways_scrolling(
    request: pytest.FixtureRequest, screen: str
) -> None:
    it: Opened = request.getfixturevalue(screen)
    it.draw_all()
    it.page.locator("#list summary").first.click()
    assert it.fits()
    assert it.page.locator("[data-chart]").count() == 8
    assert it.page.locator("[data-chart]:has(.main-svg)").count() == 8
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
    assert said.all_inner_texts() == made_summary()["verdict"].splitlines()
    weights = said.evaluate_all("(all) => all.map((p) => getComputedStyle(p).fontWeight)")
    assert weights == ["600", "400", "400"]


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
            it.draw_all()
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


# Bad input


def without(summary: dict[str, Any], *names: str, why: str = "no record has it") -> dict[str, Any]:
    for of in (summary, *summary["controls"].values()):
        for row in of["rounds"]:
            for name in names:
                row["measures"][name] = estimate(None, why=why)
    return summary


def no_dialogue() -> dict[str, Any]:
    summary = made_summary(1)
    nothing = {"rounds": [], "changes": {}, "convergence": {}, "controls": {}}
    return in_words(
        {
            **summary,
            **nothing,
            "complete": False,
            "dialogues": 0,
            "alternating": estimate(None, why="no records"),
        }
    )


def no_control() -> dict[str, Any]:
    return made_summary() | {"controls": {}}


def no_common_example() -> dict[str, Any]:
    summary = made_summary()
    for control in summary["controls"].values():
        control |= {"rounds": [], "against": None}
    return summary


def no_option_probabilities() -> dict[str, Any]:
    calibration = ("brier", "ece", "ece_expected", "ece_excess", "ece_debiased", "auroc")
    summary = without(
        made_summary(), "confidence", "entropy", "option_mass", "calibration_gap", *calibration
    )
    for row in summary["rounds"]:
        row["reliability"] = []
    for name in ("confidence", "entropy"):
        nothing = {"p": None, "margin": None, "verdict": None}
        summary["changes"][name] = estimate(None, why="no record has it", **nothing)
    return summary


def no_right_answers() -> dict[str, Any]:
    summary = without(no_option_probabilities(), "accuracy", why="this task has no right answers")
    for row in summary["rounds"]:
        if row["flow"]:
            row |= {
                "flow": dict.fromkeys(row["flow"], 0),
                "cl": estimate(None),
                "cs": estimate(None),
            }
    summary["changes"]["accuracy"] = estimate(None, p=None, margin=0.03, verdict=None, why="none")
    return summary


def one_cluster() -> dict[str, Any]:
    summary = made_summary()
    for of in (summary, *summary["controls"].values()):
        for row in of["rounds"]:
            row |= {"n": 1, "clusters": 1}
            for name, e in row["measures"].items():
                nothing = {"low": None, "high": None, "n": 1, "clusters": 1}
                row["measures"][name] = e | nothing | {"why": "one record: no interval"}
                row["measures"][name].pop("band", None)
    return summary


def all_the_same(accuracy: float, unparsed: int) -> dict[str, Any]:
    summary = made_summary()
    for row in summary["rounds"]:
        row["measures"]["accuracy"] = estimate(accuracy, 0.0, band=[accuracy, accuracy])
        row["unparsed"] = unparsed
        row["cs" if accuracy else "cl"] = estimate(None, why="no such answers")
        if row["flow"]:
            kept = "kept_right" if accuracy else "kept_wrong"
            row["flow"] = dict.fromkeys(row["flow"], 0) | {kept: 200}
    return summary


BAD = {
    "no dialogue": (no_dialogue, "No dialogue is finished yet."),
    "one round": (lambda: made_summary(1), "One round only"),
    "many rounds": (lambda: made_summary(23), "Accuracy rose"),
    "one example": (one_cluster, "one record: no interval (accuracy, confidence)"),
    "all right": (lambda: all_the_same(1.0, 0), "1.000"),
    "all unread": (lambda: without(all_the_same(0.0, 200), "confidence"), "200 in round 1"),
    "no option probabilities": (no_option_probabilities, "no record has it"),
    "no right answers": (no_right_answers, "this task has no right answers"),
    "no control": (no_control, "no control on the same examples"),
    "no common example": (no_common_example, "Accuracy rose"),
}


#: Opened in the browser too whenever the tests run; the others take too long for that.
ALWAYS = ("no dialogue", "one example", "no right answers")


def complete(text: str) -> bool:
    return not re.search(r"\b(NaN|undefined|null|None|Infinity|inf)\b", text)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_said_in_words(name: str) -> None:
    make, said = BAD[name]
    summary = in_words(make())
    json.dumps(charts(summary) if summary["rounds"] else {}, allow_nan=False)
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", page(summary, EMPTY), flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]*>", " ", shown))
    assert said in text
    assert complete(text)


@pytest.mark.parametrize(
    "name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in BAD]
)
def test_bad_input_is_drawn(tmp_path: Path, browser: Chromium, name: str) -> None:
    with opened(browser, written_to(tmp_path, in_words(BAD[name][0]()), EMPTY), width=380) as it:
        it.draw_all()
        assert complete(it.words())
        assert it.fits()
        assert it.complaints == []


def test_numbers_as_they_are_written() -> None:
    assert written(0.5123) == ".512"
    assert written(-0.04, signed=True) == "−.040"
    assert written(0.04, signed=True) == "+.040"
    assert written(-0.0001, signed=True) == ".000"
    assert written(12.3456, "tokens") == "12.3"
    assert written(1204.4, "tokens") == "1,204"
    assert written(None, "count") == "–"


def test_a_measure_of_the_tasks_own_shows_by_its_name() -> None:
    summary = made_summary(2)
    define = definer(summary)
    assert define("toxicity").label == "toxicity"
    assert define("bias_ambiguous/Age").label == "bias, ambiguous: Age"
    summary["rounds"][1]["measures"]["toxicity"] = estimate(0.2)
    assert ">toxicity</a>" in page(summary)


# Size and speed


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
    assert large.stat().st_size < 8_000_000
    assert opening(browser, large) < 5


@pytest.mark.slow
def test_two_thousand_dialogues_open_in_a_second(large: Path, browser: Chromium) -> None:
    times = [opening(browser, large) for _ in range(9)]
    assert statistics.median(times) < 1.3, times  # 1 s with some room for a busy machine
