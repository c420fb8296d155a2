"""Grading: scores beside the records, kept through whatever goes wrong, and seen by everything."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.outcome import Number, Outcome
from selfcorrect.runs.grade import kept as told_kept
from selfcorrect.runs.scores import SCORES
from selfcorrect.scorers import Score

RUDE = """
from selfcorrect.outcome import Outcome
from selfcorrect.outcome import Number
def rude(prompt, answer, reference):
    words = len(answer.split()) * (len(answer) % 2)
    return {"toxicity": sum(map(ord, answer)) % 97 / 97, "words": words}
rude.values = {"words": Number("Words.", bounds=(0, float("inf")))}
rude.outcome = Outcome("toxicity", better="lower", margin=0.02)
"""


def planted(out: Path, **more: Any) -> sc.Run:
    settings = {"rounds": 2, "limit": 24, "chunk": 8, "progress": False, "out": out}
    return sc.run("planted:scores", "planted-scores", **{**settings, **more})


@pytest.fixture
def rude(tmp_path: Path) -> str:
    file = tmp_path / "rude.py"
    file.write_text(RUDE)
    return f"python:{file}:rude"


def call(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


def test_scores_are_the_outcome_of_the_run_as_it_is_looked_at(tmp_path: Path, rude: str) -> None:
    run = planted(tmp_path)
    seen = run.grade(rude)
    want = [sum(map(ord, text)) % 97 / 97 for text in seen.records["text"]]
    assert seen.records["outcome"].to_list() == pytest.approx(want)
    table = seen.summary()
    assert table["outcome"]["name"] == "toxicity"
    assert table["outcome"]["better"] == "lower"
    mean = math.fsum(want) / len(want)
    measured = [row["measures"]["toxicity"]["value"] for row in table["rounds"]]
    assert math.fsum(measured) / 2 == pytest.approx(mean)
    words = table["rounds"][0]["measures"]["words"]
    assert words["value"] > 1
    assert words["low"] >= 0
    assert table["scorer"]["name"] == "python:rude.py:rude"
    assert any(
        note.startswith("toxicity is what python:rude.py:rude says") for note in table["notes"]
    )
    # the task's own number is still there
    assert run.summary()["outcome"]["name"] == "rating"
    assert run.records["outcome"].to_list() != seen.records["outcome"].to_list()


def test_a_control_is_compared_by_the_same_scores_or_not_at_all(tmp_path: Path, rude: str) -> None:
    run = planted(tmp_path)
    alone = run.grade(rude, controls=False).summary()["controls"]["repeat"]["against"]
    assert alone["difference"]["toxicity"]["value"] is None
    both = run.grade(rude).summary()["controls"]["repeat"]["against"]
    assert both["difference"]["toxicity"]["n"] == 24


def test_meanings_need_samples(tmp_path: Path) -> None:
    run = planted(tmp_path, limit=2, controls=False)
    with pytest.raises(
        UserError, match=r"has no samples, .* make a run with --samples 5"
    ) as caught:
        run.grade("meanings:key")
    assert "\n" not in str(caught.value)
    assert not list(run.folder.glob("scores/*"))


def test_a_scorer_runs_with_the_run_and_grades_what_an_earlier_one_left(
    tmp_path: Path, rude: str
) -> None:
    run = planted(tmp_path, scorer="none", limit=8)
    assert run.scores is None
    run = planted(tmp_path, scorer=rude)
    assert run.records["outcome"].null_count() == 0
    (folder,) = (run.folder / SCORES).glob("*/")
    assert len(list(folder.glob("*.parquet"))) == 3
    assert run.control("repeat").records["outcome"].null_count() == 0  # type: ignore[union-attr]


FAILS = """
import pathlib
def rate(prompt, answer, reference):
    calls = pathlib.Path(__file__).with_suffix(".calls")
    done = len(calls.read_text()) if calls.exists() else 0
    if done == 20 and pathlib.Path(__file__).with_suffix(".broken").exists():
        raise ConnectionError("gone")
    calls.write_text("x" * (done + 1))
    return 0.5
"""


def test_a_scorer_that_fails_half_way_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rate.py"
    file.write_text(FAILS)
    file.with_suffix(".broken").touch()
    scorer = f"python:{file}:rate"
    with pytest.raises(UserError, match="ConnectionError: gone; the answers are kept") as caught:
        planted(tmp_path, scorer=scorer, controls=False)
    assert "the same command grades the rest." in str(caught.value)
    (folder,) = [f for f in tmp_path.iterdir() if f.is_dir()]
    run = sc.open_run(folder)
    assert run.complete
    assert any("aren't graded yet" in note for note in run.summary()["notes"])
    graded = len(file.with_suffix(".calls").read_text())
    file.with_suffix(".broken").unlink()
    run = planted(tmp_path, scorer=scorer, controls=False)
    assert run.records["outcome"].to_list() == [0.5] * 48
    # nothing was asked twice, though the scorer failed within a piece
    assert graded == 20
    distinct = {(row["example"], row["text"]) for row in run.records.iter_rows(named=True)}
    assert len(file.with_suffix(".calls").read_text()) == len(distinct)
    assert not list(run.folder.glob("scores/*/*.json"))


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": [0.5]}', None])
def test_what_a_kill_leaves_of_a_piece_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    """What is on the disk when the tenth answer is asked about is what a kill would leave."""
    monkeypatch.setattr("selfcorrect.runs.grade.EVERY", 0.0)
    left, calls = {}, []

    class Counted:
        name, fingerprint, about, uses = "counted", "0" * 16, "counted", frozenset()
        outcome, values, at_once = Outcome("score"), {"count": Number("A number.", (0, 9))}, 1

        def score(self, rows: Any) -> Any:
            (row,) = rows
            calls.append(row)
            if len(calls) == 10:
                left.update({f: f.read_bytes() for f in run.folder.glob("scores/*/*.json")})
            return [Score(len(row.answer) % 7 / 7, None, {"count": 1.0}, "said")]

    run = planted(tmp_path, limit=8, chunk=8, controls=False, rounds=3)
    want = run.grade(Counted()).records["outcome"].to_list()
    whole = len(calls)
    ((part, data),) = left.items()
    assert not part.exists()
    part.with_suffix(".parquet").unlink()
    part.write_bytes(data if damage is None else damage)
    calls.clear()
    again = run.grade(Counted())
    assert len(calls) == (whole if damage is not None else whole - 9)
    assert again.records["outcome"].to_list() == want
    assert not part.exists()
    assert again.summary()["rounds"][0]["measures"]["count"]["value"] == 1


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("float('nan')", "its score nan is not within"),
        ("'x'", "the function gave 'x'; it must give a number"),
        ("{'other': 1}", "the table has no 'score'"),
        ("{'score': 'a'}", "it must give a number"),
        ("1e300", "is not finite, or larger than can be averaged"),
        ("1 / 0", "failed with ZeroDivisionError"),
        ("10**400", "a number of hundreds of digits"),
        (r"{'score': 1, '\ud800': 2}", r"name, '\ud800', holds half a character"),
        ("(_ for _ in ()).throw(BaseException('odd'))", "failed with BaseException: odd"),
        ("(_ for _ in ()).throw(GeneratorExit)", "failed with GeneratorExit"),
    ],
)
def test_what_cant_be_recorded_is_one_sentence(tmp_path: Path, gives: str, said: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(f"def rate(prompt, answer, reference):\n    return {gives}\n")
    run = planted(tmp_path, limit=2, controls=False)
    done = call("grade", str(run.folder), "--scorer", f"{file}:rate")
    assert done.exit_code == 2
    sentence = done.stderr.splitlines()[-1]
    assert said in sentence
    assert "example" in sentence
    assert not list(run.folder.glob("scores/*/*.parquet"))


def test_bounds_and_counts_are_checked(tmp_path: Path) -> None:
    class Short:
        name, fingerprint, about, values, uses = "short", "0" * 16, "short", {}, frozenset()
        outcome = Outcome("score")
        give = staticmethod(lambda _: [])

        def score(self, rows: Any) -> Any:
            return self.give(rows)

    run, scorer = planted(tmp_path, limit=2, controls=False), Short()
    with pytest.raises(UserError, match="gave 0 scores for 4 answers"):
        run.grade(scorer)
    scorer.give = lambda rows: [Score(2.0)] * len(rows)
    with pytest.raises(UserError, match=r"round 1: its score 2\.0 is not within 0 to 1"):
        run.grade(scorer)
    scorer.give = lambda rows: [Score(None, "too long")] * len(rows)
    said = run.grade(scorer).summary()["verdict"]
    assert "so there is nothing to compare: too long (4 of 4)." in said
    scorer.fingerprint = "1" * 16
    scorer.give = lambda rows: [Score(0.5), *[Score(None, "too long")] * (len(rows) - 1)]
    summary = run.grade(scorer).summary()
    assert summary["unscored"] == {"value": 0.75, "of": 4, "why": {"too long": 3}}
    assert "short gave 75 % of the answers no score: too long (3 of 4)." in summary["verdict"]


def test_what_to_do_about_a_full_disk_is_said_once() -> None:
    full = UserError("cannot use it: free some space, and run the same command again; it is kept.")
    assert told_kept(full) is full
    assert "the same command grades the rest" in str(told_kept(UserError("the scorer failed.")))


def test_scores_of_several_scorers_lie_beside_each_other(tmp_path: Path, rude: str) -> None:
    run = planted(tmp_path, limit=4, controls=False)
    run.grade(rude)
    file = tmp_path / "flat.py"
    file.write_text("def flat(prompt, answer, reference):\n    return 0.25\n")
    run.grade(f"{file}:flat")
    assert run.seen_by("python:flat.py:flat").outcome.name == "score"
    shown = call("show", str(run.folder), "--scorer", "python-rude", "--json")
    assert json.loads(shown.stdout)["outcome"]["name"] == "toxicity"
    file.write_text("def flat(prompt, answer, reference):\n    return 0.75\n")
    run.grade(f"{file}:flat")
    with pytest.raises(UserError, match=r"has several scores called 'python:flat\.py:flat'"):
        run.seen_by("python:flat.py:flat").summary()
    with pytest.raises(UserError, match="has no scores of 'profan'"):
        run.seen_by("profan").summary()


HUGE = json.dumps({"scorer": "x", "fingerprint": "0" * 16, "about": "", "values": {}})[:-1]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"scorer": 1}',
        "é",
        f'{HUGE}, "outcome": {{"name": "a", "bounds": [0, 1{"0" * 400}]}}}}',
        f'{HUGE}, "outcome": {{"name": "a", "margin": 1{"0" * 400}}}}}',
    ],
)
def test_damaged_notes_of_scores_are_one_sentence(tmp_path: Path, rude: str, text: str) -> None:
    run = planted(tmp_path, limit=2, controls=False)
    run.grade(rude)
    (note,) = run.folder.glob("scores/*.json")
    note.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"\.json is damaged .* grade the run again"):
        run.summary()


def test_damaged_scores_are_one_sentence(tmp_path: Path, rude: str) -> None:
    run = planted(tmp_path, limit=2, controls=False)
    seen = run.grade(rude)
    (file,) = run.folder.glob("scores/*/*.parquet")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=r"parquet is damaged .* delete that file and grade"):
        seen.summary()


def test_a_run_that_nobody_graded_says_who_could(tmp_path: Path, rude: str) -> None:
    prompts = tmp_path / "mine.txt"
    ask = "What do you say of plan {} of group 1?\n"
    prompts.write_text("\n".join(map(ask.format, (1, 2))))
    run = sc.run("planted:scores", "prompts", data=prompts, rounds=1, out=tmp_path, progress=False)
    said = run.summary()["verdict"]
    assert said.startswith(
        "The answers aren't graded, so there is no score to compare: selfcorrect"
    )
    assert "--scorer NAME does that." in said
    assert run.summary()["rounds"][0]["measures"]["words"]["value"] > 0
    run.grade(rude)
    said = run.summary()["verdict"]
    assert said.startswith("There are scores, but nothing says which to look at, so there is no")
    assert said.split("selfcorrect ")[1].split()[:3] == ["show", str(run.folder), "--scorer"]
    assert "--scorer python:rude.py:rude does that." in said
    refused = call("grade", str(run.folder))
    assert refused.exit_code == 2
    assert "names no scorer: give one with --scorer NAME" in refused.stderr


def test_prompts_and_references_reach_the_scorer(tmp_path: Path) -> None:
    data = tmp_path / "p.jsonl"
    data.write_text(
        '{"prompt": "What do you say of plan 1 of group 1?", "reference": "{T}wo <b>."}\n'
    )
    file = tmp_path / "seen.py"
    file.write_text(
        "def seen(prompt, answer, reference):\n"
        "    assert prompt == 'What do you say of plan 1 of group 1?', prompt\n"
        "    assert reference == '{T}wo <b>.', reference\n"
        "    return 1\n"
    )
    run = sc.run("planted:scores", "prompts", data=data, rounds=2, out=tmp_path, progress=False)
    assert run.grade(f"{file}:seen").records["outcome"].to_list() == [1, 1]


def test_agreement_with_people(tmp_path: Path, rude: str) -> None:
    run = planted(tmp_path, limit=None, task_options={"n": "60"}, controls=False)
    seen = run.grade(rude)
    rows = list(seen.records.select("example", "round", "outcome").iter_rows())
    middle = sorted(y for _, _, y in rows)[60]
    labels = tmp_path / "labels.csv"
    lines = [f"{e},{r},{'yes' if y > middle else 'no'}" for e, r, y in rows]
    labels.write_text("\n".join(["example,round,label", *lines, "nobody,1,no"]))
    done = call("grade", str(run.folder), "--scorer", rude, "--labels", str(labels), "--json")
    table = json.loads(done.stdout)
    assert (table["labels"], table["unmatched"], table["threshold"]) == (121, 1, 0.5)
    assert table["auroc"]["value"] == pytest.approx(1)
    assert (
        "Cohen's κ"
        in call("grade", str(run.folder), "--scorer", rude, "--labels", str(labels)).stdout
    )
    (example, number, y), *_ = rows
    labels.write_text(f"example,round,label\n{example},{number},{'yes' if y > middle else 'no'}\n")
    few = call("grade", str(run.folder), "--scorer", rude, "--labels", str(labels)).stdout
    assert " with 1 label (n 1, 1 cluster):" in few
    assert "AUROC – [–] (fewer than 5 labels of yes, or of no)" in few
    assert "right or wrong" not in few
    assert "[–]\n" not in few  # whatever has no interval says why
    labels.write_text("example,round,label\n1,1,perhaps\n")
    refused = call("grade", str(run.folder), "--scorer", rude, "--labels", str(labels))
    assert refused.exit_code == 2
    assert "labels.csv:2: 'label' must be true or false" in refused.stderr


def test_two_functions_of_one_file_are_two_scorers(tmp_path: Path) -> None:
    file = tmp_path / "col.py"
    file.write_text("def f(p, a, r):\n    return 0\ndef F(p, a, r):\n    return 1\n")
    file.write_text(file.read_text() + "def b(p, a, r):\n    return len(a) > 3\n")
    run = planted(tmp_path, limit=2, controls=False)
    assert run.grade(f"{file}:f").records["outcome"].to_list() == [0] * 4
    assert set(run.grade(f"{file}:b").records["outcome"]) <= {0.0, 1.0}
    assert run.grade(f"{file}:F").records["outcome"].to_list() == [1] * 4


def test_grading_again_keeps_what_was_given(tmp_path: Path, rude: str) -> None:
    run = planted(tmp_path, limit=8, controls=False)
    first = run.grade(rude).summary()
    (note,) = run.folder.glob("scores/*.json")
    before = note.read_bytes()
    again = run.grade(rude).summary()
    assert note.read_bytes() == before
    assert again["rounds"] == first["rounds"]
    assert "words" in again["rounds"][0]["measures"]


@pytest.mark.parametrize(
    "gives",
    [
        "type('N', (float,), {'__float__': lambda s: 1 / 0})()",
        "type('M', (dict,), {'keys': lambda s: 1 / 0})(score=1)",
        "{'score': 1, 'x' * 80: 1}",
    ],
)
def test_what_a_function_gives_may_be_code_too(tmp_path: Path, gives: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(f"def rate(prompt, answer, reference):\n    return {gives}\n")
    run = planted(tmp_path, limit=2, controls=False)
    done = call("grade", str(run.folder), "--scorer", f"{file}:rate")
    assert (done.exit_code, type(done.exception)) in ((0, type(None)), (2, SystemExit))


def test_a_received_run_names_no_file_that_is_run(tmp_path: Path) -> None:
    file = tmp_path / "evil.py"
    file.write_text("def rate(p, a, r):\n    return 0.5\n")
    run = planted(tmp_path / "runs", limit=2, controls=False, scorer=f"{file}:rate")
    file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef rate(p, a, r):\n    return 0\n")
    assert sc.open_run(run.folder).summary()["scorer"]["name"] == "python:evil.py:rate"
    done = call("grade", str(run.folder))
    assert done.exit_code == 2
    assert "what a run's folder names is not opened by itself: give --scorer" in done.stderr
    assert not (tmp_path / "ran").exists()
