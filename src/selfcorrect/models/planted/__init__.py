"""Models with known answers, on which every measure and study can be tested.

They answer the tasks ``planted`` (``What is A + B?`` and lettered options) and ``planted-scores``
(free text) without a network. What one does is a stated law, so that a measure has a right value to
be compared with: :mod:`~selfcorrect.models.planted.chain` states accuracy, transitions and
calibration, :mod:`~selfcorrect.models.planted.two_concept` a mixture of two concepts,
:mod:`~selfcorrect.models.planted.logits` logits that sharpen, drift or copy without any concept,
:mod:`~selfcorrect.models.planted.scores` a number over rounds that its free text states,
:mod:`~selfcorrect.models.planted.eye` what is seen in drawn pictures (the task ``shapes``).

One has a network: :mod:`~selfcorrect.models.planted.mixture`, a transformer trained on a language
whose exact posterior is known. It is opened as local models are.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.models.kinds import MIXTURE
from selfcorrect.models.planted.chain import Chain, Law
from selfcorrect.models.planted.conversation import Planted, PlantedConversation, PlantedLaw
from selfcorrect.models.planted.eye import Eye
from selfcorrect.models.planted.logits import Logits
from selfcorrect.models.planted.scores import Scores
from selfcorrect.models.planted.two_concept import TwoConcept

__all__ = [
    "LAWS",
    "Chain",
    "ChainConversation",
    "Eye",
    "Law",
    "Logits",
    "Planted",
    "PlantedConversation",
    "Scores",
    "TwoConcept",
    "load",
]

#: the laws by the name of their model
LAWS: dict[str, type[PlantedLaw]] = {
    law.KIND: law for law in (Law, TwoConcept, Logits, Scores, Eye)
}

ChainConversation = PlantedConversation  # its name when there was one law


def load(name: str) -> Planted[Any]:
    """Open a planted model with its defaults, ``planted:chain``, or with settings of its law:
    ``planted:chain?accuracy=0.5,gap=0.1``. See :class:`Law`, :class:`TwoConcept`, :class:`Logits`,
    :class:`Scores`, :class:`Eye`.

    Raises:
        UserError: an unknown model or setting (with the nearest names), or a value that isn't a
            number or is out of its range.
    """
    kind, _, stated = name.partition("?")
    if kind == MIXTURE:
        raise UserError(
            f"{MIXTURE} has no settings: leave out {stated!r}; what its task planted-mixture says "
            "has options, see docs/tasks.md"
        )
    if kind not in LAWS:
        raise UserError(f"unknown planted model {kind!r}: {nearest(kind, (*LAWS, MIXTURE))}")
    law: Any = LAWS[kind]
    known = {f.name: int if f.type == "int" else float for f in fields(law)}
    settings: dict[str, float] = {}
    for setting in stated.split(",") if stated else ():
        key, equals, value = (part.strip() for part in setting.partition("="))
        if not equals:
            raise UserError(f"{name}: a setting is name=number, not {setting!r}")
        if key not in known:
            raise UserError(f"{name}: unknown setting {key!r}: {nearest(key, known)}")
        if key in settings:
            raise UserError(f"{name}: {key} is set twice")
        try:
            settings[key] = known[key](value)
        except ValueError:
            wanted = "a whole number" if known[key] is int else "a number"
            raise UserError(f"{name}: {key} must be {wanted}, not {value!r}") from None
    return Planted(name, law(**settings))
