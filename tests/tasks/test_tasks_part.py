"""Half of a task's clusters: disjoint, complete, and the same whoever makes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import selfcorrect as sc
from selfcorrect import tasks
from selfcorrect.errors import UserError
from selfcorrect.models.tuned import Tuned, text_key
from selfcorrect.tasks.part import part_of

_BRING = ("sample", "reasoning", "planted", "planted-mixture", "blind-spot")


@pytest.mark.parametrize("name", _BRING)
def test_the_parts_share_no_cluster_and_are_all_of_the_task(name: str) -> None:
    whole, train, test = (
        tasks.make(name, options={"part": part} if part else {}) for part in ("", "train", "test")
    )
    ids = [[each.id for each in task.examples()] for task in (whole, train, test)]
    assert sorted(ids[1] + ids[2]) == sorted(ids[0])
    clusters = [{each.cluster for each in task.examples()} for task in (train, test)]
    assert clusters[0].isdisjoint(clusters[1])
    assert len({task.fingerprint for task in (whole, train, test)}) == 3
    first = test.examples()[0]
    assert test.ask(first) == whole.ask(first)
    assert [each.id for each in cloudpickle.loads(cloudpickle.dumps(test)).examples()] == ids[2]


def test_a_cluster_is_in_either_part_as_likely() -> None:
    train = sum(part_of(f"Age/{n}") == "train" for n in range(2_000))
    assert 900 < train < 1_100  # 4.5 standard deviations


def test_which_part_is_not_drawn_by_the_seed() -> None:
    one, other = (tasks.make("sample", seed=s, options={"part": "test"}) for s in (0, 7))
    assert [e.id for e in one.examples()] == [e.id for e in other.examples()]


def test_runs_of_parts_are_other_runs(tmp_path: Path) -> None:
    given = {"model": "planted:chain", "task": "planted", "rounds": 1, "limit": 8}
    how = {"out": tmp_path, "controls": False, "progress": False}
    runs = [sc.run(**given, part=part, **how) for part in ("", "train", "test")]  # type: ignore[arg-type]
    assert len({run.folder for run in runs}) == 3
    for run, part in zip(runs[1:], ("train", "test"), strict=True):
        assert {part_of(name) for name in run.records["cluster"]} == {part}


def test_a_task_that_is_an_object_has_parts_too(tmp_path: Path) -> None:
    task = tasks.make("planted")
    run = sc.run(model="planted:chain", task=task, part="test", rounds=1, limit=8, out=tmp_path,
                 controls=False, progress=False)  # fmt: skip
    assert {part_of(name) for name in run.records["cluster"]} == {"test"}


def test_an_unknown_part_or_an_empty_one_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be 'tests'"):
        tasks.make("sample", options={"part": "tests"})
    file = tmp_path / "one.jsonl"
    file.write_text('{"prompt": "Say a word.", "id": "a"}\n')
    empty = "test" if part_of("a") == "train" else "train"
    with pytest.raises(UserError, match="is empty: all of its 1 clusters are in the other part"):
        tasks.make("prompts", data=str(file), options={"part": empty})


def test_what_a_model_was_tuned_on_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    some = [e for e in tasks.make("sample").examples() if part_of(e.cluster) == "train"]
    clusters = {"sample": frozenset(e.cluster for e in some)}
    tuned = Tuned({"name": "smollm2"}, {"n": 1}, {"steps": 1}, clusters=clusters)
    (model / "tuned.toml").write_bytes(tuned.toml())
    how = {"model": str(model), "task": "sample", "out": tmp_path, "progress": False}
    with pytest.raises(UserError, match=r"was tuned on .* run it on the other part"):
        sc.run(**how)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="give data that it hasn't seen"):
        sc.run(**how, part="train")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"config\.json"):  # it comes as far as the model
        sc.run(**how, part="test")  # type: ignore[arg-type]
    words = Tuned({}, {}, {}, trained=frozenset({text_key(some[0].fields["context"].upper())}))
    (model / "tuned.toml").write_bytes(words.toml())
    with pytest.raises(UserError, match="was tuned on"):
        sc.run(**how)  # type: ignore[arg-type]
    (model / "tuned.toml").write_text("[trained]\ntexts = 3\n")
    with pytest.raises(UserError, match=r"tuned\.toml can't be read"):
        sc.run(**how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("contains-bias", {"text": "{}"}),
        ("harmful", {"text": "{}", "label": "harmful"}),
        ("choices", {"question": "{}", "choices": ["1", "2"], "answer": "2"}),
        ("reasoning", {"question": "{}", "answer": "#### 2"}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_text_is_known_among_the_words_of_its_task(
    tmp_path: Path, task: str, row: dict[str, Any]
) -> None:
    """``Text: …`` before it, or a request after it, isn't what the model was tuned on."""
    text = "Nurses: two of them\tcame late. How many?"
    data = tmp_path / "data.jsonl"
    rows = [{k: text if v == "{}" else v for k, v in row.items()}]
    rows += [{k: "It rained." if v == "{}" else v for k, v in row.items()}]
    if task == "harmful":
        rows[1]["label"] = "harmless"
    data.write_text("".join(json.dumps(each) + "\n" for each in rows))
    model = tmp_path / "model"
    model.mkdir()
    tuned = Tuned({}, {}, {}, trained=frozenset({text_key(text)}))
    (model / "tuned.toml").write_bytes(tuned.toml())
    with pytest.raises(UserError, match=r"was tuned on 1 of the 2 examples .* it hasn't seen"):
        sc.run(model=str(model), task=task, data=data, out=tmp_path, progress=False)
