"""The strategies that come with selfcorrect, by name and by group."""

from __future__ import annotations

from selfcorrect.strategies.base import GROUPS, Strategy
from selfcorrect.strategies.reading import FOLDER, load


def _all() -> list[Strategy]:
    return [load(path) for path in sorted(FOLDER.glob("*.toml"))]


def names() -> dict[str, str]:
    """Name → what a strategy says about itself, in the order of the alphabet."""
    return {strategy.name: strategy.about for strategy in _all()}


def groups() -> dict[str, dict[str, str]]:
    """The same by group, in the order of :data:`~selfcorrect.strategies.base.GROUPS`; in each,
    those first that the others are told by (``as intrinsic``)."""
    found: dict[str, dict[str, str]] = {group: {} for group in GROUPS}
    for strategy in sorted(_all(), key=lambda each: (each.name.count("-"), each.name)):
        found[strategy.group][strategy.name] = strategy.about
    return found
