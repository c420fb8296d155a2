"""Concept sets as they are published, and which words of a text hold a concept."""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import selfcorrect as sc
from selfcorrect.checking import check_task
from selfcorrect.errors import UserError
from selfcorrect.tasks import Example, Grade, Task, coverage, make
from selfcorrect.tasks.coverage import claims_all, is_listed, matching, missing, words

pytest.importorskip("lemminflect")
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
DATA = [SHARED / f"commongen-{name}.jsonl" for name in ("lite", "hard")]
needs_data = pytest.mark.skipif(not DATA[1].is_file(), reason="the real data are not here")
DOG = {"concepts": ["dog_N", "catch_V", "frisbee_N"]}


def task_of(tmp_path: Path, *rows: dict[str, Any] | str, name: str = "sets.jsonl") -> Task:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    return make("commongen", data=str(tmp_path / name))


def asked(task: Task, example: Example) -> list[str]:
    return task.ask(example)["question"].rsplit("Words: ", 1)[1].split(", ")


def graded(task: Task, text: str, number: int = 0) -> Grade:
    example = task.examples()[number]
    return task.grade([(example, task.read(example, text))])[0]


# -- what is there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "text"),
    [
        ("dog", "Two DOGS!"),
        ("catch", "It was caught."),
        ("sit", "sitting"),
        ("leave", "He left."),
        ("leaf", "Leaves fell"),
        ("lie", "She lay still"),
        ("see", "I saw it"),
        ("saw", "I saw it"),
        ("knife", "knives"),
        ("child", "the children's toys"),
        ("do", "They don't."),
        ("be", "He isn’t"),
        ("frisbee", "Frisbees"),  # the dictionary doesn't know it: by its regular endings
        ("gallery", "two galleries"),
        ("tattoo", "tattooed"),
        ("dress", "a well-dressed man"),
        ("t-shirt", "T-shirts"),
        ("ice cream", "ice creams"),
        ("dogs", "a dog"),
        ("café", "cafe\u0301"),
    ],
)
def test_a_concept_is_there_in_any_form(concept: str, text: str) -> None:
    assert missing([concept], text) == []


@pytest.mark.parametrize(
    ("concept", "text"),
    [
        ("dog", "hotdog"),
        ("wing", "swing"),
        ("thing", "think"),
        ("ring", "bring"),
        ("swimming", "she swims"),
        ("ice cream", "cream on ice"),
        ("bed", ""),
        ("frisbee", "frisbeetarian"),
    ],
)
def test_another_word_is_not_the_concept(concept: str, text: str) -> None:
    assert missing([concept], text) == [concept]


#: written by hand: the library's own tables of forms come from one source
IRREGULAR = """
catch caught, throw threw, throw thrown, run ran, run running, stop stopped, carry carries,
lie lying, swim swam, swim swum, foot feet, tooth teeth, mouse mice, goose geese, wolf wolves,
shelf shelves, woman women, policeman policemen, box boxes, bus buses, baby babies, hero heroes,
sheep sheep, die dying, tie tied, go went, go gone, be were, buy bought, bring brought,
think thought, teach taught, feel felt, find found, eat ate, drink drunk, sing sung, wear wore,
tear torn, break broke, speak spoke, hide hidden, ride rode, write wrote, drive driven, rise rose,
fly flew, grow grew, know known, blow blew, draw drawn, hold held, build built, bend bent,
send sent, sleep slept, keep kept, sweep swept, meet met, feed fed, lead led, shoot shot,
lose lost, light lit, dig dug, hang hung, spin spun, win won, stick stuck, strike struck,
swing swung, cut cutting, hit hitting, begin begun, shave shaving, ski skiing, clap clapping,
mow mowed, knit knitting, sew sewn, slide slid, grind ground, wind wound, lay laid, sell sold,
stand stood, take took, shake shook, give gave, forget forgotten, bite bit, freeze frozen,
steal stole, choose chosen, bear bore, fight fought, weave wove, kneel knelt, leap leapt,
crisis crises, axis axes, axe axes, tomato tomatoes, scarf scarves, loaf loaves, thief thieves,
life lives, wife wives, travel travelling, travel traveled, tattoo tattooing
"""


def test_irregular_forms_are_found() -> None:
    pairs = [pair.split() for pair in IRREGULAR.replace("\n", " ").split(",")]
    assert len(pairs) > 100
    assert [pair for pair in pairs if missing(pair[:1], pair[1])] == []


def every_form(concept: str) -> set[str]:
    import lemminflect

    forms = (form for tag in lemminflect.getAllInflections(concept).values() for form in tag)
    return {concept, *forms}


@needs_data
def test_all_forms_of_all_published_concepts_are_found() -> None:
    """By the library's other table: it inflects, where the task looks lemmas up."""
    known = set()
    for path in DATA:
        for line in path.read_text("utf-8").splitlines():
            known |= {concept.split("_")[0] for concept in json.loads(line)["concepts"]}
    assert len(known) > 900
    lost = {c: form for c in known for form in every_form(c) if missing([c], f"x {form} y")}
    assert lost == {}


CONCEPTS = ["dog", "catch", "ball", "run", "child", "knife", "swim", "carry", "frisbee"]
FILLING = ["the", "quickly", "zzz", "'", "--", "7", "green", "\n", "Ä"]


@given(
    st.lists(st.sampled_from(CONCEPTS), min_size=1, unique=True),
    st.lists(st.sampled_from(FILLING)),
    st.randoms(use_true_random=False),
)
def test_coverage_is_the_share_of_what_was_put_in(
    wanted: list[str], filling: list[str], rng: random.Random
) -> None:
    there = rng.sample(wanted, rng.randint(0, len(wanted)))
    parts = [rng.choice(sorted(every_form(c))) for c in there for _ in range(rng.randint(1, 3))]
    parts += filling
    rng.shuffle(parts)
    text = " ".join(rng.choice([part, part.upper(), part + ","]) for part in parts)
    assert missing(wanted, text) == [c for c in wanted if c not in there]
    assert missing(wanted, " ".join(words(text))) == missing(wanted, text)


@settings(max_examples=40)
@given(st.text(max_size=40), st.sampled_from(["a dog", "x", "Caught!", "--"]))
def test_more_text_never_holds_less(one: str, more: str) -> None:
    assert set(missing(CONCEPTS, f"{one} {more}")) <= set(missing(CONCEPTS, one))
    assert is_listed(CONCEPTS, one) in (True, False)
    assert claims_all(one) in (True, False)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("The dog runs and the child catches a ball.", False),
        ("dog, catch, ball", True),
        ("- dog\n- catch\n- ball", True),
        ("1. dog 2. catch 3. ball", True),
        ("Dog and catch and ball", False),  # "dog" could be a verb: nobody can tell
        ("The dog catches balls.", True),  # as stated: three in a row
        ("The dog, dogs, the dog", False),
        ("dog dogs dog", False),
        ("The child with the old frisbee", True),  # no word that could be a verb
        ("The children in the green garden of the museum", False),
        ("Of the children, and of happiness", True),
        ("She's happy of the children", False),
    ],
)
def test_a_bare_list_is_told_by_words_in_a_row_or_no_verb(text: str, listed: bool) -> None:
    assert is_listed(CONCEPTS, text) is listed


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("A dog. All the words are included.", True),
        ("I have used every one of the given words!", True),
        ("Here is a text that uses all of these words:\nA dog.", True),
        ("All 20 concepts have been incorporated.", True),
        ("No concepts are missing.", True),
        ("Missing words: none", True),
        ("Nothing is missing", True),
        ("All concepts covered.", True),
        ("Not all of the words are used.", False),
        ("Are all the words used?", False),
        ("I will use all of the words.", False),
        ("An example of how using all the words can add depth.", False),
        ("It should use all of the words.", False),
        ("Please check whether any words are missing.", False),
        ("The dog used all the water.", False),
        ("All the words were kind.", False),
        ("", False),
    ],
)
def test_a_claim_is_a_sentence_that_says_so(text: str, claims: bool) -> None:
    assert claims_all(text) is claims


# -- the task -------------------------------------------------------------------------------------


def test_the_bundled_sets_are_well() -> None:
    found = check_task("commongen")
    assert list(found.problems) == []
    assert (found.examples, found.clusters, found.max_tokens) == (128, 128, {"answer": 300})
    task = make("commongen")
    every = [(asked(task, e), task.reference(e) or "") for e in task.examples()]
    assert sum(is_listed(concepts, text) for concepts, text in every) == 1  # as docs/tasks.md says
    sizes = [len(concepts) for concepts, _ in every]
    assert sum(3 <= size <= 5 for size in sizes) >= 100
    assert sum(8 <= size <= 12 for size in sizes) == len(sizes) - sum(s <= 5 for s in sizes) >= 20
    for number, example in enumerate(task.examples()):
        bare = graded(task, ", ".join(asked(task, example)), number)
        assert (bare.outcome, bare.values["listed"]) == (1.0, 1.0)
        best = graded(task, task.reference(example) or "", number)
        assert (best.outcome, best.values["all_covered"], best.values["claims_all"]) == (1, 1, 0)
        assert task.ask(example)["review"] == task.ask(task.examples()[0])["review"]


def test_an_answer_is_graded_by_what_it_holds(tmp_path: Path) -> None:
    task = task_of(tmp_path, DOG)
    two = graded(task, "All words are used: the dog's frisbee.")
    assert two.outcome == pytest.approx(2 / 3)
    assert two.values == {"all_covered": 0, "words": 7, "listed": 0, "claims_all": 1}
    assert graded(task, "").outcome is None
    assert graded(task, "x" * 10_000).outcome == 0
    columns = {name: np.array([two.values[name] or 0, 1, math.nan]) for name in two.values}
    shares = {name: figure(columns) for name, figure in task.figures.items()}
    assert shares == {"all_covered": 0.5, "listed": 0.5, "claims_all": 1, "claims_right": 0.5}


def test_every_published_form_is_read(tmp_path: Path) -> None:
    same = [
        DOG,
        {"concepts": ["dog", "catch", "frisbee", "dog"]},
        {"concept_set": "dog#catch#frisbee", "scene": ["A dog.", "It caught a dog's frisbee."]},
        {"concept_set": "dog catch frisbee", "target": "Dogs catch frisbees."},
    ]
    task = task_of(tmp_path, *same, {"id": 7, "concepts": ["ice_cream_N"]})
    examples = task.examples()
    assert [asked(task, e) for e in examples[:4]] == [["dog", "catch", "frisbee"]] * 4
    assert asked(task, examples[4]) == ["ice cream"]
    assert [e.id for e in examples] == [*(f"sets.jsonl:{n}" for n in (1, 2, 3, 4)), "7"]
    references = [task.reference(e) for e in examples]
    told = [None, None, "It caught a dog's frisbee.", "Dogs catch frisbees.", None]
    assert references == told
    assert len({e.cluster for e in examples}) == 2
    task = task_of(tmp_path, "dog catch frisbee", "", "dog#catch#frisbee ", name="test.txt")
    assert [asked(task, e) for e in task.examples()] == [["dog", "catch", "frisbee"]] * 2
    (tmp_path / "sets.jsonl").unlink()
    assert len(make("commongen", data=str(tmp_path)).examples()) == 2


@needs_data
@pytest.mark.parametrize(("path", "n", "low", "high"), [(*a, *b) for a, b in zip(
    [(DATA[0], 400), (DATA[1], 200)], [(4, 5), (20, 30)], strict=True)])  # fmt: skip
def test_the_published_sets_are_well(path: Path, n: int, low: int, high: int) -> None:
    task = make("commongen", data=str(path))
    sizes = [len(asked(task, example)) for example in task.examples()]
    assert (len(sizes), min(sizes), max(sizes), task.copies) == (n, low, high, 0)
    assert list(task.check()) == []
    assert not any("_" in task.ask(e)["question"] for e in task.examples())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"words": ["a"]}, "sets.jsonl:2: there is neither 'concepts' nor 'concept_set'"),
        ({"concepts": []}, "sets.jsonl:2: 'concepts' holds no words"),
        ({"concepts": "dog"}, "sets.jsonl:2: 'concepts' must be a list, not \"dog\""),
        ({"concepts": ["dog", 3]}, "'concepts' must be a list of texts, and 3 is none"),
        ({"concepts": ["dog", "_N"]}, "sets.jsonl:2: 'concepts' holds '_N', which is no word"),
        ({"concept_set": "#"}, "sets.jsonl:2: 'concept_set' holds no words"),
        ({"concept_set": " "}, "sets.jsonl:2: 'concept_set' is empty"),
        ({**DOG, "reference": "A dog."}, "sets.jsonl:2: 'reference' lacks catch, frisbee"),
        ({**DOG, "scene": [1]}, "sets.jsonl:2: 'scene' must be a list of texts, and 1 is none"),
        ({**DOG, "id": "a"}, "sets.jsonl:2: the id 'a' was used before"),
        ("dog catch", "sets.jsonl:2: not valid JSON"),
    ],
)
def test_a_bad_line_is_one_sentence(tmp_path: Path, row: Any, says: str) -> None:
    with pytest.raises(UserError) as raised:
        task_of(tmp_path, {**DOG, "id": "a"}, row)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    task = make("commongen", data=str(tmp_path / "sets.jsonl"), skip_bad=True)
    assert (len(task.examples()), len(task.skipped)) == (1, 1)


def test_other_mistakes_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.txt").write_bytes(b"dog\n\xff\n")
    with pytest.raises(UserError, match=r"bad\.txt:2: byte 1 of the line is not valid UTF-8"):
        make("commongen", data=str(tmp_path / "bad.txt"))
    with pytest.raises(UserError, match="has no option 'size'"):
        make("commongen", options={"size": 3})
    with pytest.raises(UserError, match="no such file or folder"):
        make("commongen", data=str(tmp_path / "none.jsonl"))
    monkeypatch.setitem(sys.modules, "lemminflect", None)
    with pytest.raises(UserError, match=r"not installed: pip install 'selfcorrect\[text\]'"):
        make("commongen")


def test_the_dictionarys_version_is_part_of_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lemminflect

    before = task_of(tmp_path, DOG)
    assert matching() in before.outcome.text
    assert lemminflect.__version__ in matching()
    assert task_of(tmp_path, DOG).fingerprint == before.fingerprint
    monkeypatch.setattr(coverage, "RULES", coverage.RULES + 1)
    rules = task_of(tmp_path, DOG).fingerprint
    monkeypatch.setattr(lemminflect, "__version__", "9.9")
    assert len({before.fingerprint, rules, task_of(tmp_path, DOG).fingerprint}) == 3


@pytest.mark.slow
def test_a_run_with_the_bundled_model(tmp_path: Path, smollm2: Any) -> None:
    run = sc.run(
        smollm2, "commongen", rounds=2, limit=4, controls=False, out=tmp_path, progress=False
    )
    records = run.records
    assert records.shape[0] == 8
    task = make("commongen")
    concepts = {e.id: asked(task, e) for e in task.examples()}
    for row in records.select("example", "text", "outcome").iter_rows(named=True):
        held = len(concepts[row["example"]]) - len(missing(concepts[row["example"]], row["text"]))
        assert row["outcome"] == pytest.approx(held / len(concepts[row["example"]]))
    assert records["outcome"].is_between(0, 1).all()
    means = records.group_by("round").agg(pl.col("outcome").mean()).sort("round")["outcome"]
    summary = run.summary()
    for mean, number in zip(means, summary["rounds"], strict=True):
        assert number["measures"]["coverage"]["value"] == pytest.approx(mean)
        assert {"all_covered", "words", "listed", "claims_all"} <= number["measures"].keys()


# -- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "sets"),
    [
        ("a.txt", "dog, catch\nice cream; ski\n", [["dog", "catch"], ["ice cream", "ski"]]),
        ("a.txt", "dog catch\nski#snow\n", [["dog", "catch"], ["ski", "snow"]]),
        ("train.json", '{"concepts": ["dog_N", "ski"]}\n', [["dog", "ski"]]),
        ("up.JSONL", '{"concept_set": "dog#ski"}\n', [["dog", "ski"]]),
        ("a.csv", 'id,concept_set\n1,dog#ski\n2,"a, b"\n', [["dog", "ski"], ["a", "b"]]),
        ("a.TSV", "concept_set\tid\ndog catch\t1\n", [["dog", "catch"]]),
    ],
)  # fmt: skip
def test_each_format_is_read_as_what_it_is(
    tmp_path: Path, name: str, text: str, sets: list[list[str]]
) -> None:
    (tmp_path / name).write_text(text)
    task = make("commongen", data=str(tmp_path / name))
    assert [asked(task, example) for example in task.examples()] == sets


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "word\ndog catch\n", "a.csv:2: there is neither 'concepts' nor 'concept_set'"),
        ("a.csv", "concepts\n\"['dog', 'catch']\"\n", "a.csv:2: 'concepts' must be a list"),
        ("a.txt", '{"concept_set": "dog#ski"}\n', "a.txt:1: 'concept_set' looks like JSON"),
        ("a.json", '[\n{"concepts": ["dog"]\n]\n', "a.json:3: not valid JSON"),
        ("a.jsonl", '{"concepts": ["dog, catch"]}\n', "holds 'dog, catch', which is no word"),
        ("a.txt", " ".join(f"w{k}" for k in range(3000)), "holds 3,000 words: a set has at most"),
        ("a.txt", "dog catch\rski snow\r", "a.txt:1: its lines end in CR alone"),
    ],
)
def test_what_is_no_set_is_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    with pytest.raises(UserError) as caught:
        make("commongen", data=str(tmp_path / name))
    assert says in str(caught.value)
