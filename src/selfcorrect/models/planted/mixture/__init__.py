"""``planted:mixture``: a small transformer, trained on dialogues whose exact posterior is known.

:mod:`~selfcorrect.models.planted.mixture.language` is the model that the dialogues are drawn from,
:mod:`~selfcorrect.models.planted.mixture.exact` what a reader of one should believe at every token,
:mod:`~selfcorrect.models.planted.mixture.training` how the transformer is trained on them. It then
is served as any local transformer is, so whatever is found in its hidden states or done to them has
a right answer.
"""

from __future__ import annotations

from selfcorrect.models.planted.mixture.exact import Exact, exact
from selfcorrect.models.planted.mixture.language import Drawn, corpus

__all__ = ["Drawn", "Exact", "corpus", "exact"]
