"""Weak evidence: which sentence is added, at whom it hints, and that it settles nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from received_runs import row
from selfcorrect.errors import UserError
from selfcorrect.tasks import Answer, Task, make
from selfcorrect.tasks.data.order import order
from selfcorrect.tasks.evidence import _HINTS, EVIDENCE, hints_at, made

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def made_of(path: Path, rows: list[dict[str, Any]], evidence: str | None, **more: Any) -> Task:
    as_list = path.suffix == ".json"
    path.write_text(json.dumps(rows) if as_list else "\n".join(map(json.dumps, rows)))
    options = more | ({} if evidence is None else {"evidence": evidence})
    return make("bbq", data=str(path), options=options)


def added(task: Task, of: Task) -> list[str]:
    """What stands in each context beyond that of another task."""
    pairs = zip(task.examples(), of.examples(), strict=True)
    return [one.fields["context"].removeprefix(two.fields["context"]) for one, two in pairs]


def test_each_question_is_asked_with_either_hint_and_with_none(tmp_path: Path) -> None:
    rows = [row(0), row(1, question_polarity="nonneg"), row(2)]
    left_out = [
        row(3, context_condition="disambig", label=1),
        row(4, additional_metadata={"stereotyped_groups": ["tall"]}),
    ]
    every = {e: made_of(tmp_path / "a.jsonl", rows + left_out, e) for e in EVIDENCE}
    plain = made_of(tmp_path / "a.jsonl", rows, None, condition="ambiguous")
    assert [e.id for e in every["neither"].examples()] == ["Age/0", "Age/1", "Age/2"]
    assert list(every["neither"].examples()) == list(plain.examples())
    hints = {e: added(every[e], plain) for e in ("stereotyped", "other")}
    for at, biased in enumerate(("uncle", "nephew", "uncle")):  # polarity is folded in
        other = {"uncle": "nephew", "nephew": "uncle"}[biased]
        assert f"the {biased}" in hints["stereotyped"][at].casefold()
        assert hints["other"][at].casefold() == hints["stereotyped"][at].casefold().replace(
            biased, other
        )
    for task in every.values():
        assert task.check() == []
        pairs = [(example, Answer("", choice=2)) for example in task.examples()]
        assert {grade.outcome for grade in task.grade(pairs)} == {1.0}
    assert len({task.fingerprint for task in every.values()}) == 3


def test_a_run_takes_the_same_questions_whatever_is_hinted(tmp_path: Path) -> None:
    # copies stay copies: else clusters, and with them the order, would differ
    rows = [row(n, context="They met.", question_index=f"{n % 7}") for n in range(20)]
    tasks = {e: made_of(tmp_path / "a.jsonl", rows, e) for e in EVIDENCE}
    orders = {e: [x.id for x in order(t.examples(), 3)] for e, t in tasks.items()}
    assert orders["neither"] == orders["stereotyped"] == orders["other"]
    assert {t.copies for t in tasks.values()} == {19}


def test_a_made_hint_is_one_sentence_with_the_person_in_it() -> None:
    sentences = {made("The lesbian friend", seed, "Who?") for seed in range(40)}
    assert len(sentences) == len(_HINTS)
    assert all("the lesbian friend" in s and s.count(".") == 1 and s.endswith(".")
               for s in sentences)  # fmt: skip
    assert "Donna" in made("Donna", 0, "Who?")
    assert "gay people" in made("gay people.", 0, "Who?")
    assert "{x}" in made("{x}", 0, "Who?")  # a text of the data is no template


def test_the_published_sentences_are_taken_and_turned_to_whom_they_hint_at(tmp_path: Path) -> None:
    sentences = ["The nephew looked for his keys and the uncle read.",
                 "The uncle looked for his keys and the nephew read."]  # fmt: skip
    rows = [row(0, weak_evidence=sentences, label_type="label", full_cond=float("nan"))]
    rows[0]["question_index_x"] = rows[0].pop("question_index")
    tasks = {e: made_of(tmp_path / "data.json", rows, e) for e in EVIDENCE}
    assert added(tasks["stereotyped"], tasks["neither"]) == [" " + sentences[1]]
    assert added(tasks["other"], tasks["neither"]) == [" " + sentences[0]]
    assert tasks["other"].examples()[0].cluster == "Age/0"
    # the file's own target wins where tags don't tell
    rows[0] |= {"additional_metadata": {"stereotyped_groups": ["low SES"]}, "target_loc": 1}
    turned = made_of(tmp_path / "data.json", rows, "stereotyped")
    assert added(turned, tasks["neither"]) == [" " + sentences[0]]


@pytest.mark.parametrize(
    ("sentence", "at"),
    [
        ("The bisexual friend spoke, the gay friend listened.", 0),
        ("The gay friend spoke, the bisexual friend listened.", 1),
        ("Both friends spoke.", None),
        ("", None),
    ],
)
def test_whom_a_published_sentence_names_first(sentence: str, at: int | None) -> None:
    people = [("The bisexual friend", "bisexual"), ("The gay friend", "gay")]
    assert hints_at(sentence, people) == at


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([row()], {"condition": "both"}, "leaves a question open, and condition=both asks"),
        ([row()], {"condition": "disambiguated"}, "leave the option condition out"),
        ([row()], {"evidence": "stereotype"}, "did you mean 'stereotyped'"),
        ([row(weak_evidence=["one"])], {}, "must be two sentences, one hinting at each person"),
        ([row(weak_evidence=["one", " "])], {}, "must be two sentences"),
        ([row(weak_evidence="one")], {}, "'weak_evidence' must be a list"),
        ([row(additional_metadata={})], {}, "of none of its 1 ambiguous questions is it known"),
        ([row(context_condition="disambig", label=1)], {}, "no ambiguous questions"),
        ([7], {}, "entry 1: expected a JSON object"),
        ([], {}, "the list is empty"),
        ({}, {}, "the field 'category' is missing"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    rows: Any, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as error:
        made_of(tmp_path / "a.json", rows, options.pop("evidence", "other"), **options)
    assert said in str(error.value)


def test_a_list_that_is_no_json_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for data, said in ((b"[1,", "not valid JSON"), (b"\xff[]", "not valid UTF-8"),
                       (b"[" * 20_000, "beyond reason")):  # fmt: skip
        path.write_bytes(data)
        with pytest.raises(UserError, match=said):
            make("bbq", data=str(path))


@pytest.mark.skipif(not (SHARED / "bbq").is_dir(), reason="the real data are not here")
def test_on_the_real_files_each_hint_names_its_person() -> None:
    data = str(SHARED / "bbq" / "Religion.jsonl")
    tasks = {e: make("bbq", data=data, options={"evidence": e}) for e in EVIDENCE}
    for one, two in (("stereotyped", "other"), ("other", "stereotyped")):
        differing = added(tasks[one], tasks["neither"])
        assert len(differing) == 600
        assert all(a != b for a, b in zip(differing, added(tasks[two], tasks["neither"]),
                                          strict=True))  # fmt: skip
    assert tasks["other"].check() == []
