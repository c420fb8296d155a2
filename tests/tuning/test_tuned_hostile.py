"""``tuned.toml`` of a stranger, and choosing among many texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfcorrect.errors import UserError
from selfcorrect.models.tuned import Tuned, read_tuned, text_key
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import Asked, subsets
from timing import within

WHOLE = Tuned({"name": "m"}, {"n": 1}, {"seed": 0}, {}, frozenset({text_key("a")}),
              {"bbq": frozenset({"c"})})  # fmt: skip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "tuned.toml").write_bytes(WHOLE.toml())
    assert read_tuned(str(tmp_path)) == WHOLE


@pytest.mark.parametrize(
    ("was", "by"),
    [
        (b"texts = [", b'texts = "abc" #['),
        (b"texts = [", b"text = ["),
        (b"[trained.clusters]", b"[trained.others]"),
        (b"bbq = [", b'bbq = "c" #['),
        (b'"c"', b"3"),
        (b"[parent]", b"[[parent]]"),
        (b"[result]", b"[other]"),
        (b"[trained]", b"[other]"),
    ],
    ids=str,
)
def test_a_file_that_does_not_say_what_was_trained_on_is_refused(
    tmp_path: Path, was: bytes, by: bytes
) -> None:
    plain = WHOLE.toml().replace(b"[\n    ", b"[").replace(b",\n]", b"]")
    assert was in plain
    (tmp_path / "tuned.toml").write_bytes(plain.replace(was, by, 1))
    with pytest.raises(UserError, match="what the model was trained on isn't known"):
        read_tuned(str(tmp_path))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tuned.toml").write_bytes(b"")
    with pytest.raises(UserError, match="isn't known"):
        read_tuned(str(tmp_path))


def _asked(n: int) -> Asked:
    rng = np.random.default_rng(3)
    texts = [Text(str(at), f"text {at}", str(at)) for at in range(n)]
    nothing = np.full(n, np.nan)
    tokens = rng.integers(3, 40, n).astype(float)
    return Asked(texts, rng.random(n), nothing, nothing, nothing, tokens, 5)


def test_texts_as_long_as_others_are_the_nearest_that_are_left() -> None:
    asked = _asked(400)
    found = subsets(asked, 90, seed=1)
    like, chosen = found["uncertain"], found["length"]
    assert len(set(chosen)) == 90
    assert not set(chosen) & set(like)
    # no pair of a chosen one and one left over would be nearer to all that were to be matched
    wanted = np.sort(asked.tokens[like])
    got = np.sort(asked.tokens[chosen])
    assert np.abs(wanted - got).mean() < 0.5
    everything = subsets(asked, 400, seed=1)
    assert sorted(everything["length"]) == list(range(400))


def test_choosing_among_many_texts_takes_no_square_of_their_number() -> None:
    asked = _asked(40_000)
    with within(5):
        assert len(set(subsets(asked, 10_000, seed=1)["length"])) == 10_000
