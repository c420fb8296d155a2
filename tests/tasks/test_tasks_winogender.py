"""The tasks sample, planted and winogender, and the order of examples."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from selfcorrect.errors import UserError
from selfcorrect.tasks import Answer, make

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


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
