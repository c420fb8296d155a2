"""Swapped words, and subsets of texts by what a model says of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from commands import printed, refused
from selfcorrect import tasks
from selfcorrect.errors import UserError
from selfcorrect.evaluation.own_pairs import own_pairs
from selfcorrect.tasks.data.texts import Text, read_texts
from selfcorrect.tuning.choose import Asked, _said, asked_of, described, spec_of, subsets
from selfcorrect.tuning.doubts import doubts
from selfcorrect.tuning.made import stored, swaps_of
from selfcorrect.tuning.own_texts import most, own_texts
from selfcorrect.tuning.swap import swap_all, swapped
from selfcorrect.tuning.words import NAMES, SWAPPED, SWAPPED_NAMES, WORDS


@pytest.mark.parametrize(
    ("text", "other", "count"),
    [
        ("He gave her his book.", "She gave him her book.", 3),
        ("The book is hers, not his.", "The book is his, not hers.", 2),
        ("I saw her yesterday.", "I saw him yesterday.", 1),
        ("HE and Her brother's dog", "SHE and His sister's dog", 3),
        ("Mary's car and James’s bike", "James's car and Mary’s bike", 2),
        ("She’s late; he'd know.", "He’s late; she'd know.", 2),
        ("Mr. Smith, the chairman", "Ms. Smith, the chairwoman", 2),
        ("the, there, shed, hero-worship of a mankind", "the, there, shed, heroine-worship of a "
         "mankind", 1),
        ("john and mary", "john and mary", 0),
        ("", "", 0),
    ],
)  # fmt: skip
def test_words_are_swapped_with_case_possessives_and_names(
    text: str, other: str, count: int
) -> None:
    assert swapped(text) == (other, count)


def test_each_word_has_one_other_half() -> None:
    for pairs, table in ((WORDS, SWAPPED), (NAMES, SWAPPED_NAMES)):
        flat = [word for pair in pairs for word in pair]
        assert len(flat) == len(set(flat))
        assert all(table[table[word]] == word for word in flat)


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_whatever_is_swapped_keeps_all_else(text: str) -> None:
    made, count = swapped(text)
    assert (count == 0) == (made == text)


def test_texts_of_our_own_are_swapped_and_are_none_of_the_pairs() -> None:
    texts = own_texts(400)
    assert texts == own_texts(400) != own_texts(400, seed=1)
    made = swap_all(texts)
    assert (len(made.texts), made.untouched) == (380, 20)
    assert all(each.usual != each.text for each in made.texts)
    back = [swapped(each.text)[0] for each in made.texts]
    assert sum(a == each.usual for a, each in zip(back, made.texts, strict=True)) > 370
    sentences = {t for p in own_pairs().items for t in (p.more, p.less)}
    assert not sentences & {each.text for each in own_texts(most())}
    with pytest.raises(UserError, match="texts of our own, and 10,000 are wanted"):
        own_texts(10_000)
    with pytest.raises(UserError, match="none of the 1 texts has a gendered word"):
        swap_all([Text("a", "It rains.", "a")])


def test_texts_are_read_from_rows_and_lines_each_once(tmp_path: Path) -> None:
    rows = tmp_path / "a.jsonl"
    rows.write_text('{"text": " One. ", "cluster": "x", "task": "bbq"}\n{"text": "One."}\n')
    (one,) = read_texts(rows)
    assert (one.text, one.cluster, one.task) == ("One.", "x", "bbq")
    lines = tmp_path / "b.txt"
    lines.write_text("One.\n\nTwo.\n")
    assert [each.text for each in read_texts(lines)] == ["One.", "Two."]
    lines.write_text("\n")
    with pytest.raises(UserError, match=r"b\.txt"):
        read_texts(lines)
    names = ["s", "s-2", "s", "s-1", "s", "t"]
    rows.write_text("".join(f'{{"text": "{k}", "id": "{n}"}}\n' for k, n in enumerate(names)))
    found = [each.id for each in read_texts(rows)]
    assert found == ["s", "s-2", "s-3", "s-1", "s-4", "t"]  # a name of another text isn't taken
    rows.write_text('{"words": "One."}\n')
    with pytest.raises(UserError, match="the field 'text' is missing"):
        read_texts(rows)


def _asked(n: int, seed: int = 0, *, flat: bool = False) -> Asked:
    rng = np.random.default_rng(seed)
    texts = [Text(f"t{at}", f"text {at}", f"c{at}") for at in range(n)]
    entropy = np.full(n, 0.5) if flat else rng.choice([0.0, 0.5, 0.67], n)
    tokens = rng.integers(5, 40, n).astype(float)
    return Asked(texts, entropy, rng.random(n), np.ones(n), rng.normal(4, 1, n), tokens, 5)


def test_subsets_are_the_ends_and_their_rivals() -> None:
    asked = _asked(200)
    found = subsets(asked, 40, seed=1)
    assert list(found) == ["uncertain", "certain", "random", "length", "loss"]
    assert all(len(set(each)) == 40 for each in found.values())
    for name, values, sign in (
        ("uncertain", asked.entropy, 1), ("certain", asked.entropy, -1), ("loss", asked.loss, 1)
    ):  # fmt: skip
        rest = [at for at in range(200) if at not in found[name]]
        assert (sign * values[found[name]]).min() >= (sign * values[rest]).max() - 1e-9
    assert not set(found["length"]) & set(found["uncertain"])
    lengths = [sorted(asked.tokens[found[name]]) for name in ("uncertain", "length")]
    assert np.abs(np.array(lengths[0]) - np.array(lengths[1])).mean() < 1
    assert subsets(asked, 40, seed=1) == found != subsets(asked, 40, seed=2)
    told = described(asked, found)["uncertain"]
    assert told["tied"] <= told["of_tied"]
    assert told["shared"]["length"] == 0


def test_where_all_are_equal_chance_decides_and_it_is_said() -> None:
    asked = _asked(300, flat=True)
    table = asked.table()
    assert not asked.ranked
    assert not table["ranked"]
    found = [subsets(asked, 100, seed)["uncertain"] for seed in range(30)]
    places = np.bincount([at for each in found for at in each], minlength=300)
    assert places.max() < 22  # of 30, each third of the time: no text is always taken
    assert set(found[0]) != set(subsets(asked, 100, 0)["certain"])
    assert described(asked, subsets(asked, 100, 0))["uncertain"]["of_tied"] == 300


def test_no_uncertainty_is_known_of_a_text_that_no_reply_answers() -> None:
    assert np.isnan(_said([None] * 5)[0])
    assert _said(["a", None, None, None, "a"])[0] > 0
    none = replace(_asked(20), entropy=np.full(20, np.nan), read=np.zeros(20))
    assert not none.ranked
    told = described(none, subsets(none, 5, 0))["uncertain"]
    assert (told["cut"], told["tied"], told["of_tied"], told["entropy"]) == (None, 5, 20, None)


def _doubts(asked: Asked, size: int) -> list[str]:
    return list(doubts(asked.table(), described(asked, subsets(asked, size, 0))))


def test_what_speaks_against_a_ranking_is_said() -> None:
    texts = [Text(f"t{at}", f"text {at}", f"c{at}") for at in range(100)]
    steps, ones = np.arange(100) / 100, np.ones(100)
    apart = Asked(texts, steps, ones, ones, ones, ones, 5)
    assert _doubts(apart, 25) == []
    assert _doubts(replace(apart, entropy=0 * ones), 25) == [
        "All texts have the same uncertainty, so any ranking of them is arbitrary."
    ]
    few = replace(apart, entropy=np.where(steps < 0.1, 0.0, 0.67))  # 90 equally uncertain
    assert _doubts(few, 25) == [
        "The most and the least uncertain texts end at the same uncertainty: some of the one's "
        "could as well be the other's.",
        "Which texts are the most uncertain is decided by chance for 25 of 25: 90 are equally "
        "uncertain.",
        "Which texts are the least uncertain is decided by chance for 15 of 25: 90 are equally "
        "uncertain.",
    ]
    assert _doubts(replace(few, entropy=np.where(steps < 0.25, 0.0, steps)), 25) == []  # all of 25
    silent = replace(apart, entropy=np.where(steps < 0.1, np.nan, steps))
    (said,) = _doubts(silent, 25)
    assert said.startswith("At neither end: 10 texts")
    found = subsets(silent, 25, 0)
    assert not {*found["uncertain"], *found["certain"]} & set(range(10))
    assert silent.table()["entropy"]["n"] == 90
    most = replace(apart, entropy=np.where(steps < 0.9, np.nan, steps), read=(steps >= 0.9) * ones)
    (said,) = _doubts(most, 25)  # nor are the silent ones' replies part of any uncertainty
    assert said.startswith("Of 90 texts no reply names an answer")
    assert (
        "up to 15 of those are in it, and texts that have an uncertainty are at both ends" in said
    )
    (same, _) = _doubts(replace(most, entropy=most.entropy * 0), 5)
    assert same.startswith("All texts that have an uncertainty have the same one")
    none = replace(most, entropy=np.nan * ones, read=0 * ones)
    (said,) = _doubts(none, 25)
    assert said.startswith("No reply to any text names an answer")
    assert not none.table()["all_agree"]
    (unread,) = _doubts(replace(apart, read=0.6 * ones), 25)
    assert unread.startswith("Only .600 [")


def test_too_few_texts_are_a_sentence() -> None:
    with pytest.raises(UserError, match="there are 10 texts, and 11 are to be chosen"):
        subsets(_asked(10), 11, 0)
    assert "loss" not in subsets(
        Asked(**{**{k: getattr(_asked(9), k) for k in Asked.__dataclass_fields__},
                 "loss": np.full(9, np.nan)}), 3, 0)  # fmt: skip


def test_what_replies_say_is_counted(tmp_path: Path) -> None:
    from selfcorrect.runs import RunSpec

    class Said:
        folder = tmp_path

        def read(self, columns: list[str]) -> object:
            import polars as pl

            del columns
            keys = [["a", "a", "b", "a", "b"], ["b"] * 5, [None, "a", None, "a", None]]
            rows = [[{"key": key} for key in each] for each in keys]
            return pl.DataFrame({"example": ["x", "y", "z"], "samples": rows})

    texts = [Text(name, name, name) for name in "xyz"]
    asked = asked_of(Said(), texts)  # type: ignore[arg-type]
    entropy = -(0.6 * np.log(0.6) + 0.4 * np.log(0.4))
    assert asked.entropy == pytest.approx([entropy, 0.0, entropy])
    assert asked.yes == pytest.approx([0.6, 0.0, 1.0])
    assert asked.read == pytest.approx([1, 1, 0.4])
    assert asked.k == 5
    with pytest.raises(UserError, match=r"no samples of 1 of 4 texts, such as 'w'"):
        asked_of(Said(), [*texts, Text("w", "w", "w")])  # type: ignore[arg-type]
    spec = spec_of(RunSpec(), "file", 7, 3)
    assert (spec.task.name, spec.samples.k, spec.rounds, spec.seed) == ("contains-bias", 7, 1, 3)


def test_texts_for_a_run_lie_in_a_file_named_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfcorrect.tuning.made.user_cache_path", lambda _: tmp_path)
    one, other = (stored(None, 40, 0, swap=True) for _ in range(2))
    assert one == other
    assert swaps_of(one.path) == {"words": one.words, "untouched": 2}
    assert [t.text for t in read_texts(one.path)] == [t.text for t in one.texts]
    assert len(stored(None, 40, 0, swap=False).texts) == 40
    task = tasks.make("contains-bias", data=str(one.path))
    assert task.check() == []
    assert "Does this text contain" in task.ask(task.examples()[0])["question"]


def test_the_command_writes_subsets_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfcorrect.tuning.made.user_cache_path", lambda _: tmp_path)
    model = tiny.model("llama")
    folder = tmp_path / "model"
    model.engine.network.save_pretrained(folder)
    model.vocabulary.tokenizer.save_pretrained(folder)
    words = ("choose", "--model", folder, "--limit", "16", "--out", tmp_path / "runs")
    said = " ".join(printed(*words, "--size", "4", "--swap", "--to", tmp_path / "chosen").split())
    assert "no text has an uncertainty" in said
    assert len(read_texts(tmp_path / "chosen/length.jsonl")) == 4
    table = json.loads((tmp_path / "chosen/chosen.json").read_text())
    assert table["subsets"]["uncertain"]["texts"] == 4
    assert len((tmp_path / "chosen/texts.jsonl").read_text().splitlines()) == 15
    assert "is there already" in refused(*words, "--to", tmp_path / "chosen")
    assert "and 99 are to be chosen" in refused(*words, "--size", "99")
