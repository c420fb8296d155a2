"""The bridge from theory to runs: do three rounds and two anchors foretell the later rounds?

The two-concept model (:mod:`selfcorrect.theory.two_concept`) is fitted to rounds 1-3 of a run, with
p− measured in a ``negation`` run and p+ in an ``anchor`` run on the same examples, and predicts the
later rounds of clusters that the fit hasn't seen. Whether it may predict at all is decided from
the anchors and rounds 1-3 alone, never from what is predicted.

- :mod:`.runs`: the runs that give the anchors; :mod:`.arrays`: the three runs as arrays;
- :mod:`.identified`: whether the model may predict; :mod:`.forecasts`: what each method foretells;
- :mod:`.skill`: how well; :mod:`.study`: all of it.
"""

from selfcorrect.studies.bridge.arrays import QUANTITIES, Aligned, aligned
from selfcorrect.studies.bridge.forecasts import METHODS
from selfcorrect.studies.bridge.identified import FITTED
from selfcorrect.studies.bridge.runs import beside, command
from selfcorrect.studies.bridge.study import bridge, bridged

__all__ = [
    "FITTED",
    "METHODS",
    "QUANTITIES",
    "Aligned",
    "aligned",
    "beside",
    "bridge",
    "bridged",
    "command",
]
