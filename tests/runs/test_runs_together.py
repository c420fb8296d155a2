"""Several specs in one command: each run as if it were alone, at less than its price."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.models.planted import load as planted
from selfcorrect.runs import (
    ExecutorSettings,
    Interrupted,
    ModelSpec,
    Progress,
    RunSpec,
    make_spec,
    open_run,
    run,
)
from selfcorrect.runs.store import Store

SIZE = 20
CRITIC = """
about = "Another model looks at the answer."
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
[[again]]
from = "critic"
begin = true
say = "{question} One said: {answer}"
[[again]]
from = "critic"
elicit = "feedback"
[[again]]
say = "{feedback} {review}"
[[again]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


def a_spec(**changes: Any) -> RunSpec:
    shared = {
        "model": "planted:chain",
        "task": {"name": "planted", "options": {"n": SIZE, "cluster_size": 2}},
        "rounds": 3,
        "chunk": 8,
    }
    return make_spec({**shared, **changes})


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> list[RunSpec]:
    """Arms that differ in each way in which they may."""
    file = tmp_path_factory.mktemp("strategy") / "critic.toml"
    file.write_text(CRITIC)
    one, two = "planted:chain?seed=3", "planted:chain?seed=4"
    return [
        a_spec(),
        a_spec(strategy="negation"),
        a_spec(strategy={"name": "injection", "parameters": {"injected": [2]}}),
        a_spec(strategy={"name": "injection", "parameters": {"injected": [3]}}, rounds=4),
        a_spec(rounds=2, margins={"accuracy": 0.1}),
        a_spec(system="Be brief."),
        a_spec(strategy=str(file), models={"critic": one}),
        a_spec(strategy=str(file), models={"critic": two}),
        a_spec(strategy="baseline"),
        a_spec(strategy="intrinsic-feedback-cot"),
    ]


def contents(out: Path) -> dict[str, bytes]:
    """Every file of records, by its place."""
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.glob("*/records/*"))}


def copied(source: Path, target: Path) -> Path:
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    return target


@pytest.fixture(scope="module")
def whole(specs: Sequence[RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a command that wasn't interrupted."""
    out = tmp_path_factory.mktemp("whole")
    run(specs, out=out)
    return out


# --- what comes of it ----------------------------------------------------------------------------


def test_a_control_asks_the_run_s_own_model_alone(specs: Sequence[RunSpec], tmp_path: Path) -> None:
    (critic,) = [spec for spec in specs if "critic" in spec.models][:1]
    done = run(critic, out=tmp_path)
    assert done.spec.models.keys() == {"critic"}
    for name in ("repeat", "baseline"):
        control = done.control(name)
        assert control is not None
        assert control.spec.models == {}


def test_each_run_is_as_it_is_alone(
    specs: Sequence[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def noted(model: ModelSpec) -> Any:
        opened.append(model.name)
        return planted(model.name)

    told: list[Progress] = []
    with monkeypatch.context() as patch:
        patch.setattr("selfcorrect.runs.executors.worker.open_model", noted)
        together = run(specs, out=tmp_path / "together", progress=told.append)
    assert sorted(opened) == ["planted:chain", "planted:chain?seed=3", "planted:chain?seed=4"]
    assert [r.spec.strategy.name for r in together] == [spec.strategy.name for spec in specs]
    folders = {path.name for path in (tmp_path / "together").iterdir()}
    for spec, mine in zip(specs, together, strict=True):
        alone = run(spec, out=tmp_path / "alone")
        assert mine.complete
        assert mine.folder.name == alone.folder.name
        assert mine.records.equals(alone.records)
        assert dict(mine.header.controls) == dict(alone.header.controls)
        assert mine.header.transcript == alone.header.transcript
        assert all(mine.control(name) is not None for name in mine.header.controls)
    assert folders == {path.name for path in (tmp_path / "alone").iterdir()}
    # ten arms, and controls of four kinds: of 3, 4 and 2 rounds, and with a system message
    assert len(folders) == 10 + 3 + 2 + 1 - 1 + 1
    assert (told[-1].steps, told[-1].all_steps) == (told[-1].all_steps,) * 2
    assert len({t.arm for t in told}) == len(folders)


def test_the_same_command_finds_them(
    specs: Sequence[RunSpec], whole: Path, monkeypatch: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("complete runs must not open a model")

    monkeypatch.setattr("selfcorrect.runs.executors.worker.open_model", refuse)
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("*")}
    for order in (list(specs), list(reversed(specs))):
        assert all(found.complete for found in run(order, out=whole))
    assert {p: p.stat().st_mtime_ns for p in whole.rglob("*")} == before


def test_a_control_that_is_asked_for_is_one_run(tmp_path: Path) -> None:
    first, second = run([a_spec(), a_spec(strategy="repeat")], out=tmp_path)
    assert first.header.controls["repeat"] == second.folder.name
    assert len(list(tmp_path.iterdir())) == 3


def test_controls_that_are_there_are_compared_with(tmp_path: Path) -> None:
    """They came with another run; nothing has to be run for that."""
    run(a_spec(), out=tmp_path, controls=False)
    run(a_spec(strategy="negation"), out=tmp_path)
    before = contents(tmp_path)
    assert set(run(a_spec(), out=tmp_path).header.controls) == {"repeat", "baseline"}
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "executor",
    [
        ExecutorSettings(workers=2),
        pytest.param(ExecutorSettings(ray="local", cpus=0.5), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_workers_make_the_same_records(
    specs: Sequence[RunSpec], whole: Path, tmp_path: Path, executor: ExecutorSettings
) -> None:
    if executor.ray:
        pytest.importorskip("ray")
    run(specs, out=tmp_path, executor=executor)
    assert contents(tmp_path) == contents(whole)


# --- what can't go together ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 1}, r"differ in seed \(0 and 1\)"),
        ({"limit": 4, "chunk": 4}, r"differ in limit \(none and 4\), chunk \(8 and 4\)"),
        ({"model": "planted:chain?seed=3"}, r"differ in model\.name \('planted:chain' and "),
        ({"task": "planted"}, r"differ in task\.options\.n \(20 and none\), "),
        (
            {"model": "m", "task": "t", "seed": 1, "limit": 1},
            r"differ in model\.name .*, task\.name .*, task\.options\.n .* and 3 more: make them",
        ),
    ],
)
def test_specs_that_can_not_go_together(
    changes: Mapping[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=told):
        run([a_spec(), a_spec(strategy="negation", **changes)], out=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("specs", "told"),
    [
        ([a_spec(), a_spec(strategy="negation"), a_spec()], "the same run, planted-intrinsic-"),
        ([a_spec(), a_spec(margins={"accuracy": 0.2})], "the same run, planted-intrinsic-"),
        ([a_spec(strategy="baseline"), a_spec(strategy="baseline", rounds=1)], "the same run"),
        ([], "no spec to run"),
        ([a_spec(), a_spec(strategy="negatoin")], "did you mean 'negation'"),
    ],
)
def test_what_is_no_set_of_runs(specs: Sequence[RunSpec], told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        run(specs, out=tmp_path)
    assert not list(tmp_path.iterdir())


# --- killed --------------------------------------------------------------------------------------


class Crash(BaseException):
    """Stands for ``kill -9``: nothing catches it by name."""


def crash(specs: Sequence[RunSpec], out: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run until that many files are written; whether it came so far."""
    put, left = Store.put, [at]

    def crashing(self: Store, name: str, data: bytes, *, replace: bool = False) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        return put(self, name, data, replace=replace)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", crashing)
        try:
            run(specs, out=out)
        except Crash:
            return True
    return False


@pytest.mark.parametrize(
    "before",
    [pytest.param(each, marks=pytest.mark.slow) for each in ([], [1], [0, 5])],
    ids=["nothing", "one", "two"],
)
def test_a_crash_at_any_write_changes_no_bit(
    before: list[int], specs: Sequence[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever other arms ran before: alone, and over a part of the examples."""
    few = [specs[k].model_copy(update={"limit": 12}) for k in (0, 1, 3, 5)]
    start = tmp_path / "start"
    start.mkdir()
    for k in before:
        run(specs[k].model_copy(update={"limit": 5}), out=start)
    whole = copied(start, tmp_path / "whole")
    run(few, out=whole)
    at = len(before)  # so that other writes are met each time
    while True:
        out = copied(start, tmp_path / str(at))
        if not crash(few, out, at, monkeypatch):
            break
        crash(few, out, at // 3, monkeypatch)  # and once more
        order = random.Random(at).sample(few, len(few)) if at > 20 else few
        assert all(done.complete for done in run(order, out=out))
        assert contents(out) == contents(whole), f"crash at write {at}"
        at += 1 + at // 4
    assert at > 40


def test_a_run_goes_on_alone_and_the_others_after_it(
    specs: Sequence[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = list(specs[:3])
    assert crash(few, tmp_path, 20, monkeypatch)
    for spec in reversed(few):
        assert run(spec, out=tmp_path).complete
    for spec, done in zip(few, run(few, out=tmp_path), strict=True):
        alone = run(spec, out=tmp_path / "alone")
        assert done.records.equals(alone.records)


def test_ctrl_c_names_the_folder_of_all(specs: Sequence[RunSpec], tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.dialogues > 8:  # in the second chunk; the first is stored
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run(list(specs[:2]), out=tmp_path, progress=stop)
    assert caught.value.folder == tmp_path
    assert {open_run(folder).dialogues for folder in tmp_path.iterdir()} == {8}


# --- what it costs -------------------------------------------------------------------------------

HEAD = 'about = "arm {k}"\n[[first]]\nsay = "{{question}}"\n[[first]]\nelicit = "answer"\n'
AGAIN = '[[again]]\nsay = "Look {k} times."\n[[again]]\nelicit = "answer"\n'


def eight(folder: Path, **changes: Any) -> list[RunSpec]:
    """Arms with the same round 1 and later rounds that differ."""
    made = []
    for k in range(8):
        file = folder / f"arm{k}.toml"
        file.write_text((HEAD + AGAIN).format(k=k))
        made.append(make_spec({"strategy": str(file), **changes}))
    return made


def encoded(out: Path) -> int:
    """Tokens that went through the model, as noted with the pieces, in every arm alike."""
    notes = {}
    for file in out.glob("*/timing/*"):
        note = json.loads(file.read_text())
        notes[file.name, tuple(note["arms"])] = note["encoded"]
    return sum(notes.values())


def test_eight_arms_that_share_round_1_cost_less_than_twice_that_of_one(
    smollm2: Any, tmp_path: Path
) -> None:
    """Counted where the tokens are: in the network, and as noted in the folders."""
    through: list[int] = []
    table = smollm2.engine.network.get_input_embeddings()
    watch = table.register_forward_hook(lambda _, ids, __: through.append(ids[0].numel()))
    shared = {"rounds": 1, "limit": 1, "task": "sample"}
    try:
        specs = eight(tmp_path, **shared)
        run(specs[0], out=tmp_path / "one", model=smollm2, controls=False)
        one, through[:] = sum(through), []
        run(specs, out=tmp_path / "all", model=smollm2, controls=False)
    finally:
        watch.remove()
    assert one > 0
    assert sum(through) < 2 * one
    assert encoded(tmp_path / "all") < 2 * encoded(tmp_path / "one")
    # what each of them would cost alone stands in its records
    each = [open_run(folder).records["encoded"].sum() for folder in (tmp_path / "all").iterdir()]
    assert set(each) == {encoded(tmp_path / "one")}


def test_later_rounds_are_each_arms_own(tmp_path: Path) -> None:
    shared = {"model": "planted:chain", "task": "planted", "rounds": 2, "limit": 4}
    specs = eight(tmp_path, **shared)
    done = run(specs, out=tmp_path / "all", controls=False)
    records = pl.concat([each.records.with_columns(arm=pl.lit(k)) for k, each in enumerate(done)])
    first = records.filter(pl.col("round") == 1, pl.col("arm") == 0)["encoded"].sum()
    later = records.filter(pl.col("round") == 2)["encoded"].sum()
    assert encoded(tmp_path / "all") == first + later


def test_from_python(tmp_path: Path) -> None:
    specs = [a_spec(limit=4), a_spec(limit=4, strategy="negation")]
    done = sc.run_many(specs, out=tmp_path, progress=False)
    assert [each.spec.strategy.name for each in done] == ["intrinsic", "negation"]
    again = sc.run_many(specs, planted("planted:chain"), out=tmp_path / "b", progress=False)
    assert [a.records.equals(b.records) for a, b in zip(done, again, strict=True)] == [True, True]
