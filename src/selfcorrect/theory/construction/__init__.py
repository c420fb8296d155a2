"""Transformers with constructed weights that descend on the ranking loss of their own context.

A context holds a query and N responses with rewards; a step of descent on its Plackett-Luce loss
takes a few blocks of softmax attention and feed-forward (arXiv 2405.18634). The weights are
constructed here:

- :mod:`.tokens`: contexts, the loss and its descent, and the tokens;
- :mod:`.blocks`: attention, feed-forward and their stack, as ordinary modules;
- :mod:`.weights`: the three constructions; :mod:`.squares`: one from x, y and r alone.

They are checked in :mod:`selfcorrect.studies.construct`.
"""

from selfcorrect.theory.construction.blocks import Attention, Block, FeedForward, Transformer
from selfcorrect.theory.construction.squares import squares
from selfcorrect.theory.construction.tokens import (
    Contexts,
    Limits,
    descend,
    embed,
    limits,
    sample,
    stable_rate,
)
from selfcorrect.theory.construction.weights import bradley_terry, rank_flags, select_and_eliminate

__all__ = [
    "Attention",
    "Block",
    "Contexts",
    "FeedForward",
    "Limits",
    "Transformer",
    "bradley_terry",
    "descend",
    "embed",
    "limits",
    "rank_flags",
    "sample",
    "select_and_eliminate",
    "squares",
    "stable_rate",
]
