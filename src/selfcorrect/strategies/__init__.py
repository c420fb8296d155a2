"""Strategies: what is said in round 1 and in every later round, one TOML file each."""

from selfcorrect.strategies.base import (
    KINDS,
    MAX_TOKENS,
    Steering,
    Step,
    Stop,
    Strategy,
)
from selfcorrect.strategies.built_in import groups, names
from selfcorrect.strategies.images import check_images
from selfcorrect.strategies.reading import (
    check_given,
    check_names,
    check_replaced,
    load,
    parse,
    path_of,
)
from selfcorrect.strategies.steering import parse_steering, steering_of, under
from selfcorrect.strategies.templates import placeholders, render

__all__ = [
    "KINDS",
    "MAX_TOKENS",
    "Steering",
    "Step",
    "Stop",
    "Strategy",
    "check_given",
    "check_images",
    "check_names",
    "check_replaced",
    "groups",
    "load",
    "names",
    "parse",
    "parse_steering",
    "path_of",
    "placeholders",
    "render",
    "steering_of",
    "under",
]
