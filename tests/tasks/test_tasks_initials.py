"""Letters that are somebody's initial: neither after our lead-in nor after words for an answer."""

from __future__ import annotations

import pytest

from selfcorrect.tasks.lettered.letters import find

LEAD = "The best answer is ("
PEOPLE = ("J. Doe", "A. Smith", "Nobody")
CITIES = ("Paris", "Rome", "Oslo")


@pytest.mark.parametrize("begun", ["{}A. Smith", "{}A. Smith.", "{}A. Smith)", "{}a. smith\n"])
@pytest.mark.parametrize("lead", [LEAD, "The answer is ", "", "I choose ", "Answer: "])
def test_a_name_with_an_initial_is_the_option_of_that_name(lead: str, begun: str) -> None:
    assert find(begun.format(lead), PEOPLE, (LEAD,)).choice == 1


@pytest.mark.parametrize("name", ["A. Smith", "A. Smith's", "A. T. P.", "B. O'Neill."])
@pytest.mark.parametrize("lead", [LEAD, "The answer is ", "I choose "])
def test_a_name_that_is_no_option_is_none(lead: str, name: str) -> None:
    assert find(f"{lead}{name}", CITIES, (LEAD,)).choice is None


@pytest.mark.parametrize(
    "said", ["A. Paris", "A. Paris, as it says.", "A.", "A. Correct.", "A.\nSmith", "A) Smith"]
)
@pytest.mark.parametrize("lead", [LEAD, "The answer is "])
def test_a_letter_stays_one(lead: str, said: str) -> None:
    assert find(f"{lead}{said}", CITIES, (LEAD,)).choice == 0


@pytest.mark.parametrize(
    ("said", "choices"),
    [
        ("A. Smith did it.", ("Jones", "Smith", "unknown")),
        ("A. Smith did it.", ("J. Jones", "A. Smith", "unknown")),
        ("a. smith was late, as it says", ("Mr Jones", "Mrs Smith", "unknown")),
        ("B. Jones was the one who left.", ("Jones", "Smith", "unknown")),
        ("A. Nobody knows.", ("Jones", "Smith", "Nobody")),
    ],
)
def test_a_sentence_that_begins_with_another_options_name_is_none(
    said: str, choices: tuple[str, ...]
) -> None:
    for lead in (LEAD, "The answer is ", ""):
        assert find(f"{lead}{said}", choices, (LEAD,)).choice is None


@pytest.mark.parametrize(
    ("said", "choices"),
    [
        ("A. The context doesn't say.", ("Unknown", "The uncle", "The nephew")),
        ("A. Smith did it.", ("A. Smith", "B. Jones", "unknown")),
        ("A. Smith did it.", ("Smith", "Jones Smith", "unknown")),
        ("A. Because he left.", CITIES),
    ],
)
def test_a_letter_with_its_reasons_stays_one(said: str, choices: tuple[str, ...]) -> None:
    assert find(f"{LEAD}{said}", choices, (LEAD,)).choice == 0
