"""planted:mixture as a model: served by the ordinary engine, near the exact predictive."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models import Request, Site
from selfcorrect.models.local.files import locate
from selfcorrect.models.planted.mixture import corpus, exact
from selfcorrect.models.planted.mixture import model as module
from selfcorrect.models.planted.mixture.language import VOCABULARY
from selfcorrect.models.planted.mixture.recipe import Recipe
from selfcorrect.planted_words import LEAD_IN
from selfcorrect.tasks import make

Array = NDArray[np.float64]

ROUNDS = 8


@pytest.fixture(scope="module")
def mixture() -> Any:
    return models.load("planted:mixture", "float32")


def predicted(mixture: Any, n: int, seed: int) -> tuple[Array, Array, Array]:
    """By the engine, dialogue by dialogue and round by round: P(letters) as they are and as they
    should be [n, rounds, 3], and the probability of all letters together [n, rounds]."""
    dialogues = list(islice(corpus(seed, ROUNDS), n))
    found, mass = np.empty((n, ROUNDS, 3)), np.empty((n, ROUNDS))
    talk = mixture.open(n)
    for number in range(ROUNDS):
        talk.say([each.messages[2 * number] for each in dialogues])
        branch = talk.branch()
        asked = Request(prefill=LEAD_IN, max_tokens=3, options=("a", "b", "c"))
        for row, reply in enumerate(branch.elicit([asked] * n)):
            assert reply.text in ("a)", "b)", "c)")
            assert reply.finish == "stop"
            p = np.exp([option.logp for option in reply.options])
            found[row, number], mass[row, number] = p / p.sum(), p.sum()
        talk.say([each.messages[2 * number + 1] for each in dialogues])
    known = np.stack([exact(each.messages).predictive for each in dialogues])
    return found, known, mass


def test_answers_have_the_exact_distribution(mixture: Any) -> None:
    found, known, mass = predicted(mixture, 60, seed=201)
    kl = (known * np.log(known / found)).sum(axis=2)
    assert kl.mean() < 0.01
    assert kl.mean(axis=0).max() < 0.015  # in every round
    assert mass.min() > 0.99


def test_the_model_is_shown_the_tokens_that_the_oracle_reads(mixture: Any) -> None:
    each = next(corpus(7, rounds=2))
    rendered = mixture.vocabulary.template.render(each.messages[:3], LEAD_IN)
    known = exact([*each.messages[:3], message("assistant", LEAD_IN)])
    assert [VOCABULARY[n] for n in rendered.prompt.ids] == list(known.tokens)
    assert known.positions[-1] == len(known.tokens) - 1
    np.testing.assert_array_equal(exact(each.messages[:3]).predictive, known.predictive)


def test_states_are_read_where_the_answer_is_due(mixture: Any) -> None:
    site = Site("residual", (0, 1, 2))
    talk = mixture.open(1)
    talk.say([next(corpus(8, rounds=1)).messages[0]])
    reply = talk.elicit([Request(prefill=LEAD_IN, max_tokens=3, states=(site,))])[0]
    assert reply.states[site].shape == (3, Recipe().width)


def test_words_that_are_not_in_the_language_are_refused(mixture: Any) -> None:
    talk = mixture.open(1)
    talk.say([message("user", "What is 3 + 4?")])
    with pytest.raises(UserError, match=r"answers the task 'planted-mixture' only.*'What'"):
        talk.elicit([Request(prefill="(", max_tokens=2)])


def test_every_word_of_the_task_is_in_the_language() -> None:
    for options in ({}, {"instructions": "neutral"}, {"answers": "alike"}):
        task = make("planted-mixture", options={**options, "n": 40})
        assert task.check() == []
        for example in task.examples():
            said = task.ask(example)
            for first in ("goal", "reversed_goal", "specific_goal"):
                messages = [
                    message("user", f"{said['question']}\n\n{said[first]}"),
                    message("assistant", said["answer_prefill"] + "b)"),
                    message("user", said["repeat"]),
                    message("assistant", said["answer_prefill"] + "a)"),
                    message("user", f"{said['review']}\n\n{said['specific_goal']}"),
                    message("assistant", said["answer_prefill"] + "c)"),
                    message("user", said["reversed_review"]),
                ]
                assert len(exact(messages).positions) == 4


def test_a_model_with_settings_is_refused() -> None:
    with pytest.raises(UserError, match=r"has no settings: leave out 'prior=0\.5'"):
        models.load("planted:mixture?prior=0.5")
    with pytest.raises(UserError, match=r"did you mean.*planted:mixture"):
        models.load("planted:mixtures")


def test_weights_of_another_recipe_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(locate("planted:mixture").folder, folder)
    module.check_recipe(folder)
    about = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(about | {"hash": "0" * 16}))
    with pytest.raises(UserError, match=r"of another recipe.*python -m"):
        module.check_recipe(folder)
    (folder / "recipe.json").unlink()
    with pytest.raises(UserError, match="of another recipe"):
        module.check_recipe(folder)
    assert replace(Recipe(), steps=7).hash != Recipe().hash


def test_the_weights_are_small() -> None:
    sizes = [file.stat().st_size for file in locate("planted:mixture").folder.iterdir()]
    assert sum(sizes) < 2_000_000
