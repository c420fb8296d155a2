"""How planted:mixture is trained."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from selfcorrect.models.planted.mixture import model, training
from selfcorrect.models.planted.mixture.language import VOCABULARY
from selfcorrect.models.planted.mixture.recipe import Recipe
from selfcorrect.models.planted.mixture.training import batches, loss, network, train


def test_a_few_steps_of_training_are_the_same_each_time_and_lower_the_loss() -> None:
    short = replace(Recipe(), short=3, steps=8, tokens=400)
    told: list[list[float]] = [[], []]
    for losses in told:
        train(short, told=lambda _step, value, to=losses: to.append(value))
    assert told[0] == told[1]
    assert len(told[0]) == 8
    assert told[0][-1] < told[0][0]


def test_the_loss_of_a_network_that_knows_nothing_is_that_of_a_uniform_guess() -> None:
    made = network(Recipe())
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        batch = next(batches(replace(Recipe(), tokens=400)))
        found = float(loss(made, batch, weight=40.0))
    assert found == pytest.approx(np.log(len(VOCABULARY)), rel=1e-5)


def test_the_loss_weighs_letters_and_expects_over_them() -> None:
    """Against a loop over tokens."""
    made = network(Recipe())
    batch = next(batches(replace(Recipe(), tokens=400)))
    where = zip(batch.rows.tolist(), batch.places.tolist(), strict=True)
    letters = dict(zip(where, batch.letters, strict=True))
    total, count = 0.0, 0.0
    with torch.no_grad():
        found = float(loss(made, batch, weight=3.0))
        for row, ids in enumerate(batch.ids.tolist()):
            ids = [n for n in ids if n >= 0]
            logp = torch.log_softmax(made(torch.tensor([ids])).logits[0], dim=-1)
            for at, token in enumerate(ids[1:]):
                if (row, at) in letters:
                    each = logp[at, [VOCABULARY.index(x) for x in "abc"]]
                    total -= 3.0 * float((letters[row, at] * each).sum())
                    count += 3.0
                    assert VOCABULARY[token] in "abc"
                else:
                    total -= float(logp[at, token])
                    count += 1.0
    assert found == pytest.approx(total / count, rel=1e-4)


def test_batches_hold_each_dialogue_of_the_corpus_once() -> None:
    recipe = replace(Recipe(), tokens=300)
    seen = [
        tuple(n for n in row if n >= 0)
        for batch in islice(batches(recipe), 40)
        for row in batch.ids.tolist()
    ]
    assert len(seen) == len(set(seen)) > 60
    for batch in islice(batches(recipe, rounds=1), 5):
        assert batch.rows.tolist() == list(range(len(batch.ids)))  # one letter each


def test_steps_are_orthogonal_and_those_of_torch() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 12, 7)
    made = training._orthogonal(x)
    for each, found in zip(x, made, strict=True):
        u, _, v = torch.linalg.svd(each, full_matrices=False)
        inside = u.T @ found @ v.T
        assert (inside - torch.diag(inside.diag())).abs().max() < 1e-4
        assert inside.diag().min() > 0.6
        assert inside.diag().max() < 1.3
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((12, 7), (7, 12), (9, 9))]
    theirs = [torch.nn.Parameter(each.detach().clone()) for each in ours]
    first = [each.detach().clone() for each in ours]
    mine = training.Muon(ours)
    other = torch.optim.Muon(theirs, lr=0.01, momentum=0.95, weight_decay=0.02)
    for _ in range(4):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape)
            b.grad = a.grad.clone()
        mine.step(0.01)
        other.step()
    for a, b, start in zip(ours, theirs, first, strict=True):
        moved = (b - start).norm()
        assert (a - b).norm() < 0.05 * moved  # theirs is in bfloat16


@pytest.mark.slow  # ten minutes of a core
def test_the_whole_recipe_comes_as_near(tmp_path: Path) -> None:
    recipe = Recipe()
    found = training.write(train(recipe), recipe, tmp_path)
    assert np.mean(found["kl"]) < 0.01
    model.check_recipe(tmp_path)
