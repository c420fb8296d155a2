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
