"""Numbers in text: read as written, exactly, and quickly; which one is the result."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from selfcorrect.tasks.base import Example, cut_off, kept
from selfcorrect.tasks.free import final_number, last_number, only_number, stated
from selfcorrect.tasks.free.numbers import canonical, numbers, plain
from timing import within

EXAMPLE = Example("1", {"question": "?"}, (), "1")


def slowly(text: str) -> list[Fraction]:
    """The numbers of a text of ASCII digits, commas, points, minus signs, blanks and letters, sign
    by sign."""
    found = []
    at = 0
    while at < len(text):
        before = text[at - 1] if at else " "
        after = text[at + 1] if at + 1 < len(text) else " "
        begins = not (before.isalnum())
        if text[at].isdigit() and begins and not (before == "." and text[: at - 1][-1:].isdigit()):
            end = at
            while end < len(text) and (
                text[end].isdigit() or (text[end] == "," and text[end + 1 : end + 2].isdigit())
            ):
                end += 1
            groups = text[at:end].split(",")
            sizes = [len(group) for group in groups]
            thousands = sizes[0] <= 3 and sizes[-1] == 3
            thousands &= all(s == 3 for s in sizes[1:]) or all(s == 2 for s in sizes[1:-1])
            if len(groups) == 1 or thousands:
                groups = ["".join(groups)]
            places = ""
            if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit():
                end += 1
                while text[end : end + 1].isdigit():
                    places, end = places + text[end], end + 1
        elif text[at] == "." and after.isdigit() and begins and before != ".":
            end, groups, places = at + 1, [""], ""
            while text[end : end + 1].isdigit():
                places, end = places + text[end], end + 1
        else:
            at += 1
            continue
        values = [Fraction(int(group or 0)) for group in groups]
        values[-1] += Fraction(int(places or 0), 10 ** len(places))
        if before == "-" and not (at > 1 and text[at - 2].isalnum()):
            values[0] = -values[0]
        found += values
        at = end
    return found


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0012345,,..-- x", max_size=24))
def test_numbers_are_those_that_a_slow_reading_finds(text: str) -> None:
    assume(not re.search(r"\d\.\d{3}[.,]\d", text))  # points that group digits are told apart
    assert [number.value for number in numbers(plain(text))] == slowly(text)


PLACES = st.integers(0, 6)
ANY = st.builds(lambda n, k: Fraction(n, 10**k), st.integers(-(10**15), 10**15), PLACES)


def decimal(value: Fraction) -> str:
    text = canonical(value)
    assert "/" not in text
    return text


@settings(max_examples=200, deadline=None)
@given(
    ANY,
    st.sampled_from(
        [
            "It took 3 days. #### {}",
            "####{}\nThat is all, of 7.",
            "So 4 * 5 = 20, and \\boxed{{{}}} of 9",
            "$\\boxed{{x = {}}}$, not 12",
            "The answer is {}. I took 8 steps.",
            "**Answer:** {} apples, after 2 tries",
            "The final answer is:\n\n**{}**\n\nI used 5 numbers.",
            "answer: 2 * 3 + 1 = {}; 4 are left over",
            "There are 6, and then {}",
            "Of 6 there are {}.",
        ],
    ),
    st.sampled_from(["{}", "${}", "€ {}", "{} %", "{} km", "{} m²", "`{}`", "({})"]),
)
def test_the_result_is_found_wherever_it_is_stated(value: Fraction, text: str, unit: str) -> None:
    if unit == "({})" and "boxed" in text:
        return
    if unit[0] in "$€" and value < 0:
        unit = "{}"
    written = text.format(unit.format(decimal(value)))
    answer = final_number(EXAMPLE, written)
    assert answer.key is not None, written
    assert Fraction(answer.key) == value, written
    assert stated(written) == (not text.endswith(("then {}", "are {}.")))


@settings(max_examples=300, deadline=None)
@given(st.integers(-(10**12), 10**12), st.integers(1, 10**12))
def test_fractions_are_exact(over: int, under: int) -> None:
    value = Fraction(over, under)
    sign, size = ("-" if over < 0 else ""), abs(over)
    for shown in (
        f"{over}/{under}",
        f"{over:,}/{under:,}",
        rf"\frac{{{over}}}{{{under}}}",
        rf"{sign}\dfrac{{{size}}}{{{under}}}",
        f"\u2212{size}/{under}" if over < 0 else f"{size}\u2044{under}",
    ):
        key = last_number(EXAMPLE, f"It is {shown}.").key
        assert key is not None, shown
        assert Fraction(key) == value, shown
        assert key == canonical(value) == last_number(EXAMPLE, key).key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1,000", "1000"),
        ("1000.0", "1000"),
        ("1.0e3", "1000"),
        ("1.5 × 10^3", "1500"),
        (r"1.5 \times 10^{-3}", "0.0015"),
        ("1{,}000", "1000"),
        (r"1\,000", "1000"),
        ("1\u202f000", "1000"),
        ("12,34,567", "1234567"),
        ("1/2", "0.5"),
        (".5", "0.5"),
        (r"\frac12", "0.5"),
        ("½", "0.5"),
        ("2½", "2.5"),
        ("2 1/2", "2.5"),
        ("-2 1/2", "-2.5"),
        ("20 12/5", "2.4"),
        ("1/3", "1/3"),
        ("2/6", "1/3"),
        ("50%", "50"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("US$18.", "18"),
        ("Rs.500", "500"),
        ("...18", "18"),
        ("18.", "18"),
        ("it is 18. So", "18"),
        ("_18_", "18"),
        ("答案是18元", "18"),
        ("\u0661\u0662", "12"),
        ("10 m²", "10"),
        ("5²", "5"),
        ("3-5", "5"),
        ("16-3", "3"),
        ("x-5", "5"),
        ("3/4/2024", "2024"),
        ("3.14.15", "3.14"),
        ("x2", None),
        ("5/0", None),
        ("1/" + "9" * 61, None),
        ("1" + "0" * 61, None),
        ("eighteen", None),
        *((f"{minus}7", "-7") for minus in "-\u2010\u2011\u2012\u2013\u2212\u2796\ufe63\uff0d"),
        ("yes \u2014 7", "7"),
    ],
)
def test_ways_of_writing(text: str, key: str | None) -> None:
    problem = None if key else "no number"
    answer = last_number(EXAMPLE, text)
    assert (answer.text, answer.key, answer.problem) == (text, key, problem)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("#### 1\n#### 2\nthe answer is 3", "2"),
        ("#### 1\n#### Step 2: add 5\nThat gives 9", "1"),
        ("#### Step 2: add 5\nThat gives 9", "9"),
        ("#### Answer: 4\n7", "4"),
        (r"\boxed{1} \boxed{2}, the answer is 3", None),
        (r"\boxed{1} would leave 4 of the 9 apples in the basket, but she ate 2: \boxed{2}", "2"),
        (r"\boxed{1} \boxed{}", "1"),
        (r"\boxed{\frac{3}{4}} 8", "0.75"),
        (r"\boxed{3", "3"),
        ("The answer is 3. The answer is 4. 5", None),
        ("The answer is 3. The answer is 3. 5", "3"),
        ("The answer is 3. Wait, the answer is 4.", "4"),
        ("The answer is 3. I hope the answer is clear. So 5", "3"),
        ("The answer is below.\nFirst 3, then 7", "7"),
        ("The answer is approx. 3 apples of 5", "3"),
        ("The answer is 12 + 6 = 18 for 3 days", "18"),
        ("The answer is 2 * 3. Then 4 = 4", None),
        ("The ANSWER IS 3 for 9", "3"),
        ("That answers 3 of 4", "4"),
        ("#### 5/0\nor 3", None),
        ("no idea", None),
    ],
)
def test_which_number_is_the_result(text: str, key: str | None) -> None:
    assert final_number(EXAMPLE, text).key == key


@pytest.mark.parametrize(
    "text",
    [
        "The answer is not 12.", "It isn't 12.", "The answer isn't 12.", "The answer is not 12 km.",
        "The answer is 12 or 15.", "The answer is 12 km or 15 km.", "The answer is 10-12.",
        "The answer is 10 – 12.", "The answer is between 10 and 12.", "from 10 to 12", "10 to 12",
        "The answer is at least 12.", "The answer is more than 12.", "The answer is less than 12.",
        "The answer is 12,5.", "The answer is 1 000.", "The answer is 3:4.", "The answer is 2^3.",
        "The answer is 5².", "The answer is 5 hours and 30 minutes.", r"\boxed{8} or \boxed{9}",
        r"\boxed{8, 9}", "Is the answer 12?", "The answer is 12?",
        "If she ate 3, the answer is 12.",
        "You said that the answer is 12.", "The wrong answer is 12.", "Your answer is 12.",
        "My previous answer was 12.", "The answer is 12. Wait, that is wrong.",
        "I can't answer that: there are 3 of them.", "There is not enough information about 3.",
        "It cannot be determined from 3 numbers.", "1. Read it.\n2. Add up.",
        "Step 1. Then step 2.", "As GPT-4 I don't know.", "Maybe the answer is 12.",
        "The answer is neither 3 nor 4.", "Die Antwort ist nicht 12.", "<think>The answer is 12.",
        "The answer is 5 less than that.",
    ],
)  # fmt: skip
def test_what_is_no_result_is_read_as_none(text: str) -> None:
    assert final_number(EXAMPLE, text).key is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("The answer is 1.234,50 €.", "1234.5"),
        ("The answer is 1.234.567.", "1234567"),
        ("The answer is 1'000.", "1000"),
        ("The answer is minus 5.", "-5"),
        ("7 minus 5 is 2", "2"),
        (r"\boxed{12 \text{ cm}}", "12"),
        (r"\boxed{50\%}", "50"),
        ("The answer is 50 percent.", "50"),
        ("The answer is 12 (not 13).", "12"),
        ("The answer is 2^3 = 8.", "8"),
        ("There are not 3 but more, so the answer is 12.", "12"),
        ("Instead of 12, the answer is 13.", "13"),
        ("You said that the answer is 12. The answer is 13.", "13"),
        ("<think>The answer is 12.</think>The answer is 13.", "13"),
        ("Antwort: 12", "12"),
        ("I keep my answer of 12.", "12"),
    ],
)
def test_results_in_other_words(text: str, key: str) -> None:
    assert final_number(EXAMPLE, text).key == key


def test_a_reply_that_keeps_its_answer_has_the_earlier_one() -> None:
    last, first = (final_number(EXAMPLE, f"The answer is {n}.") for n in (7, 7))
    said = final_number(EXAMPLE, "I have looked at the 3 steps. I keep my answer.")
    assert (said.key, said.keeps, said.problem) == (None, "last", "no number")
    assert (kept(said, last, first).key, kept(said, last, first).problem) == ("7", None)
    assert kept(said, None, None) == said
    assert kept(said, replace(last, key=None, problem="no number"), first).key is None
    said = final_number(EXAMPLE, "I keep my original answer.")
    assert kept(said, last, first).key == "7"
    assert kept(said, last, replace(first, key="8")).key is None  # which of both nobody knows
    assert cut_off(said).problem == "cut off"
    assert final_number(EXAMPLE, "I can't keep my answer.").keeps == ""


def test_only_a_number() -> None:
    for text, key in (("$1,000", "1000"), (" -3. ", "-3"), ("1/3", "1/3"), ("5 %", "5")):
        assert only_number(text) == key
    for text in ("", "3 apples", "3 4", "x", "3,4", "5/0", "=3"):
        assert only_number(text) is None


@pytest.mark.parametrize(
    "text",
    ["9" * 40_000, "1," * 10_000, "#### 1\n" * 8_000, r"\boxed{" * 8_000, "answer is " * 8_000,
     "1/" * 10_000, "1 1/" * 8_000, r"\frac{" * 8_000, "1e" + "9" * 40_000, "-" * 40_000,
     "1" + ",111" * 10_000, "1x10^" * 8_000, "answer" + " " * 40_000, "0." + "0" * 40_000 + "1"],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    with within(1):
        answer = final_number(EXAMPLE, text)
    assert len(answer.key or "") < 200


@pytest.mark.parametrize(
    ("text", "whole", "cut"),
    [
        ("First 3 + 4 = 7. Then 7 * 20 = 1", "1", None),  # a step on the way, half of a number
        ("The answer is 12", "12", None),  # or 120
        ("The answer is 12.", "12", "12"),
        ("#### 12\nTo see whether 12 is right, look at", "12", "12"),
        ("The answer is 12. To check: 3 * 4 = 12", "12", None),  # refuses too much rather than lie
        ("No number", None, None),
    ],
)
def test_of_a_reply_that_was_cut_only_what_more_text_cannot_change_counts(
    text: str, whole: str | None, cut: str | None
) -> None:
    answer = final_number(EXAMPLE, text)
    assert answer.key == whole
    found = cut_off(answer)
    assert found.key == cut
    assert found.cut
    assert found.problem == {(True, True): "cut off", (False, True): "no number"}.get(
        (whole is not None, cut is None)
    )
