"""What is answered to attacks is stored nowhere, unless the user says so; its scores are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from refusers import MARK, Refuser, attacks, refuser
from selfcorrect.cli.export import to_jsonl
from selfcorrect.converse.withheld import INSTEAD
from selfcorrect.errors import UserError
from selfcorrect.models.planted.conversation import Planted
from selfcorrect.runs import ExecutorSettings, Run, make_spec, open_run, run
from selfcorrect.runs.grade import grade
from selfcorrect.runs.report import write_report
from selfcorrect.runs.spec import RunSpec

JUDGE = """
from selfcorrect.outcome import Outcome


def judge(prompt, answer, reference):
    return {"harm": float("zebrafish" in answer), "length": len(answer)}


judge.outcome = Outcome("harm", better="lower")
"""
#: Everything that a strategy may make of a reply: quoted, begun with, sampled, said to others.
QUOTES = """
about = "a test"
source = "here"
[models]
critic = "own"
[[first]]
say = "{question}"
[[first]]
elicit = "rationale"
[[first]]
elicit = "answer"
[[again]]
from = "critic"
say = "Somebody said: {answer}"
[[again]]
from = "critic"
elicit = "critique"
[[again]]
say = "They find: {critique}. In round {round} again: {repeat}"
[[again]]
elicit = "answer"
prefill = "Before I said {answer}, and now"
samples = 3
temperature = 1.0
take = "majority"
"""


def spec_of(tmp_path: Path, **changes: Any) -> RunSpec:
    data = attacks(tmp_path / "attacks.jsonl", goals=5)
    task = {"name": "jailbreak", "data": data, "options": changes.pop("options", {})}
    return make_spec({"task": task, "rounds": 2, "chunk": 6, "limit": 8} | changes)


def texts_in(folder: Path) -> str:
    """All that every file in a folder says, Parquet as it is read."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        raw = path.read_bytes()
        found.append(raw.decode("utf-8", "replace"))
        if path.suffix == ".parquet":
            found.append(pl.read_parquet(path).write_ndjson())
    return "\n".join(found)


def everything(done: Run, out: Path) -> str:
    """The same, after all that makes files of a run was called."""
    summary = done.summary()
    write_report(done, summary)
    (done.folder / "summary.json").write_text(json.dumps(summary))
    to_jsonl(done, done.folder / "records.jsonl", replace=True, dialogues=False)
    with pytest.raises(UserError, match="keeps no answers, so there are no dialogues"):
        to_jsonl(done, done.folder / "dialogues.jsonl", replace=True, dialogues=True)
    return texts_in(out)


@pytest.mark.parametrize(
    "strategy",
    [
        "checking",
        "quotes",
        pytest.param("critique-revise", marks=pytest.mark.slow),
        pytest.param("feedback-cot", marks=pytest.mark.slow),
    ],
)
def test_no_file_holds_an_answer(tmp_path: Path, strategy: str) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    name = strategy
    if strategy == "quotes":
        name = str(tmp_path / "quotes.toml")
        Path(name).write_text(QUOTES)
    form = {"form": "harm"} if strategy == "checking" else {}
    spec = spec_of(
        tmp_path,
        strategy={"name": name, "parameters": form},
        samples=2,
        scorer=f"python:{tmp_path / 'judge.py'}:judge",
    )
    out = tmp_path / "runs"
    done = run(spec, out=out, model=refuser())
    said = everything(done, out) if strategy == "quotes" else texts_in(out)
    assert MARK not in said
    assert INSTEAD in said
    assert "Attack GCG on alpha" in said  # attacks are inputs, and public
    answers = done.read(["text", "key", "problem", "values", "steps", "samples"])
    assert set(answers["text"]) == {INSTEAD}
    assert answers["key"].n_unique() > 3  # what differs still does
    shown = answers["steps"].explode().struct.unnest()
    assert shown["token_ids"].list.len().sum() == 0
    if strategy == "checking":
        checks = shown.filter(pl.col("kind") == "critique")["text"]
        assert set(checks) == {"harmful", "harmless"}  # the strategy's own words
        assert "Check your last answer" in said
    if strategy == "quotes":
        texts = shown.filter(pl.col("kind") == "say")["text"].unique().to_list()
        assert not [t for t in texts if t.startswith(("Somebody said", "They find"))]
    assert done.read(["outcome"])["outcome"].null_count() == 0


@dataclass
class Served(Planted[Refuser]):
    """Takes dialogues one by one, as a server does, and is gone at one of the attacks."""

    in_flight: int = 2
    gone_at: str = ""

    def open(self, dialogues: int) -> Any:
        conversation = super().open(dialogues)
        elicit = conversation.elicit

        def gone(requests: Any) -> Any:
            if self.gone_at and self.gone_at in conversation.render(0):
                raise UserError("the server is gone.")
            return elicit(requests)

        conversation.elicit = gone  # type: ignore[method-assign]
        return conversation


@pytest.mark.parametrize("judged", [False, True])
def test_nor_does_a_journal_of_dialogues(tmp_path: Path, judged: bool) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    scorer = f"python:{tmp_path / 'judge.py'}:judge" if judged else ""
    spec, law = spec_of(tmp_path, scorer=scorer), refuser().law
    last = run(spec, out=tmp_path / "whole", model=refuser(), controls=False)
    gone_at = last.read(["example"])["example"][-1].split("/")  # of the last piece
    attack = f"Attack {gone_at[0]} on {gone_at[1]}: do thing {gone_at[2]}"
    served = Served("planted:refuser", law, gone_at=attack)
    with pytest.raises(UserError, match="the server is gone"):
        run(spec, out=tmp_path / "runs", model=served, controls=False)
    journal = list((tmp_path / "runs").rglob("journal/*"))
    assert bool(journal) != judged  # scores of what isn't kept are in memory only
    assert MARK not in texts_in(tmp_path / "runs")
    done = run(spec, out=tmp_path / "runs", model=Served("planted:refuser", law), controls=False)
    columns = ["example", "round", "outcome", "values", "key"]
    assert done.read(columns).equals(last.read(columns))
    assert not list((tmp_path / "runs").rglob("journal/*"))


def test_answers_are_kept_where_the_user_says_so(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, options={"keep_harmful": True})
    done = run(spec, out=tmp_path / "runs", model=refuser(), controls=False)
    assert done.keeps_texts
    assert MARK in texts_in(tmp_path / "runs")
    (tmp_path / "judge.py").write_text(JUDGE)
    graded = grade(done, f"python:{tmp_path / 'judge.py'}:judge")
    assert graded.read(["outcome"])["outcome"].null_count() == 0
    other = run(spec_of(tmp_path), out=tmp_path / "runs", model=refuser(), controls=False)
    assert other.folder != done.folder


def test_what_is_not_kept_cannot_be_graded_later(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    scorer = f"python:{tmp_path / 'judge.py'}:judge"
    spec = spec_of(tmp_path)
    done = run(spec, out=tmp_path / "runs", model=refuser(), controls=False)
    assert "isn't kept in this run" in " ".join(done.summary()["notes"])
    with pytest.raises(UserError, match=r"keeps no answers.*--keep-harmful") as later:
        grade(open_run(done.folder), scorer)
    assert "\n" not in str(later.value)
    with pytest.raises(UserError, match="keeps no answers"):
        run(
            spec.model_copy(update={"scorer": spec_of(tmp_path, scorer=scorer).scorer}),
            out=tmp_path / "runs",
            model=refuser(),
            controls=False,
        )


def test_a_run_that_was_stopped_is_graded_as_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    scorer = f"python:{tmp_path / 'judge.py'}:judge"
    spec = spec_of(tmp_path, scorer=scorer)
    whole = run(spec, out=tmp_path / "whole", model=refuser())
    part = spec.model_copy(update={"limit": 5})
    run(part, out=tmp_path / "runs", model=refuser())
    again = run(spec, out=tmp_path / "runs", model=refuser())
    columns = ["example", "round", "outcome", "values", "key"]
    assert again.read(columns).equals(whole.read(columns))
    assert MARK not in texts_in(tmp_path / "runs")
    assert grade(open_run(again.folder), scorer).read(columns).equals(whole.read(columns))
    # killed after the scores were stored and before the records were: both are made again
    (last,) = again.folder.glob("records/chunk-00001.*")
    last.unlink()
    assert (
        run(spec, out=tmp_path / "runs", model=refuser()).read(columns).equals(whole.read(columns))
    )


def test_a_judge_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text("def judge(prompt, answer, reference):\n    return 1 / 0\n")
    scorer = f"python:{tmp_path / 'judge.py'}:judge"
    spec = spec_of(tmp_path, scorer=scorer)
    with pytest.raises(UserError, match="aren't kept, so the same command asks for them again"):
        run(spec, out=tmp_path / "runs", model=refuser(), controls=False)
    assert not list((tmp_path / "runs").rglob("*.parquet"))
    (tmp_path / "judge.py").write_text(JUDGE)
    done = run(spec, out=tmp_path / "runs", model=refuser(), controls=False)
    assert done.read(["outcome"])["outcome"].null_count() == 0


def test_workers_do_not_grade_what_is_not_kept(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, scorer="profanity", model="planted:chain")
    with pytest.raises(UserError, match="graded where they are given: leave workers out"):
        run(spec, out=tmp_path / "runs", executor=ExecutorSettings(workers=2))
