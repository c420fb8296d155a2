"""planted:two-concept: a run on it shows the law that it states, and a fit finds it again."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

import selfcorrect as sc
from selfcorrect import strategies, tasks
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models import names
from selfcorrect.models.base import Model, Request
from selfcorrect.models.planted import Law, TwoConcept, load
from selfcorrect.models.planted.questions import read
from selfcorrect.models.planted.two_concept import count_mentions
from selfcorrect.tasks.lettered import Lettered
from selfcorrect.tasks.wording import CORRECT, UNBIASED
from selfcorrect.theory import two_concept as tc

NAME = "planted:two-concept"
PREFILL = "The best answer is ("


def ran(
    law: str, strategy: str, out: Path, *, rounds: int = 5, limit: int = 300, **options: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A run's p [rounds, n, K] with the right option first, answers [rounds, n], 0 being right,
    clusters [n], and masses [rounds, n]."""
    run = sc.run(
        f"{NAME}?{law}", "planted", strategy, rounds=rounds, limit=limit, out=out,
        task_options={"n": limit, **options}, baseline=False, progress=False,
    )  # fmt: skip
    frame = run.records.sort("example", "round")
    p = np.array(frame["option_p"].to_list())
    target, choice = frame["target"].to_numpy(), frame["choice"].to_numpy()
    width = p.shape[1]
    shown = (target[:, None] + np.arange(width)) % width
    p = np.take_along_axis(p, shown, 1)
    n = len(p) // rounds
    answers = ((choice - target) % width).reshape(n, rounds).T
    clusters = frame["cluster"].to_numpy().reshape(n, rounds)[:, 0]
    masses = frame["option_mass"].to_numpy().reshape(n, rounds).T
    return p.reshape(n, rounds, width).swapaxes(0, 1), answers, clusters, masses


def within(values: np.ndarray, truth: float, errors: float = 4.2) -> bool:
    """Whether a mean is within so many standard errors of the truth (or equal to it)."""
    return abs(values.mean() - truth) <= errors * values.std() / math.sqrt(values.size) + 1e-12


# --- the law, from a run -------------------------------------------------------------------------

MENTIONS = {
    "intrinsic": [1, 2, 3, 4, 5],
    "negation": [-1, -2, -3, -4, -5],
    "repeat": [1, 1, 1, 1, 1],
    "injection": [1, 0, 1, 2, 1],
    "anchor": [6, 12, 18, 24, 30],
}


@pytest.mark.parametrize("strategy", MENTIONS)
def test_without_noise_a_run_is_the_law_exactly(strategy: str, tmp_path: Path) -> None:
    law = TwoConcept(noise=0, mass=0.9)
    p, _, _, masses = ran("noise=0,mass=0.9", strategy, tmp_path, limit=40)
    np.testing.assert_allclose(masses, 0.9, rtol=1e-12)
    for t, mentions in enumerate(MENTIONS[strategy]):
        odds = 9 * 0.6**mentions
        epsilon = odds / (1 + odds)
        assert law.epsilon(mentions) == pytest.approx(epsilon, rel=1e-12)
        right = 0.85 * (1 - epsilon) + 0.15 * epsilon
        lure = 0.075 * (1 - epsilon) + 0.7 * epsilon
        other = 0.075 * (1 - epsilon) + 0.15 * epsilon
        np.testing.assert_allclose(p[t, :, 0], right, rtol=1e-12)
        wrong = np.sort(p[t, :, 1:], axis=1)
        np.testing.assert_allclose(wrong, [[other, lure]] * 40, rtol=1e-12)
        assert law.p_right(mentions, 3) == pytest.approx(right)


@pytest.mark.parametrize("law", ["seed=3", "noise=1.5,seed=4", "rho=1.3,prior=0.2,plus=0.3,seed=5"])
def test_noise_averages_out(law: str, tmp_path: Path) -> None:
    stated = load(f"{NAME}?{law}").law
    p, answers, _, _ = ran(law, "intrinsic", tmp_path, choices_per=4)
    for t in range(5):
        assert within(p[t, :, 0], stated.p_right(t + 1, 4))
        right = int((answers[t] == 0).sum())
        assert stats.binomtest(right, 300, stated.p_right(t + 1, 4)).pvalue > 1e-4
    # it is independent from record to record: successive rounds' deviations don't go together
    logits = tc.logit(tc.epsilon(_terms(stated, p)))
    assert logits.std(axis=0) == pytest.approx([stated.noise] * 5, rel=0.2)
    correlations = np.corrcoef(logits.T)[np.triu_indices(5, 1)]
    assert np.abs(correlations).max() < 4.2 / math.sqrt(300)


def _terms(law: TwoConcept, p: np.ndarray) -> np.ndarray:
    """The sums from which each record's ε follows, the lure being the wrong option preferred."""
    lures = 1 + p[0, :, 1:].argmax(axis=1)
    anchors = [law.concepts(p.shape[2], 0, int(lure)) for lure in lures]
    plus, minus = (np.array(each) for each in zip(*anchors, strict=True))
    return tc.epsilon_terms(p, plus, minus)


def test_clusters_differ_by_the_spread_and_records_of_one_do_not(tmp_path: Path) -> None:
    law = TwoConcept(spread=0.8, noise=0, prior=0.6)
    p, _, clusters, _ = ran("spread=0.8,noise=0,prior=0.6", "intrinsic", tmp_path, cluster_size=2)
    logits = tc.logit(tc.epsilon(_terms(law, p)))
    assert len(np.unique(clusters)) == 150
    own = []
    for cluster in np.unique(clusters):
        of = logits[clusters == cluster]
        np.testing.assert_allclose(of[0], of[1], atol=1e-9)
        own.append(of[0, 0])
    assert within(np.array(own), law.log_odds(1))
    assert stats.kstest((np.array(own) - law.log_odds(1)) / 0.8, "norm").pvalue > 1e-3
    steps = np.diff(logits, axis=1)
    np.testing.assert_allclose(steps, math.log(0.6), atol=1e-9)  # whatever the start, ρ a round
    assert abs(p[0, :, 0].mean() - law.p_right(1, 3)) < 4.2 * p[0, :, 0].std() / math.sqrt(150)


def test_answers_are_drawn_from_what_is_stated(tmp_path: Path) -> None:
    p, answers, _, _ = ran("seed=1", "intrinsic", tmp_path, limit=500)
    for t in range(5):
        of_answer = np.take_along_axis(p[t], answers[t][:, None], 1)[:, 0]
        # calibrated, and drawn rather than the likeliest
        assert within(of_answer - (p[t] ** 2).sum(1), 0.0)
        for k in range(3):
            z = ((answers[t] == k) - p[t, :, k]).sum() / math.sqrt(
                (p[t, :, k] * (1 - p[t, :, k])).sum()
            )
            assert abs(z) < 4.2
    # given p, the rounds are independent of each other
    right = (answers == 0) - p[:, :, 0]
    assert within(right[0] * right[1], 0.0)


def test_the_fit_of_the_two_concept_model_finds_rho(tmp_path: Path) -> None:
    """From p− under negation and p+ under anchor, as one would of a model that isn't planted."""
    law = "rho=0.7,prior=0.8,noise=0.2"
    (p, *_), (minus, *_), (plus, *_) = (
        ran(law, strategy, tmp_path, rounds=8, limit=150)
        for strategy in ("intrinsic", "negation", "anchor")
    )
    sums = tc.epsilon_terms(p, plus[-1], minus[-1]).sum(axis=0)
    _, b = tc.odds_line(tc.epsilon(sums), range(1, 9))
    assert math.exp(b) == pytest.approx(0.7, abs=0.02)


# --- answers as evidence -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def epsilons(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """ε [8, n] of dialogues in which nothing that is said matters, but answers do."""
    law = "answers=1,noise=0,prior=0.5,rho=1,seed=2"
    p, *_ = ran(law, "repeat", tmp_path_factory.mktemp("runs"), rounds=8, limit=800)
    plus, minus = TwoConcept().concepts(3, 0, 1)
    return (plus[0] - p[:, :, 0]) / (plus[0] - minus[0])


def test_the_posterior_is_a_martingale(epsilons: np.ndarray) -> None:
    np.testing.assert_allclose(epsilons[0], 0.5, atol=1e-9)
    for t in range(1, 8):
        assert within(epsilons[t], 0.5)
        # and at every level of the last round's
        step = epsilons[t] - epsilons[t - 1]
        for part in np.array_split(np.argsort(epsilons[t - 1]), 4):
            assert within(step[part], 0.0)


def test_each_dialogue_locks_onto_a_concept_and_a_share_onto_each(epsilons: np.ndarray) -> None:
    """Without drift the model grows surer, and no more often right."""
    unsure = ((epsilons > 0.1) & (epsilons < 0.9)).mean(axis=1)
    assert unsure[0] == 1
    assert unsure[-1] < 0.3
    locked = epsilons[-1] > 0.5
    assert stats.binomtest(int(locked.sum()), locked.size, 0.5).pvalue > 1e-4


def test_evidence_is_bayes_rule_over_whole_histories() -> None:
    """The joint law of three answers is the mixture of three answers under each concept."""
    law = TwoConcept(answers=1, noise=0, prior=0.3)
    plus, minus = law.concepts(3, 0, 2)
    for path in product(range(3), repeat=3):
        chance, evidence = 1.0, 0.0
        for y in path:
            epsilon = law.epsilon(0, evidence)
            chance *= (1 - epsilon) * plus[y] + epsilon * minus[y]
            evidence += math.log(minus[y] / plus[y])
        wanted = 0.7 * np.prod(plus[list(path)]) + 0.3 * np.prod(minus[list(path)])
        assert chance == pytest.approx(wanted)


def test_only_answers_that_count_move_the_odds() -> None:
    text = "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9"
    for answers, moves in ((0, False), (1, True)):
        model = load(f"{NAME}?noise=0,answers={answers}")
        scores = []
        for said in ("(a) 7", "(b) 8", "hm"):
            talk = model.open(1)
            talk.say([message("user", text)])
            talk.say([message("assistant", said)])
            talk.say([message("user", "And now?")])
            scores.append(talk.score([("a", "b", "c")])[0])
        assert (scores[0] != scores[1]) == moves
        assert (scores[0] != scores[2]) == moves  # no option: no answer


# --- the law, as mathematics ---------------------------------------------------------------------

laws = st.builds(
    TwoConcept,
    plus=st.floats(0.01, 0.99),
    minus=st.floats(0.01, 0.99),
    prior=st.floats(0.001, 0.999),
    rho=st.floats(0.05, 20),
    spread=st.floats(0, 3),
    noise=st.floats(0, 3),
)


@settings(deadline=None)
@given(laws, st.integers(2, 8), st.integers(-20, 20))
def test_the_law_is_a_mixture_that_bayes_moves(law: TwoConcept, options: int, m: int) -> None:
    plus, minus = law.concepts(options, 0, options - 1)
    assert plus.sum() == pytest.approx(1)
    assert minus.sum() == pytest.approx(1)
    assert (plus[0], minus[-1]) == (law.plus, law.minus)
    assert plus.min() > 0
    assert minus.min() > 0
    assert law.total_variation(options) == pytest.approx(1 - np.minimum(plus, minus).sum())
    step = law.log_odds(m + 1) - law.log_odds(m)
    assert step == pytest.approx(math.log(law.rho), abs=1e-9)
    assert law.epsilon(0) == pytest.approx(law.prior)
    low, high = sorted((plus[0], minus[0]))
    assert low - 1e-12 <= law.p_right(m, options) <= high + 1e-12
    centred = replace(law, spread=0, noise=0)
    assert centred.mean_epsilon(m) == pytest.approx(law.epsilon(m), rel=1e-9)


@settings(deadline=None)
@given(laws, st.floats(-5, 5))
def test_the_expected_posterior_is_the_prior(law: TwoConcept, evidence: float) -> None:
    plus, minus = law.concepts(3, 1, 2)
    epsilon = law.epsilon(0, evidence)
    p = (1 - epsilon) * plus + epsilon * minus
    after = [law.epsilon(0, evidence + math.log(b / a)) for a, b in zip(plus, minus, strict=True)]
    assert p @ np.array(after) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize("width", [0.1, 1.0, 7.0, 100.0])
@pytest.mark.parametrize("mentions", [-3, 0, 12])
def test_the_mean_over_noise_is_an_integral(width: float, mentions: int) -> None:
    law = TwoConcept(noise=width * 0.6, spread=width * 0.8)
    centre = law.log_odds(mentions)

    def integrand(x: float) -> float:  # P(logistic variable < normal variable), the other way round
        return float(stats.logistic.pdf(x) * stats.norm.cdf((centre - x) / width))

    expected = quad(integrand, -60, 60, points=[centre, 0], limit=400, epsabs=1e-12)[0]
    assert law.mean_epsilon(mentions) == pytest.approx(expected, abs=1e-9)


def test_concepts_may_be_the_same() -> None:
    assert TwoConcept(plus=0.25, minus=0.25).total_variation(4) == 0
    assert TwoConcept(plus=0.3, minus=0.7).total_variation(2) == pytest.approx(0)
    assert TwoConcept().total_variation(3) == pytest.approx(0.7)


def test_a_mean_that_depends_on_answers_is_refused() -> None:
    with pytest.raises(UserError, match="set answers=0"):
        TwoConcept(answers=1).mean_epsilon(1)


# --- what it reads, and what not -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Please answer correctly.", 1),
        ("CORRECT, Correctness; correct!", 3),
        ("Please answer incorrectly.", -1),
        ("incorrect is not correct", 0),
        ("a self-correcting, autocorrected, uncorrected text", 1),
        ("What is 3 + 4?", 0),
        ("", 0),
    ],
)
def test_mentions(text: str, mentions: int) -> None:
    assert count_mentions(text) == mentions


def asked(model: Model, *messages: Message) -> list[float]:
    talk = model.open(1)
    talk.restart([list(messages)])
    (scores,) = talk.score([("a", "b", "c")])
    assert scores is not None
    return [score.logp for score in scores]


def test_only_users_mention_and_nothing_else_matters() -> None:
    model = load(f"{NAME}?noise=0")
    question = message("user", "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9")
    plain = asked(model, question)
    assert asked(model, message("system", "Be correct."), question) == plain
    said = [question, message("assistant", "The correct one is (b)"), message("user", "Sure?")]
    assert asked(model, *said) == plain
    assert asked(model, question, message("user", "Be correct."))[0] > plain[0]
    # several questions in one message: the latest counts, and mentions anywhere do
    shot = message("user", f"What is 1 + 1?\n(a) 3\n(b) 2\n(c) 4\n\n{question.text}")
    assert asked(model, shot)[0] == plain[0]


def test_the_lure_is_a_number_whatever_its_letter_and_the_strategy() -> None:
    law = TwoConcept()

    def lure(*lines: str, goal: str = "") -> str:
        shown = "\n".join(f"({a}) {x}" for a, x in zip("abcd", lines, strict=False))
        question = read(NAME, [message("user", f"What is 30 + 4?\n{shown}\n\n{goal}")]).question
        return question.numbers[law.lure(question)]

    assert lure("34", "33", "35", "44") == lure("44", "35", "34", "33", goal="Be correct.") != "34"


def test_lures_have_no_preferred_place() -> None:
    law, lures = TwoConcept(seed=6), []
    task = tasks.make("planted", options={"n": 3000})
    for example in task.examples():
        asked = read(NAME, [message("user", task.ask(example)["question"])])
        lures.append(asked.question.wrong.index(law.lure(asked.question)))
    assert stats.binomtest(sum(lures), 3000, 0.5).pvalue > 1e-4


def test_batches_and_limits_change_nothing(tmp_path: Path) -> None:
    law = "spread=0.5,answers=1"
    p, answers, *_ = ran(law, "intrinsic", tmp_path / "a", limit=30)
    run = sc.run(
        f"{NAME}?{law}", "planted", rounds=5, limit=10, chunk=3, out=tmp_path / "b",
        task_options={"n": 30}, baseline=False, progress=False,
    )  # fmt: skip
    fewer = run.records.sort("example", "round")
    whole = sorted(str(i) for i in range(30))
    for row in fewer.iter_rows(named=True):
        i = whole.index(row["example"])
        assert (row["choice"] - row["target"]) % 3 == answers[row["round"] - 1, i]
        shown = np.roll(row["option_p"], -row["target"])
        assert (shown == p[row["round"] - 1, i]).all()  # bit for bit


def test_samples_follow_the_law() -> None:
    model = load(f"{NAME}?seed=9")
    talk = model.open(1)
    talk.say([message("user", "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9\nPlease answer correctly.")])
    requests = [
        Request(PREFILL, 8, temperature=1.0, seed=s, options=("a", "b", "c")) for s in range(2000)
    ]
    replies = talk.branch(2000).elicit(requests)
    p = {tuple(score.logp for score in reply.options) for reply in replies if reply}
    assert len(p) == 1  # the noise is the record's, not the sample's
    right = sum(reply is not None and reply.text.startswith("a") for reply in replies)
    assert stats.binomtest(right, 2000, math.exp(p.pop()[0]) / 0.98).pvalue > 1e-4


def test_it_is_a_model() -> None:
    model = load(NAME)
    assert isinstance(model, Model)
    assert NAME in names()
    talk = model.open(1)
    talk.say([message("user", "What is the capital of France?\n(a) Paris\n(b) Rome")])
    with pytest.raises(UserError, match="planted:two-concept answers the task 'planted' only"):
        talk.elicit([Request(PREFILL, 8)])


# --- its name ------------------------------------------------------------------------------------


def test_settings_are_read_from_the_name() -> None:
    model = load(f"{NAME}?rho=.5, prior=.8,answers=1,seed=12")
    assert model.law == TwoConcept(rho=0.5, prior=0.8, answers=1, seed=12)
    assert load(f"{NAME}?seed=12,answers=1,prior=0.80,rho=5e-1").fingerprint == model.fingerprint
    assert load(NAME).fingerprint not in (model.fingerprint, load("planted:chain").fingerprint)
    assert load("planted:chain").law == Law()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("roh=0.5", "did you mean 'rho'"),
        ("accuracy=1", "unknown setting 'accuracy'"),
        ("rho", "name=number, not 'rho'"),
        ("rho=low", "rho must be a number, not 'low'"),
        ("answers=.5", "answers must be a whole number"),
        ("seed=1.5", "seed must be a whole number"),
        ("plus=1", "plus is a probability between 0 and 1"),
        ("minus=0", "minus is a probability between 0 and 1"),
        ("plus=nan", "plus is a probability between 0 and 1"),
        ("prior=1", "prior is between 0 and 1"),
        ("mass=0", "mass is between 0 and 1"),
        ("rho=0", "rho is a ratio of odds, a number above 0"),
        ("rho=inf", "rho is a ratio of odds"),
        ("rho=nan", "rho is a ratio of odds"),
        ("answers=2", r"answers is 0 \(no evidence\) or 1"),
        ("spread=-1", "spread is a standard deviation of log odds, from 0 to 100"),
        ("noise=inf", "noise is a standard deviation"),
        ("rho=1,rho=1", "set twice"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as told:
        load(f"{NAME}?{setting}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["planted:two-concpet", "planted:twoconcept", "planted:two"])
def test_a_wrong_name_is_told_with_the_nearest(name: str) -> None:
    with pytest.raises(UserError, match="did you mean 'planted:two-concept'"):
        load(name)


def test_extreme_settings_still_answer() -> None:
    question = message("user", "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9\nPlease answer correctly.")
    for law in (
        "rho=1e-300",
        "rho=1e300",
        "plus=1e-6",
        "minus=0.999999,spread=100",
        "prior=1e-300",
    ):
        logps = asked(load(f"{NAME}?{law}"), question)
        assert sum(map(math.exp, logps)) == pytest.approx(0.98)


# --- the anchor ----------------------------------------------------------------------------------


def test_the_specific_goal_is_long_and_pulls_one_way() -> None:
    for wording in (CORRECT, UNBIASED):
        assert len(wording.specific_goal) > 3 * len(wording.review)
        assert wording.specific_goal.isascii()
    said = re.findall(r"\b\w*correct\w*", CORRECT.specific_goal, re.IGNORECASE)
    assert len(said) >= 3
    assert all(word.lower().startswith("correct") for word in said)


def test_anchor_says_the_specific_goal_in_every_round() -> None:
    anchor, intrinsic = strategies.load("anchor"), strategies.load("intrinsic")
    for round in (1, 2, 7):
        (said, answer), (plain, _) = anchor.steps(round), intrinsic.steps(round)
        assert said.say == f"{plain.say}\n\n{{specific_goal}}"
        assert answer.elicit == "answer"


def test_a_task_without_a_specific_goal_says_so() -> None:
    task = tasks.make("planted", options={"n": 3})
    own = Lettered(
        "own", [_item(task, e) for e in task.examples()], wording=replace(CORRECT, specific_goal="")
    )
    assert "specific_goal" not in own.ask(own.examples()[0])
    with pytest.raises(UserError, match=r"anchor\.toml:\d+: say uses \{specific_goal\}"):
        strategies.check_names(strategies.load("anchor"), set(own.ask(own.examples()[0])))


def _item(task: Any, example: Any) -> Any:
    from selfcorrect.tasks.lettered import Item

    return Item(example, task.grade([(example, task.read(example, "x"))])[0].target)


def test_other_words_make_another_task() -> None:
    """So that a run under a goal that was worded otherwise is not taken for this one."""
    task = tasks.make("planted", options={"n": 3})

    def fingerprint(**wording: str) -> str:
        items = [_item(task, e) for e in task.examples()]
        return Lettered("own", items, wording=replace(CORRECT, **wording)).fingerprint

    assert fingerprint() == fingerprint()
    assert fingerprint(specific_goal="Be right.") != fingerprint()
    assert fingerprint(goal="Be right.") != fingerprint()
