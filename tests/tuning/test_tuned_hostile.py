"""Folders and ``tuned.toml`` of strangers, and choosing among many texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from selfcorrect.errors import UserError
from selfcorrect.models.tuned import Tuned, read_tuned, text_key
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.choose import Asked, subsets
from selfcorrect.tuning.fit import Settings
from selfcorrect.tuning.tune import tune
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


_SETTINGS = Settings(steps=4, rate=1e-3, batch=2)
_TEXTS = [Text(str(n), f"the grandson {n}", f"c{n}", "bbq") for n in range(4)]


def test_a_model_that_is_tuned_again_has_seen_what_its_parent_has(
    folder: Path, tmp_path: Path
) -> None:
    one = tune(str(folder), _TEXTS[:2], tmp_path / "one", _SETTINGS)
    other = tune(str(one), [Text("x", "nobody knows", "d", "winogender")], tmp_path / "other",
                 _SETTINGS)  # fmt: skip
    found = read_tuned(str(other))
    assert found is not None
    assert found.knows(["The grandson 1"])
    assert found.knows(["nobody knows"])
    assert found.clusters == {"bbq": frozenset({"c0", "c1"}), "winogender": frozenset({"d"})}
    assert (found.texts["n"], found.settings["batch"]) == (1, 1)  # no step sees a text twice
    (one / "tuned.toml").write_text("trained = 3")
    with pytest.raises(UserError, match="what the model was trained on isn't known"):
        tune(str(one), _TEXTS, tmp_path / "third", _SETTINGS)
    assert not list(tmp_path.glob("third*"))


def test_what_a_link_leads_to_outside_the_model_is_not_copied(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (folder / "notes.txt").symlink_to(tmp_path / "secret")
    (folder / "own.txt").symlink_to("config.json")
    made = tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)
    assert not (made / "notes.txt").exists()
    assert (made / "own.txt").is_file()


def test_the_hubs_cache_is_a_model_of_links(folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--a--b"
    blobs, place = repository / "blobs", repository / "snapshots" / "0"
    blobs.mkdir(parents=True)
    place.mkdir(parents=True)
    for number, file in enumerate(sorted(folder.iterdir())):
        file.rename(blobs / str(number))
        (place / file.name).symlink_to(Path("../../blobs") / str(number))
    made = tune(str(place), _TEXTS, tmp_path / "made", _SETTINGS)
    assert (made / "tokenizer.json").is_file()


def test_weights_that_are_no_numbers_are_the_models_fault(folder: Path, tmp_path: Path) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(UserError, match="weights aren't all numbers"):
        tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)
    assert not (tmp_path / "made").exists()


def _stopped(folder: Path, out: Path) -> None:
    """A tuning that is stopped after four steps, with the state of an earlier one kept."""

    def stop(step: int, *_: object) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(str(folder), _TEXTS, out, _SETTINGS, every=2, told=stop)


def test_a_kept_state_of_other_shapes_or_lengths_is_refused(folder: Path, tmp_path: Path) -> None:
    _stopped(folder, tmp_path / "made")
    file = tmp_path / "made.part" / "state.safetensors"
    whole = load_file(file)
    with safe_open(file, "pt") as held:
        notes = held.metadata()
    name = "p.model.norm.weight"
    save_file({**whole, name: whole[name][:1].clone()}, file, notes)  # which torch would stretch
    with pytest.raises(UserError, match=r"has the shape \(1,\)"):
        tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)
    told = json.loads(notes["notes"])
    for losses, said in (([1.0] * 99, "99 steps of 4"), ([10**400], "int too large"),
                         ([float("nan")], "a loss is no number")):  # fmt: skip
        save_file(whole, file, {"notes": json.dumps({**told, "losses": losses})})
        with pytest.raises(UserError, match=said):
            tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)
    mean = "o.exp_avg.model.norm.weight"
    for spoiled in (whole[mean].double(), whole[mean] * float("nan")):
        save_file({**whole, mean: spoiled}, file, notes)
        with pytest.raises(UserError, match="other than the finite numbers"):
            tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)


def test_a_kept_state_of_another_model_is_not_gone_on_from(folder: Path, tmp_path: Path) -> None:
    _stopped(folder, tmp_path / "made")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] += 0.5
    save_file(weights, folder / "model.safetensors", {"format": "pt"})  # the same shapes
    with pytest.raises(UserError, match="beginning of another tuning, of another model"):
        tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)
    assert not (tmp_path / "made").exists()


def test_two_tunings_into_one_folder_do_not_share_their_files(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def again(step: int, *_: object) -> None:
        if step == 1:
            with pytest.raises(UserError) as refused:
                tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)
            said.append(str(refused.value))

    made = tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS, told=again)
    assert "another process" in said[0]
    assert (made / "model.safetensors").is_file()
    assert not (tmp_path / "made.part").exists()


def test_a_place_that_is_a_link_to_nowhere_is_in_the_way(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "made.part").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is in the way"):
        tune(str(folder), _TEXTS, tmp_path / "made", _SETTINGS)


def test_a_rank_larger_than_the_model_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    with pytest.raises(UserError, match="rank 1,000,000 is more than the 32 numbers"):
        tune(str(folder), _TEXTS, tmp_path / "made", Settings(steps=1, lora=10**6))


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
