"""Verdicts that are looked at again: the level of each look, and what is noted of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.measures.looks import FIRST, level, spent
from selfcorrect.report.notes import about_intervals
from selfcorrect.runs.looks import LOOKS, Look, read_looks, write_looks
from selfcorrect.runs.store import Store


def boundaries(sizes: list[float]) -> np.ndarray:
    levels = [level(sizes[: i + 1]) for i in range(len(sizes))]
    return np.array([stats.norm.isf((1 - each) / 2) for each in levels])


@pytest.mark.parametrize(
    "sizes",
    [[60.0 * 2**i for i in range(7)], [100.0 * (i + 1) for i in range(20)], [100, 110, 500]],
)
def test_a_random_walk_crosses_as_often_as_may_be_spent(sizes: list[float]) -> None:
    """Against plain simulation: 200,000 walks, known to ± .1 points."""
    rng = np.random.default_rng(0)
    steps = np.sqrt(np.diff([0.0, *sizes])).astype(np.float32)
    walks = np.cumsum(rng.standard_normal((200_000, len(sizes)), np.float32) * steps, axis=1)
    crossed = np.abs(walks) / np.sqrt(sizes) > boundaries(sizes)
    assert crossed.any(axis=1).mean() == pytest.approx(spent(sizes[-1] / sizes[0]), abs=0.002)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 100_000), min_size=2, max_size=5, unique=True))
def test_no_later_look_is_judged_more_mildly_than_the_first(sizes: list[int]) -> None:
    sizes.sort()
    assert level(sizes[:1]) == pytest.approx(1 - FIRST)
    assert 1 - FIRST < level(sizes) < 1


def test_hundreds_of_looks_are_not_too_many() -> None:
    levels = [level(range(100, 100 + 200 * looks, 200)) for looks in (10, 100, 400)]
    assert 1 - FIRST < levels[0] < levels[1] < levels[2] < 1


def test_what_may_be_spent() -> None:
    assert [spent(g) for g in (1, 2, 3)] == pytest.approx([0.032, 0.041, 0.044])
    assert spent(1e9) == pytest.approx(0.05)


def test_a_first_look_is_within_a_tenth_of_95_percent() -> None:
    assert boundaries([200.0])[0] / stats.norm.ppf(0.975) < 1.1


def planted(folder: Path, limit: int) -> sc.Run:
    return sc.run(
        model="planted:chain", task="planted", rounds=3, limit=limit, controls=False, out=folder
    )


def test_looks_are_noted_once_for_each_size(tmp_path: Path) -> None:
    run = planted(tmp_path, 40)
    first = run.summary()
    assert [look["n"] for look in first["looks"]] == [40]
    assert first["level"] == pytest.approx(1 - FIRST)
    assert run.summary()["looks"] == first["looks"]  # the same numbers are no further look
    second = planted(tmp_path, 80).summary()
    assert [look["n"] for look in second["looks"]] == [40, 80]
    assert second["level"] == pytest.approx(level([40, 80]))
    assert sc.open_run(run.folder).summary()["level"] == second["level"]
    again = planted(tmp_path, 40).summary()  # less of it shown again is no new look, nor cheaper
    assert (again["level"], len(again["looks"])) == (second["level"], 2)
    change = second["changes"]["accuracy"]
    low, high = change["decides"]
    assert low < change["low"] < change["high"] < high


def test_a_control_that_grows_is_looked_at_too(tmp_path: Path) -> None:
    settings = {"model": "planted:chain", "task": "planted", "rounds": 3, "out": tmp_path}
    sc.run(limit=20, **settings).summary()
    run = sc.run(limit=80, controls=False, **settings)
    first = run.summary()["controls"]["repeat"]["against"]["level"]
    sc.run(limit=60, strategy="repeat", controls=False, **settings)
    summary = run.summary()
    assert [look["n"] for look in summary["looks"]] == [20, 80]
    noted = [(look.n, look.control) for look in read_looks(Store(run.folder)) if look.control]
    assert {(20, "repeat"), (60, "repeat")} <= set(noted)
    grown = summary["controls"]["repeat"]["against"]["level"]
    assert (first, grown) == (pytest.approx(level([20])), pytest.approx(level([20, 60])))


def test_a_folder_that_cant_be_written_is_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planted(tmp_path, 20)

    def full(*_: object, **__: object) -> bool:
        raise UserError("the disk is full.")

    monkeypatch.setattr(Store, "put", full)
    assert run.summary()["looks"][0]["n"] == 20


@pytest.mark.parametrize(
    "text", ["{", "[1]", '[{"n": 0, "clusters": 1, "at": ""}]', '[{"n": "9", "clusters": 1}]', "5"]
)
def test_damaged_looks_are_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / LOOKS).write_text(text)
    with pytest.raises(
        UserError, match=r"looks\.json is damaged .* restore it, or move the folder"
    ):
        read_looks(Store(tmp_path))


def test_looks_come_back_as_they_were_noted(tmp_path: Path) -> None:
    looks = [Look(9, 3, "2026-11-28T10:00:00+00:00"), Look(4, 2, "2026-11-27T10:00:00+00:00")]
    write_looks(Store(tmp_path), looks)
    assert read_looks(Store(tmp_path)) == looks[::-1]
    assert json.loads((tmp_path / LOOKS).read_text())[0]["clusters"] == 3


def test_a_limited_run_of_clusters_says_what_it_estimates(tmp_path: Path) -> None:
    settings = {"model": "planted:chain", "task": "planted", "rounds": 1, "out": tmp_path}
    clustered = {"task_options": {"n": 60, "cluster_size": 5}, "controls": False}
    notes = sc.run(limit=30, **settings, **clustered).summary()["notes"]
    assert any(note.startswith("30 of 60 examples, clusters in turn") for note in notes)
    one_each = sc.run(limit=12, seed=1, **settings, **clustered).summary()["notes"]
    assert any(note.startswith("12 of 60 examples, clusters in turn") for note in one_each)
    whole = sc.run(limit=60, **settings, **clustered).summary()["notes"]
    assert not any("clusters in turn" in note for note in whole)


@pytest.mark.parametrize(
    ("at", "said"), [(0.968, "96.8 %"), (0.985, "98.5 %"), (0.9982, "99.8 %"), (0.99968, "99.97 %")]
)
def test_no_level_is_rounded_to_certainty(at: float, said: str) -> None:
    told = about_intervals({"level": at, "looks": [], "rounds": [{}, {}], "controls": {}})
    assert f"those of the verdict are {said}, which allows for further looks" in told


def test_a_comparison_with_its_own_looks_has_its_own_level() -> None:
    controls = {
        "repeat": {"against": {"level": 0.968}},
        "prior": {"against": None},
        "empty": {"against": {"level": 0.985}},
    }
    told = about_intervals({"level": 0.985, "rounds": [{}, {}], "controls": controls})
    assert "those of the verdict are 98.5 %, against repeat 96.8 %, which allows" in told


def test_a_thousand_looks_are_a_level_and_no_traceback() -> None:
    assert 0.999 < level(range(100, 1100)) < 1
