"""The tasks sample, planted and winogender, and the order of examples."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.tasks import Answer, Example, Task, make, names
from selfcorrect.tasks.data.order import order

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
ASKED = {
    "question",
    "repeat",
    "goal",
    "reversed_goal",
    "review",
    "reversed_review",
    "answer_prefill",
    "specific_goal",
}


def own() -> list[Task]:
    return [make("sample"), make("planted", options={"n": 300, "cluster_size": 4})]


@pytest.mark.parametrize("task", own(), ids=lambda t: t.name)
def test_checks_itself(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.check() == []


@pytest.mark.parametrize("task", own(), ids=lambda t: t.name)
def test_what_is_asked(task: Task) -> None:
    for example in task.examples():
        said = task.ask(example)
        assert said.keys() == ASKED
        assert all(said.values())
        assert said["repeat"] == said["question"]
        assert not said["answer_prefill"][-1].isspace()
        assert said["question"].count("\n(") == len(example.choices)
        for label, choice in zip(task.labels(example), example.choices, strict=True):
            assert f"\n({label}) {choice}" in said["question"]
            for name in ("goal", "reversed_goal", "review", "reversed_review", "specific_goal"):
                assert not re.search(rf"\b{re.escape(choice)}\b", said[name], re.IGNORECASE)
        assert said["goal"] not in said["question"]


def test_check_finds_a_wrong_task() -> None:
    from selfcorrect.tasks.lettered import Item, Lettered
    from selfcorrect.tasks.wording import CORRECT

    def item(name: str, choices: tuple[str, ...], target: int) -> Item:
        return Item(Example(name, {"question": "Which?"}, choices, "k"), target)

    items = [item("1", ("x", "y"), 0), item("1", ("x", "y"), 1), item("2", ("x", "y"), 2)]
    problems = Lettered("wrong", items, wording=CORRECT).check()
    assert any("not unique" in p for p in problems)
    assert any("none of the choices" in p for p in problems)


def test_an_answer_that_cannot_be_read_is_wrong() -> None:
    task = make("sample")
    example = task.examples()[0]
    grade = task.grade([(example, task.read(example, "hm"))])[0]
    assert grade.outcome == 0
    assert grade.values["biased"] is None


def test_templates_in_data_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(
        '{"question": "{goal} %s \\u202e{", "choices": ["{0}", "x\\n(c) y"], "answer": 0}'
    )
    task = make("choices", data=str(file))
    shown = task.ask(task.examples()[0])["question"]
    assert shown == "{goal} %s \u202e{\n(a) {0}\n(b) x (c) y"
    assert task.check() == []


# sample


def test_sample_is_balanced() -> None:
    task = make("sample")
    examples = task.examples()
    assert len(examples) == 1024
    assert len({e.cluster for e in examples}) == 64
    assert len({task.ask(e)["question"] for e in examples}) == 1024
    targets: Counter[tuple[str, int]] = Counter()
    for e in examples:
        kind = e.id.split("/")[1].rsplit("-", 1)[0]
        targets[kind, task.grade([(e, Answer(""))])[0].target] += 1  # type: ignore[index]
    assert len(targets) == 4 * 3
    assert all(70 <= n <= 100 for n in targets.values())  # 256 / 3 = 85
    # Any 64 in a row hold every template once and every kind equally often.
    for start in range(0, 1024, 64):
        part = examples[start : start + 64]
        assert len({e.cluster for e in part}) == 64
        assert set(Counter(e.id.split("/")[1] for e in part).values()) == {4}


def test_sample_contexts_settle_what_they_should() -> None:
    """Ambiguous and disambiguated contexts differ by the reveal alone, and it names both people."""
    task = make("sample")
    examples = {e.id: e for e in task.examples()}
    first = {True: 0, False: 0}
    for name, e in examples.items():
        if "/ambiguous" not in name:
            continue
        other = examples[name.replace("/ambiguous", "/disambiguated")]
        context, more = e.fields["context"], other.fields["context"]
        assert "{" not in more
        assert more.startswith(context)
        reveal = more.removeprefix(context).casefold()
        assert e.fields["question"] == other.fields["question"]
        target = task.grade([(other, Answer(""))])[0].target
        right = other.choices[target or 0].casefold()
        unknown = e.choices[task.grade([(e, Answer(""))])[0].target or 0]
        people = [c.casefold() for c in e.choices if c != unknown]
        assert len(people) == 2
        # A name may begin another one ("the runner"); each of the two is there exactly once.
        assert all(p in reveal and p in context.casefold() for p in people)
        # Who is told of first in the reveal is the answer to the negative question.
        place = {p: reveal.index(p) for p in people}
        assert (right == min(people, key=place.__getitem__)) == ("-negative-" in name)
        place = {p: context.casefold().index(p) for p in people}
        first[right == min(people, key=place.__getitem__)] += 1
    assert first[True] == first[False]


def test_sample_scores() -> None:
    task = make("sample")
    table: defaultdict[str, list[float]] = defaultdict(list)
    for e in task.examples():
        grade = task.grade([(e, Answer(""))])[0]
        answer = Answer("", choice=grade.target)
        grade = task.grade([(e, answer)])[0]
        for name, value in grade.values.items():
            table[name].append(math.nan if value is None else value)
        table["outcome"].append(float(bool(grade.outcome)))
        table["choice"].append(float(answer.choice or 0))
    columns = {name: np.array(column) for name, column in table.items()}
    assert math.isnan(task.figures["bias_ambiguous"](columns))  # always "unknown"
    # Always right: as often for a prejudice as against it, so no bias.
    assert task.figures["bias_disambiguated"](columns) == 0
    assert task.figures["accuracy_ambiguous"](columns) == 1


def test_sample_condition_and_categories() -> None:
    task = make("sample", categories=["age"], options={"condition": "ambiguous"})
    assert len(task.examples()) == 8 * 8
    assert set(task.figures) == {"bias_ambiguous"}
    assert task.check() == []


# planted


def test_planted_truth_follows_from_the_text() -> None:
    for options in ({"n": 500}, {"n": 200, "choices_per": 26, "cluster_size": 900}):
        task = make("planted", options=options)
        places: Counter[int] = Counter()
        questions = set()
        for e in task.examples():
            head, *lines = task.ask(e)["question"].splitlines()
            found = re.fullmatch(r"What is (\d+) \+ (\d+)\?", head)
            assert found
            total = int(found[1]) + int(found[2])
            options_shown = [int(line.split(") ")[1]) for line in lines]
            assert options_shown.count(total) == 1
            assert len(set(options_shown)) == len(options_shown)
            target = options_shown.index(total)
            assert task.grade([(e, Answer("", choice=target))])[0].outcome
            places[target] += 1
            questions.add(head)
        assert len(questions) == options["n"]
        assert len(places) == options.get("choices_per", 3)


def test_planted_is_lazy_and_grows() -> None:
    small = make("planted", options={"n": 10, "cluster_size": 3}).examples()
    large = make("planted", options={"n": 10**9, "cluster_size": 3}).examples()
    assert len(large) == 10**9
    assert list(large[:10]) == list(small)
    assert large[-1].id == str(10**9 - 1)
    assert [e.cluster for e in small] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3 + ["3"]


# winogender


def write_winogender(folder: Path, extra: str = "") -> None:
    (folder / "winogender-occupations.tsv").write_text(
        "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\n"
        "baker\t1\t40.5\t2015\nnurse\t1\t90\t2015\nrider\t1\t10\t2015\n"
    )
    rows = ["sentid\tsentence"]
    for name in ("baker", "nurse", "rider"):
        for variant, (word, verb) in {
            "male": ("he", "was"),
            "female": ("she", "was"),
            "neutral": ("they", "were"),
        }.items():
            rows.append(
                f'{name}.guest.0.{variant}.txt\tThe {name} said {word}, "too", {verb} late.'
            )
    (folder / "winogender-sentences.tsv").write_text("\n".join(rows) + "\n" + extra)


def test_winogender(tmp_path: Path) -> None:
    write_winogender(tmp_path)
    for data in (tmp_path, tmp_path / "winogender-sentences.tsv"):
        task = make("winogender", data=str(data), options={"shuffle": False})
        assert task.check() == []
    baker, nurse, rider = task.examples()
    assert baker.fields["context"] == 'The baker said ____, "too", was/were late.'
    assert baker.choices == ("he", "she", "they")
    assert (baker.id, baker.cluster) == ("baker.guest.0", "baker")
    answers = [
        Answer("", choice=2, probabilities=(0.3, 0.2, 0.5)),
        Answer("", choice=1),
        Answer(""),
    ]
    grades = task.grade(list(zip((baker, nurse, rider), answers, strict=True)))
    assert [g.outcome for g in grades] == [True, False, False]
    assert [g.values["p_she"] for g in grades] == [0.2, 1.0, None]
    assert [g.values["neutral"] for g in grades] == [1.0, 0.0, None]
    assert [g.values["women_share"] for g in grades] == [0.405, 0.9, 0.1]


def test_winogender_figures(tmp_path: Path) -> None:
    write_winogender(tmp_path)
    task = make("winogender", data=str(tmp_path))
    nan = math.nan
    columns = {
        "occupation": np.array([0, 0, 1, 1, 2, 2, 2]),
        "women_share": np.array([0.4, 0.4, 0.9, 0.9, 0.1, 0.1, 0.1]),
        "p_she": np.array([0.5, 0.7, 0.8, nan, 0.1, 0.3, 0.2]),
        "neutral": np.array([1, 0, 0, nan, 1, 1, 0]),
    }
    assert task.figures["share_neutral"](columns) == pytest.approx(0.5)
    wanted = np.corrcoef([0.6, 0.8, 0.2], [0.4, 0.9, 0.1])[0, 1]
    assert task.figures["occupation_correlation"](columns) == pytest.approx(wanted)
    columns["p_she"] = np.full(7, 0.1)
    assert math.isnan(task.figures["occupation_correlation"](columns))
    columns["neutral"] = np.full(7, nan)
    assert math.isnan(task.figures["share_neutral"](columns))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("baker.guest.1.male.txt\tHe said so.\n", ":11: the schema 'baker.guest.1' has no female"),
        ("baker.guest.1.txt\tHe said so.\n", ":11: 'sentid' must read"),
        ("smith.guest.1.male.txt\tHe.\nsmith.guest.1.female.txt\tShe.\n"
         "smith.guest.1.neutral.txt\tThey.\n", "'smith' is not in"),
        ("baker.guest.1.male.txt\tHe.\nbaker.guest.1.female.txt\tShe.\n"
         "baker.guest.1.neutral.txt\tThey did.\n", "differ in more than a pronoun"),
    ],
)  # fmt: skip
def test_winogender_errors(tmp_path: Path, extra: str, said: str) -> None:
    write_winogender(tmp_path, extra)
    with pytest.raises(UserError, match=re.escape(said)):
        make("winogender", data=str(tmp_path))
    task = make("winogender", data=str(tmp_path), skip_bad=True)
    assert len(task.examples()) == 3
    assert len(task.skipped) == 1


def test_winogender_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        make("winogender", data=str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"no winogender-sentences.tsv or all_sentences.tsv"):
        make("winogender", data=str(tmp_path))


@pytest.mark.skipif(
    not (SHARED / "winogender-sentences.tsv").is_file(), reason="the real data are not here"
)
def test_winogender_real() -> None:
    task = make("winogender", data=str(SHARED))
    examples = task.examples()
    assert task.check() == []
    assert len(examples) == 240
    assert set(Counter(e.cluster for e in examples).values()) == {4}
    assert all(e.fields["context"].count("____") == 1 for e in examples)
    assert Counter(frozenset(e.choices) for e in examples) == {
        frozenset({"he", "she", "they"}): 178,
        frozenset({"his", "her", "their"}): 54,
        frozenset({"him", "her", "them"}): 8,
    }
    assert len({e.choices.index(c) for e in examples for c in e.choices if c == "they"}) == 3


# order


def example(name: str, cluster: str) -> Example:
    return Example(name, {}, (), cluster)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), st.integers(0, 4), max_size=40), st.integers(0, 99))
def test_order(clusters: dict[str, int], seed: int) -> None:
    examples = [example(name, str(k)) for name, k in clusters.items()]
    ordered = list(order(examples, seed))
    assert sorted(e.id for e in ordered) == sorted(e.id for e in examples)
    # Not the order of the input.
    assert list(order(examples[::-1], seed)) == ordered
    # Any beginning is spread evenly over the clusters that still have examples.
    size = Counter(e.cluster for e in examples)
    taken: Counter[str] = Counter()
    for e in ordered:
        assert taken[e.cluster] == min(taken[k] for k in size if taken[k] < size[k])
        taken[e.cluster] += 1


def test_order_depends_on_the_seed_and_is_stable() -> None:
    examples = [example(str(i), str(i % 7)) for i in range(30)]
    first = [e.id for e in order(examples, 0)]
    assert first != [e.id for e in order(examples, 1)]
    # Pinned: a change would reorder everybody's runs.
    assert first[:7] == PINNED


PINNED = ["20", "4", "8", "28", "23", "26", "10"]


def test_order_is_lazy() -> None:
    task = make("planted", options={"n": 3000})
    ordered = order(task.examples(), 0)
    assert len(ordered) == 3000
    assert len({e.id for e in ordered}) == 3000
    assert [e.id for e in ordered[5:8]] == [ordered[i].id for i in (5, 6, 7)]


def test_fingerprint_follows_the_data(tmp_path: Path) -> None:
    def of(text: str) -> str:
        (tmp_path / "q.jsonl").write_text(text)
        task = make("choices", data=str(tmp_path / "q.jsonl"))
        return str(task.fingerprint)  # type: ignore[attr-defined]

    one = '{"question": "Which?", "choices": ["x", "y"], "answer": 0}'
    assert of(one) == of(one + "\n")
    assert of(one) != of(one.replace('"answer": 0', '"answer": 1'))
    assert of(one) != of(one.replace("Which", "What"))


def test_importing_tasks_imports_nothing_heavy() -> None:
    code = (
        "import sys; from selfcorrect.tasks import make; make('sample'); make('planted');"
        "heavy = {'torch', 'transformers', 'polars', 'huggingface_hub'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert names()


@pytest.mark.parametrize(
    ("header", "line", "said"),
    [
        ("question,choice_b,choice_c,answer", "Which?,x,y,b", "no 'choice_a'"),
        ("question,choice_a,choice_c,answer", "Which?,x,y,a", "no 'choice_b'"),
    ],
)
def test_choice_columns_leave_no_letter_out(
    tmp_path: Path, header: str, line: str, said: str
) -> None:
    """Else the letters of the answers would stand for other columns."""
    file = tmp_path / "mine.csv"
    file.write_text(f"{header}\n{line}\n")
    with pytest.raises(UserError, match=rf"mine\.csv:2: .*{said}"):
        make("choices", data=str(file))


@pytest.mark.parametrize(
    ("choices", "answer", "target"),
    [(["1", "2", "3"], 3, 2), (["7", "8"], 1, 1), (["7", "8"], 8, 1), (["1", "2"], 0, 0)],
)
def test_a_numbers_meaning_is_never_guessed(
    tmp_path: Path, choices: list[str], answer: int, target: int
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"question": "Which?", "choices": choices, "answer": answer}))
    task = make("choices", data=str(file))
    example = task.examples()[0]
    (grade,) = task.grade([(example, Answer("", choice=target))])
    assert grade.outcome
    file.write_text(json.dumps({"question": "Which?", "choices": ["1", "2", "3"], "answer": 1}))
    with pytest.raises(UserError, match="text of one choice and the index of another"):
        make("choices", data=str(file))
