"""Right answers that nobody could read never become a claim, wherever runs are looked at."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import selfcorrect as sc
from commands import printed
from selfcorrect.runs import Run, make_spec
from selfcorrect.runs import run as run_all
from selfcorrect.runs.compare import compare
from selfcorrect.runs.unread import many_unread, unread_of
from selfcorrect.studies import load
from selfcorrect.studies.execute import execute
from unread_runs import TEXT, garbled

ALWAYS_RIGHT = "planted:chain?accuracy=1,cl=1,cs=1"
#: No sentence on these runs may say so.
CLAIMS = re.compile(
    r"(?<!whether )(?<!n't )\b(?:accuracy (?:rose|fell)|(?:gained|lost) \d|is (?:better|worse) than"
    r"|(?<!none )(?<!nothing here )(?:is|are) shown to be (?:better|worse)"
    r"|changed (?:better|worse)|^Do:|raises|lowers)\b",
    re.IGNORECASE,
)


def planted(out: Path, n: int = 12, **more: Any) -> Run:
    settings = {"task": "planted", "rounds": 2, "limit": n, "controls": False}
    return sc.run(ALWAYS_RIGHT, **{**settings, **more}, out=out, progress=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Twelve right answers, of which in the last round of the second run none could be read."""
    out = tmp_path_factory.mktemp("runs")
    return planted(out, strategy="repeat"), garbled(planted(out), out / "copies")


def test_the_verdict(runs: tuple[Run, Run]) -> None:
    _, unread = runs
    said = unread.summary()["verdict"]
    first, second, *_ = said.split("\n")
    assert first == "Whether accuracy changed can't be said: too many answers couldn't be read."
    assert second.startswith(
        "They are 0 of 12 in "
        "round 1 and 12 of 12 in round 2. Counted as wrong, they make it −100.0 points"
    )
    assert "; left out, they leave nothing to compare; counted otherwise, anything from" in second
    assert second.endswith(f" first: selfcorrect show {unread.folder} --unread.")
    assert not CLAIMS.search(said)


def test_a_comparison_and_its_advice(runs: tuple[Run, Run]) -> None:
    table = compare(runs)
    for said in (table["findings"], table["advice"]["said"]):
        assert said[0] == (
            "Many answers couldn't be read: 12 of 12 in round 2 of intrinsic. Look at them first: "
            f"selfcorrect show {runs[1].folder} --unread."
        )
        assert not CLAIMS.search("\n".join(said))
    assert any("can't be said, as answers that couldn't be read" in each
               and "left out, they leave nothing to compare; they allow anything from −100.0 to 0.0"
               in each for each in table["findings"])  # fmt: skip
    assert table["advice"]["word"] != "do"
    turned = compare(runs[::-1])
    assert not CLAIMS.search("\n".join([*turned["findings"], *turned["advice"]["said"]]))


def test_read_answers_are_still_claimed(tmp_path: Path) -> None:
    """The words that are looked for are those that a claim has."""
    worse = planted(tmp_path, 160, strategy="repeat").folder
    falls = sc.run("planted:chain?accuracy=1,cl=0.5,cs=0", task="planted", rounds=2, limit=160,
                   controls=False, out=tmp_path, progress=False)  # fmt: skip
    table = compare([sc.open_run(worse), falls])
    assert CLAIMS.search("\n".join(table["findings"]))
    assert CLAIMS.search(falls.summary()["verdict"])
    assert not many_unread({"falls": falls})


def test_the_texts_can_be_looked_at(runs: tuple[Run, Run]) -> None:
    read, unread = runs
    found = unread_of(unread)
    assert found["rounds"] == [
        {"round": 1, "n": 12, "unread": 0}, {"round": 2, "n": 12, "unread": 12},
    ]  # fmt: skip
    (text,) = found["texts"]
    assert (text["text"], text["problem"], text["count"]) == (TEXT, "no option", 12)
    assert text["rounds"] == [2]
    shown = printed("show", str(unread.folder), "--unread")
    assert "Answers that couldn't be read: 12 of 12 in round 2." in shown
    assert f"12 times, no option (round 2, such as {text['example']})\n{TEXT}" in shown
    told = json.loads(printed("show", str(unread.folder), "--unread", "--json"))
    assert told == found
    a, *_ = text["choices"]
    assert f"{TEXT}\noptions: (a) {a}  (b) " in shown
    assert "no option: no letter and no text of an option is given as the answer." in shown
    assert "Every answer was read." in printed("show", str(read.folder), "--unread")


@pytest.mark.slow
@pytest.mark.parametrize("late", [True, False], ids=["others unread", "first unread"])
@pytest.mark.parametrize(
    "name",
    [
        "attribution",
        "factorial",
        "convergence",
        "injection",
        "role",
        "checking",
        "joint",
        "wording",
    ],
)
def test_studies(name: str, late: bool, tmp_path: Path) -> None:
    study = load(name)
    rounds = {} if "rounds" in study.fixed else {"rounds": 3}
    task = {"model": ALWAYS_RIGHT, "task": {"name": "planted"}, "limit": 40}
    settings = study.settings({"anyway": True})
    assert study.plan is not None
    spec = make_spec({**task, **rounds})
    plan = study.plan(spec, settings)
    made = {arm: run_all(each, out=tmp_path / "a", controls=False) for arm, each in plan.items()}
    if study.then is not None:
        more = study.then(spec, settings, made)
        made |= {arm: run_all(each, out=tmp_path / "a", controls=False)
                 for arm, each in more.items()}  # fmt: skip
    lost = {
        arm: garbled(run, tmp_path / f"{k}") if (k > 0) == late else run
        for k, (arm, run) in enumerate(made.items())
    }
    done = execute(name, settings, runs=lost, out=tmp_path, folder=tmp_path / "study")
    first, *others = done.sheet.findings
    assert first.startswith("Many answers couldn't be read: 40 of 40 in round")
    assert done.result["warnings"] == [first]
    assert not CLAIMS.search("\n".join(others))
    told = re.compile("unread|(?:weren't|couldn't be) read|no .* shown|aren't shown", re.IGNORECASE)
    for said in others:  # a change that is far from 0 comes with why it isn't claimed
        if re.search(r"[−+]1\.?0{2,3}(?:\.0)?(?: points)? \[", said):
            assert told.search(said), said
