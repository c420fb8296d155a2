"""The two-concept model and its bridge to runs: planted ρ, planted nulls, and folders of runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.measures.figures import of_sums
from selfcorrect.report.theory.bridge import sheet
from selfcorrect.runs import Run, make_spec
from selfcorrect.studies.bridge import FITTED, METHODS, Aligned, bridge, bridged, command
from selfcorrect.theory import two_concept as tc


def made(
    n: int = 300,
    *,
    rho: float = 0.6,
    start: float = 0.8,
    rounds: int = 8,
    noise: float = 0.03,
    differ: float = 0.0,
    apart: float = 1.0,
    size: int = 1,
    greedy: bool = False,
    seed: int = 0,
) -> Aligned:
    """Records that obey the law: ε is ``start`` in round 1 and its odds go by ``rho`` a round.

    Args:
        noise: standard deviation of each record's ε in each round.
        differ: the same of its logit, for all rounds alike.
        apart: how far p− is from p+: 0 is not at all.
        size: records of a cluster.
    """
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)
    rows = np.arange(n)
    plus, minus = rng.normal(size=(2, n, 3))
    plus[rows, target] += 2
    minus[rows, (target + 1) % 3] += 2
    plus, minus = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (plus, minus))
    minus = apart * minus + (1 - apart) * plus
    logits = np.log(start / (1 - start)) + np.log(rho) * np.arange(rounds)
    epsilon = 1 / (1 + np.exp(-(logits[:, None] + differ * rng.normal(size=n))))
    epsilon = np.clip(epsilon + noise * rng.normal(size=(rounds, n)), 0, 1)[..., None]
    p = (1 - epsilon) * plus + epsilon * minus
    drawn = rng.random((rounds, n)) < p[:, rows, target]
    correct = (p.argmax(axis=-1) == target) if greedy else drawn
    return Aligned(p, plus, minus, target, correct.astype(float), rows // size, greedy)


def shares(data: Aligned) -> Any:
    return tc.epsilon(tc.epsilon_terms(data.p, data.plus, data.minus).sum(axis=0))


# --- the fit -------------------------------------------------------------------------------------


@given(st.integers(0, 1000))
def test_epsilon_is_the_least_squares_one(seed: int) -> None:
    data = made(20, noise=0.1, seed=seed)
    for p, got in zip(data.p, shares(data), strict=True):

        def missed(e: float, p: Any = p) -> float:
            return float(((p - (1 - e) * data.plus - e * data.minus) ** 2).sum())

        assert got == pytest.approx(minimize_scalar(missed).x, abs=1e-6)


def test_a_mixture_leaves_nothing_and_chance_leaves_all() -> None:
    data = made(noise=0.0)
    sums = tc.residual_terms(data.p, data.plus, data.minus).sum(axis=0)
    assert tc.residual(sums) == pytest.approx(0, abs=1e-12)
    # other examples' anchors: a mixture of them explains no more than the mean does
    turned = tc.residual_terms(data.p, data.plus[::-1], data.minus[::-1]).sum(axis=0)
    assert tc.residual(turned) > 1


def test_residual_and_spread_by_a_plain_loop() -> None:
    data = made(40, noise=0.2)
    p, plus, minus = data.p[:3], data.plus, data.minus
    missed = varies = 0.0
    for t, e in enumerate(shares(data)[:3]):
        for i in range(40):
            missed += sum((p[t, i] - (1 - e) * plus[i] - e * minus[i]) ** 2)
            varies += sum((p[t, i] - p[t].mean(axis=0)) ** 2)
    got = tc.residual(tc.residual_terms(p, plus, minus).sum(axis=0))
    assert got == pytest.approx(missed / varies)
    own = [np.dot(p[0, i] - plus[i], minus[i] - plus[i]) for i in range(40)]
    weight = [np.dot(minus[i] - plus[i], minus[i] - plus[i]) for i in range(40)]
    own = [c / w for c, w in zip(own, weight, strict=True)]
    mean = np.average(own, weights=weight)
    wanted = np.average((np.array(own) - mean) ** 2, weights=weight) ** 0.5
    assert tc.spread(tc.spread_terms(p[0], plus, minus).sum(axis=0)) == pytest.approx(wanted)


def test_the_line_through_exact_odds() -> None:
    a, b = 1.2, np.log(0.7)
    line = tc.on_line(a, b, range(1, 11))
    assert tc.odds_line(line[:3], FITTED) == pytest.approx((a, b))
    assert tc.odds_ratio(line[:3], FITTED) == pytest.approx(0.7)
    assert tc.bend(line[:3]) == pytest.approx(0)
    assert np.isnan(tc.odds_ratio(np.array([0.5, 0.2, -0.01]), FITTED))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="must be"):
        tc.epsilon_terms(np.zeros((2, 5, 3)), np.zeros((4, 3)), np.zeros((4, 3)))


@pytest.mark.parametrize(("n", "size"), [(120, 1), (120, 4)])  # a bootstrap; 30 clusters
def test_the_interval_of_rho_holds(n: int, size: int) -> None:
    held = 0
    for seed in range(200):
        data = made(n, size=size, start=0.6, noise=0.06, rounds=3, seed=seed)
        terms = tc.epsilon_terms(data.p, data.plus, data.minus)
        e = of_sums(terms, lambda s: tc.odds_ratio(tc.epsilon(s), FITTED), data.clusters, seed=seed)
        held += e.low <= 0.6 <= e.high
    assert 0.90 <= held / 200 <= 0.99


# --- the rivals ----------------------------------------------------------------------------------


def test_the_exponential_goes_on_as_it_began() -> None:
    means = [0.8 - 0.5 * 0.6**t for t in range(8)]
    assert tc.exponential(means[:3], means[2], 5) == pytest.approx(means[3:])
    assert tc.exponential([0.5, 0.5, 0.6], 0.6, 2) is None
    # k is 3: straight on instead, and no further than 1
    assert tc.exponential([0.5, 0.6, 0.9], 0.9, 2) == pytest.approx([1, 1])


def test_the_chain_follows_its_rates() -> None:
    correct = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0]])
    assert tc.chain(correct, 0.5, 2) == pytest.approx([0.625, 0.625 * 0.75 + 0.375 * 0.5])
    assert tc.chain(np.ones((3, 4)), 1.0, 2) is None


# --- the bridge, from arrays ---------------------------------------------------------------------


@pytest.mark.parametrize("greedy", [False, True])
def test_it_finds_rho_and_beats_persistence(greedy: bool) -> None:
    found = bridged(made(greedy=greedy))
    assert found["identified"]
    assert found["rho"]["low"] < 0.6 < found["rho"]["high"]
    for quantity in ("probability", "accuracy", "distribution"):
        assert found["skill"]["two_concept"][quantity]["low"] > 0.5
    assert found["lead"]["exponential"]["probability"]["low"] > 0
    assert set(found["skill"]) == set(METHODS)
    assert "better than persistence" in sheet(found).findings[0]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_skill_by_a_plain_count() -> None:
    found = bridged(made())
    for name in ("probability", "accuracy"):
        rows = [row[name] for row in found["predictions"]]

        def missed(method: str, rows: Any = rows) -> float:
            return float(sum(abs(row[method] - row["actual"]["value"]) for row in rows))

        for method in ("two_concept", "exponential"):
            wanted = 1 - missed(method) / missed("persistence")
            assert found["skill"][method][name]["value"] == pytest.approx(wanted)
        lead = (
            found["skill"]["two_concept"][name]["value"]
            - (found["skill"]["exponential"][name]["value"])
        )
        assert found["lead"]["exponential"][name]["value"] == pytest.approx(lead)


def test_no_record_is_predicted_from_its_own_cluster() -> None:
    data = made(100, size=5)
    before = bridged(data)["predictions"][0]["probability"]
    # what happens later can't change what was foretold
    p = data.p.copy()
    p[3:] = p[3:, :, ::-1]
    after = bridged(replace(data, p=p))["predictions"][0]["probability"]
    assert after["two_concept"] == before["two_concept"]
    assert after["actual"]["value"] != before["actual"]["value"]


def test_nothing_moves_and_no_skill_is_claimed() -> None:
    claimed = 0
    for seed in range(10):
        found = bridged(made(200, rho=1.0, size=5, seed=seed))
        assert found["identified"]
        claimed += found["skill"]["two_concept"]["probability"]["value"] is not None
    assert claimed <= 2
    found = bridged(made(rho=1.0))
    assert found["rho"]["low"] < 1 < found["rho"]["high"]
    page = sheet(found)
    assert page.findings[0].startswith("No skill is claimed")
    assert "aren't shown to change" in " ".join(page.findings)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (made(apart=0.05), "the anchors say nearly the same"),
        (made(noise=0.0, apart=0.0), "the anchors say nearly the same"),
        (made(noise=1.0, differ=3.0), "isn't a mixture of its anchors"),
    ],
)
def test_not_identified_here(data: Aligned, why: str) -> None:
    found = bridged(data)
    assert not found["identified"]
    assert why in found["why"]
    assert (found["skill"], found["lead"], found["predictions"]) == ({}, {}, [])
    assert found["rho"]["value"] is None
    assert found["tv"]["value"] is not None
    assert len(found["epsilon"]) == 8
    page = sheet(found)
    assert page.findings[0] == f"Not identified here: {found['why']}"
    json.dumps(found, allow_nan=False)


def test_a_run_beyond_its_anchors() -> None:
    data = made(noise=0.0)
    beyond = tc.mixture([-0.2] * 8, data.plus, data.minus)
    found = bridged(replace(data, p=beyond))
    assert "ε in round 1 is −0.200" in found["why"]


def test_a_run_about_at_an_anchor() -> None:
    data = made(100)
    p = tc.mixture([1.003] * 8, data.plus, data.minus)
    p += data.p - tc.mixture(shares(data), data.plus, data.minus)  # records differ
    found = bridged(replace(data, p=p))
    assert "isn't shown to lie between its anchors: ε in round 1 is 1.003 [0.99" in found["why"]


def test_a_run_that_is_no_mixture() -> None:
    data = made()
    aside = np.array([0.9, 0.05, 0.05])  # every record moves the same way, whatever its anchors
    found = bridged(replace(data, p=data.p / 10 + 0.9 * aside))
    assert found["residual"]["low"] > 1
    assert f"by {found['residual']['value']:.1f} times what these differ by" in found["why"]
    assert found["why"].endswith("another model, task or wording may.")
    lines = [row for row in measured_rows(found) if row[0].startswith("unexplained")]
    assert lines[0][-1] == "at most .50 (not met)"


def measured_rows(found: dict[str, Any]) -> list[Any]:
    return [list(row) for row in sheet(found).sections[1].parts[0].rows]  # type: ignore[union-attr]


def test_anchors_that_have_not_settled_are_told() -> None:
    data = made()
    assert bridged(data)["last_steps"] is None
    still = bridged(replace(data, sooner=np.stack([data.plus, data.minus])))
    assert [e["value"] for e in still["last_steps"].values()] == pytest.approx([0, 0])
    assert not any("settled" in line for line in sheet(still).findings)
    sooner = tc.mixture([0.07, 0.9], data.plus, data.minus)
    found = bridged(replace(data, sooner=sooner))
    assert [e["value"] for e in found["last_steps"].values()] == pytest.approx([-0.07, 0.1])
    told = next(line for line in sheet(found).findings if "settled" in line)
    assert "in the anchor run and by" in told
    assert "ρ is nearer to 1 than it seems" in told


def test_anchors_that_do_not_differ_in_being_right_are_told() -> None:
    data = made()
    assert not any("The right option" in line for line in sheet(bridged(data)).findings)
    swapped = bridged(replace(data, plus=data.minus, minus=data.plus))
    assert any("The right option is less likely under p₊" in x for x in sheet(swapped).findings)
    elsewhere = bridged(replace(data, target=(data.target + 2) % 3))
    assert abs(elsewhere["anchors"]["difference"]["value"]) < 0.05


def test_records_that_differ_are_told() -> None:
    found = bridged(made(differ=2.0))
    # each record's odds go by .6; the pooled ones by less
    assert found["rho"]["low"] > 0.62
    assert found["spread"][2]["low"] > 0.25
    assert any("Records differ much" in line for line in sheet(found).findings)
    alike = bridged(made())
    assert not any("Records differ" in line for line in sheet(alike).findings)


def test_unequal_evidence_is_told() -> None:
    data = made(noise=0.02)
    p = tc.mixture([0.8, 0.5, 0.48, *tc.on_line(0, -0.1, range(1, 6))], data.plus, data.minus)
    found = bridged(replace(data, p=p + 0.2 * (data.p - p)))
    assert found["bend"]["low"] > 0
    assert any("don't bring the same evidence" in line for line in sheet(found).findings)


def test_what_can_not_foretell_is_persistence() -> None:
    data = made()
    found = bridged(replace(data, correct=np.ones_like(data.correct)))
    assert (found["fallbacks"]["chain"], found["fallbacks"]["exponential_accuracy"]) == (5, 5)
    assert found["skill"]["chain"]["accuracy"]["value"] is None
    assert any("transition chain in 5 of 5" in line for line in sheet(found).findings)


@pytest.mark.parametrize(
    ("data", "folds", "says"),
    [
        (made(rounds=3), 5, "at least 4 rounds"),
        (made(30, size=5), 5, "6 clusters can't be cut into 5 folds"),
        (made(), 1, "folds must be at least 2"),
    ],
)
def test_too_little(data: Aligned, folds: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        bridged(data, folds=folds)


def test_the_page_holds_everything_drawn() -> None:
    page = sheet({**bridged(made()), "folders": {"run": "runs/x"}, "left_out": 3})
    charts = [part for s in page.sections for part in s.parts if hasattr(part, "layout")]
    assert [c.name for c in charts] == ["epsilon", "later-probability", "later-accuracy"]
    assert [t["name"] for t in charts[2].data][-2:] == ["persistence", "measured"]
    for section in page.sections:
        for table in section.parts:
            for row in getattr(table, "rows", ()):
                assert len(row) == len(table.columns)
    assert "3 examples of the run were left out" in page.findings[-1]
    four = sheet(bridged(made(rounds=4)))
    assert "in round 4" in four.findings[0]


# --- the bridge, from folders --------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Run]:
    """Folders of an intrinsic, a negation and an anchor run whose probabilities obey the law."""
    data = made(60, rounds=6)
    built_in = Path(sc.__file__).parent / "strategies"
    (tmp_path / "anchor.toml").write_text((built_in / "intrinsic.toml").read_text())
    found = {}
    for name, strategy, rounds in (
        ("intrinsic", "intrinsic", 6),
        ("negation", "negation", 2),
        ("anchor", tmp_path / "anchor.toml", 2),
    ):
        run = sc.run(
            "planted:chain", "planted", strategy, rounds=rounds, limit=60, chunk=20,
            out=tmp_path / "runs", baseline=False, progress=False,
        )  # fmt: skip
        p = {"intrinsic": data.p, "negation": data.minus[None], "anchor": data.plus[None]}[name]
        rewrite(run, np.broadcast_to(p, (rounds, 60, 3)) if len(p) == 1 else p)
        found[name] = run
    return found


def rewrite(run: Run, p: Any) -> None:
    """Put distributions p [T, n, K] with their likeliest answers into a run's records."""
    ids = run.read(["example"])["example"].unique().sort().to_list()
    places = {example: i for i, example in enumerate(ids)}
    for file in (run.folder / "records").glob("*.parquet"):
        rows = pl.read_parquet(file).to_dicts()
        for row in rows:
            mine = p[row["round"] - 1, places[row["example"]]]
            mine = np.roll(mine, row["target"])  # as if the right option were always the first
            row["option_p"], row["choice"] = mine.tolist(), int(mine.argmax())
            row["likeliest"], row["outcome"] = row["choice"], row["choice"] == row["target"]
        pl.DataFrame(rows, schema=pl.read_parquet_schema(file)).write_parquet(file)


def test_it_finds_the_runs_beside(runs: dict[str, Run]) -> None:
    found = bridge(runs["intrinsic"])
    assert found["identified"]
    assert found["rho"]["low"] < 0.6 < found["rho"]["high"]
    assert (found["n"], found["clusters"], found["left_out"]) == (60, 60, 0)
    assert found["answers"] == {"taken_as": "greedy", "likeliest": 1.0}
    assert found["folders"]["negation"] == str(runs["negation"].folder)
    assert [row["round"] for row in found["predictions"]] == [4, 5, 6]
    given = bridge(runs["intrinsic"], negation=runs["negation"], anchor=runs["anchor"])
    assert {**given, "folders": None} == {**found, "folders": None}
    swapped = bridge(runs["intrinsic"], negation=runs["anchor"], anchor=runs["negation"])
    pairs = zip(found["epsilon"], swapped["epsilon"], strict=True)
    assert all(a["value"] == pytest.approx(1 - b["value"]) for a, b in pairs)


def test_fewer_examples_are_counted(runs: dict[str, Run]) -> None:
    found = bridge(
        replace(runs["intrinsic"], limit=50), negation=replace(runs["negation"], limit=40)
    )
    assert (found["n"], found["left_out"]) == (40, 10)


def test_a_run_that_is_missing_comes_with_its_command(runs: dict[str, Run]) -> None:
    run = runs["intrinsic"]
    lone = sc.run(
        "planted:chain?seed=3", "planted", rounds=4, limit=20, out=run.folder.parent, seed=2,
        task_options={"choices_per": 4}, baseline=False, progress=False,
    )  # fmt: skip
    with pytest.raises(UserError, match="there is no negation run") as told:
        bridge(lone)
    said = str(told.value)
    assert said.endswith(command(lone, "negation"))
    assert "--strategy negation --model 'planted:chain?seed=3'" in said
    for part in ("--task planted", "--rounds 4", "--limit 20", "--seed 2", "choices_per=4"):
        assert part in said
    with pytest.raises(UserError, match="has another model, task or data"):
        bridge(run, negation=lone)


def test_the_command_of_a_missing_run_names_its_server(runs: dict[str, Run]) -> None:
    run = runs["intrinsic"]
    model = {"name": "openai:m", "base_url": "http://localhost:8000/v1"}
    spec = make_spec({**run.spec.toml(), "model": model})
    served = replace(run, header=replace(run.header, spec=spec))
    assert "--model openai:m --base-url http://localhost:8000/v1" in command(served, "negation")


def test_records_that_say_too_little(runs: dict[str, Run]) -> None:
    run, negation = runs["intrinsic"], runs["negation"]
    files = sorted((negation.folder / "records").glob("*.parquet"))
    for file in files:
        frame = pl.read_parquet(file)
        frame.with_columns(pl.col("choices").list.reverse()).write_parquet(file)
    with pytest.raises(UserError, match="with other options, or in another order"):
        bridge(run)
    for file in files:
        frame = pl.read_parquet(file)
        frame.with_columns(pl.lit(None, frame.schema["option_p"]).alias("option_p")).write_parquet(
            file
        )
    with pytest.raises(UserError, match="no record with the probabilities of lettered options"):
        bridge(run)


def test_what_can_not_be_an_anchor(runs: dict[str, Run]) -> None:
    run, negation = runs["intrinsic"], runs["negation"]
    with pytest.raises(UserError, match="can't be its own anchor"):
        bridge(run, negation=run)
    with pytest.raises(UserError, match="can't be both ends of the scale"):
        bridge(run, negation=negation, anchor=negation)
    header = replace(run.header, spec=run.spec.model_copy(update={"rounds": 3}))
    short = replace(run, header=header)
    with pytest.raises(UserError, match="the run has 3 rounds, and three are fitted"):
        bridge(short)


def test_the_steps_of_the_anchors_are_read(runs: dict[str, Run]) -> None:
    steps = bridge(runs["intrinsic"])["last_steps"]  # both rounds of an anchor are the same
    assert [e["value"] for e in steps.values()] == pytest.approx([0, 0])


def test_no_shared_example(runs: dict[str, Run]) -> None:
    for file in (runs["anchor"].folder / "records").glob("*.parquet"):
        frame = pl.read_parquet(file)
        frame.with_columns(pl.col("example") + "x").write_parquet(file)
    with pytest.raises(UserError, match="share no example"):
        bridge(runs["intrinsic"])


# --- the bridge, from the planted model ----------------------------------------------------------


def planted(out: Path, law: str) -> Run:
    """The intrinsic run of ``planted:two-concept`` under a law, its two anchors beside it."""
    package = Path(sc.__file__).parent
    for needed in ("models/planted/two_concept.py", "strategies/anchor.toml"):
        if not (package / needed).is_file():
            pytest.skip(f"there is no {needed} yet")
    found = [
        sc.run(
            f"planted:two-concept?{law}", "planted", strategy, rounds=8, limit=200, out=out,
            baseline=False, progress=False,
        )
        for strategy in ("intrinsic", "negation", "anchor")
    ]  # fmt: skip
    return found[0]


def test_the_planted_odds_ratio_is_found(tmp_path: Path) -> None:
    found = bridge(planted(tmp_path, "rho=0.6,prior=0.9"))
    assert found["identified"]
    assert found["rho"]["low"] < 0.6 < found["rho"]["high"]
    assert found["skill"]["two_concept"]["probability"]["low"] > 0


def test_planted_anchors_of_too_few_rounds_are_told(tmp_path: Path) -> None:
    found = bridge(planted(tmp_path, "rho=0.9"))
    assert found["rho"]["high"] < 0.9
    assert found["last_steps"]["anchor"]["high"] < -0.01
    assert any("anchors haven't settled" in line for line in sheet(found).findings)


def test_the_planted_null_is_not_taken_for_skill(tmp_path: Path) -> None:
    found = bridge(planted(tmp_path, "rho=1,prior=0.9"))
    assert found["skill"].get("two_concept", {}).get("probability", {}).get("value") is None
