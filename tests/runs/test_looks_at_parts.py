"""Looks at fewer dialogues than were shown before."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from selfcorrect.measures.looks import level
from selfcorrect.runs import make_spec, run
from selfcorrect.runs.looks import LOOKS, look_at, looks_with
from selfcorrect.runs.report import page_name, write_report
from selfcorrect.runs.run import Run


@pytest.fixture
def whole(tmp_path: Path) -> Run:
    spec = make_spec({"model": "planted:chain", "task": "planted", "rounds": 2, "limit": 12})
    return run(spec, out=tmp_path, controls=False)


def seen(of: Run, n: int) -> list[int]:
    return [look.n for look in look_at(of, np.arange(n, dtype=np.uint64))]


def put(of: Run, *looks: tuple[int, str]) -> None:
    table = [{"n": n, "clusters": n, "at": at} for n, at in looks]
    (of.folder / LOOKS).write_text(json.dumps(table))


def test_a_look_at_fewer_leaves_what_was_said_of_more(whole: Run) -> None:
    put(whole, (200, "2026-01-01T00:00:00+00:00"))
    assert seen(whole, 10) == [10, 200]  # a chance of its own, judged as a second look
    assert seen(whole, 200) == [200]  # as it was
    assert seen(whole, 400) == [10, 200, 400]  # and all count
    assert seen(whole, 200) == [200, 400]
    assert looks_with(whole, np.arange(10, dtype=np.uint64))[-1].n == 400


def test_a_look_at_fewer_before_counts(whole: Run) -> None:
    put(whole, (10, "2026-01-01T00:00:00+00:00"), (200, "2026-01-01T00:00:00+00:00"))
    assert seen(whole, 200) == [10, 200]


def test_two_looks_keep_the_chance_whichever_comes_first() -> None:
    """No change: claimed of the 200 at the boundary of a first look, of the 100 among them later
    at that of a second one."""
    draw = np.random.default_rng(7)
    half, rest = draw.standard_normal((2, 200_000))
    sizes = {200: [200], 100: [100, 200]}
    z = {n: NormalDist().inv_cdf((1 + level(of)) / 2) for n, of in sizes.items()}
    wrong = (abs((half + rest) / np.sqrt(2)) > z[200]) | (abs(half) > z[100])
    assert 0.038 < wrong.mean() < 0.043  # .05 - .018 / 2 = .041


def test_a_smaller_view_leaves_the_page_of_the_whole(whole: Run) -> None:
    write_report(whole)
    page = (whole.folder / "report.html").read_text()
    part = run(whole.spec.model_copy(update={"limit": 5}), out=whole.folder.parent, controls=False)
    assert write_report(part).name == page_name(part) == "report-limit-5.html"
    assert (whole.folder / "report.html").read_text() == page
    again = run(whole.spec, out=whole.folder.parent, controls=False)
    assert page_name(again) == "report.html"
