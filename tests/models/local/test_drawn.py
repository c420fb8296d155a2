"""A token that is drawn is the one that a plain sum over the whole vocabulary gives."""

from __future__ import annotations

import pytest
import torch

from selfcorrect.models.local.decoding import _falls


@pytest.mark.parametrize("vocabulary", [1, 5, 256, 300, 5000])
def test_numbers_fall_where_the_whole_sum_says(vocabulary: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    chances = torch.softmax(3 * torch.randn(200, vocabulary, generator=generator), dim=-1)
    numbers = torch.rand(200, 1, generator=generator, dtype=torch.float64)
    found = _falls(chances, numbers)
    upto = chances.double().cumsum(-1)
    before = upto.gather(1, found) - chances.double().gather(1, found)
    wanted = numbers * upto[:, -1:]
    assert (wanted >= before - 1e-6).all()
    assert (wanted <= upto.gather(1, found) + 1e-6).all()


def test_what_has_no_chance_is_never_drawn() -> None:
    chances = torch.zeros(3, 600)
    chances[0, 3] = chances[1, 599] = chances[2, 256] = 1.0
    for number in (0.0, 0.5, 1 - 2**-53):
        numbers = torch.full((3, 1), number, dtype=torch.float64)
        assert _falls(chances, numbers)[:, 0].tolist() == [3, 599, 256]
