"""Every command, on every damaged file of the corpus: status 0, 1 or 2, soon, without a traceback.

The corpus is :mod:`fuzzed`; a sample of it here, all of it where slow tests are run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzzed import DATA, KINDS, Case, Valid, cases, run_all, valid
from mutations import mutated

#: So many of each kind are run with every test.
SAMPLE = {"data": 3, "log": 2, "spec": 2, "strategy": 2, "folder": 2, "values": 2, "reply": 20,
          "concept": 2, "label": 2, "pair": 4, "seen": 4, "picture": 12, "tuned": 4}  # fmt: skip


def _some() -> Iterator[Case]:
    taken: Counter[str] = Counter()
    for case in cases():
        if taken[case.kind] < SAMPLE[case.kind]:
            taken[case.kind] += 1
            yield case


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Valid:
    return valid(tmp_path_factory.mktemp("valid"))


def test_the_corpus_is_large_and_the_same_everywhere() -> None:
    assert sum(many for many, _ in KINDS.values()) >= 500
    assert SAMPLE.keys() == KINDS.keys()
    digest = hashlib.blake2b(digest_size=8)
    for number in range(200):
        digest.update(mutated(DATA["d.csv"], f"same {number}"))
    assert digest.hexdigest() == "c272b9b228c6a5ee"


@pytest.mark.parametrize("case", list(_some()), ids=str)
def test_a_damaged_file_is_read_or_refused(case: Case, whole: Valid, tmp_path: Path) -> None:
    assert case.run(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_damaged_file_is_read_or_refused(kind: str) -> None:
    faults: list[str] = []
    counts = run_all([case for case in cases() if case.kind == kind], faults.append)
    assert not faults
    assert counts[f"{kind}: cases"] == KINDS[kind][0]
