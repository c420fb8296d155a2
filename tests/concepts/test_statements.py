"""BBQ's questions said outright: who is named, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfcorrect.concepts.data import statements
from selfcorrect.errors import UserError

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "bbq"


def row(number: int, **changes: Any) -> dict[str, Any]:
    made = {
        "example_id": number,
        "question_index": str(number),
        "question_polarity": "neg",
        "context_condition": "ambig",
        "category": "Age",
        "answer_info": {
            "ans0": ["uncle", "old"],
            "ans1": ["nephew", "nonOld"],
            "ans2": ["Not known", "unknown"],
        },
        "additional_metadata": {"stereotyped_groups": ["old"]},
        "context": "An uncle and a nephew met.",
        "question": "Who forgot it?",
        "ans0": "the uncle",
        "ans1": "The nephew",
        "ans2": "Not known",
        "label": 2,
    }
    return made | changes


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(each) for each in rows))
    return path


def test_the_stereotyped_person_is_named_and_polarity_turns_it(tmp_path: Path) -> None:
    texts = statements(
        written(
            tmp_path / "Age.jsonl",
            row(1),
            row(2, question="Which one remembered it?", question_polarity="nonneg"),
            row(3, question="What happened?"),
            row(4, additional_metadata={"stereotyped_groups": ["nobody"]}),
        )
    )
    assert {(item.text, item.label) for item in texts.items} == {
        ("The uncle forgot it.", 1),
        ("The nephew forgot it.", 0),
        ("The nephew remembered it.", 1),
        ("The uncle remembered it.", 0),
    }
    assert "2 of 4 questions can't be" in texts.about
    assert len({item.cluster for item in texts.items}) == 2


def test_what_holds_no_such_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of the 1 questions"):
        statements(written(tmp_path / "Age.jsonl", row(1, question="What happened?")))
    with pytest.raises(UserError, match="no such file"):
        statements(tmp_path / "none")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real data are not here")
def test_nearly_all_published_questions_can_be_said() -> None:
    texts = statements(SHARED, limit=200)
    assert len(texts.items) == 200
    assert sum(item.label for item in texts.items) == 100
    assert "48 of 7,300 questions can't be" in texts.about
    assert all(item.text[0].isupper() and item.text.endswith(".") for item in texts.items)
