"""What kind of model a name stands for: asked before anything is opened, and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

#: What the name of a model behind a server begins with, and that of a planted one.
SERVED, PLANTED = "openai:", "planted:"
#: The planted model that is a transformer: its weights lie in the package, and it is opened as any
#: local model is.
MIXTURE = "planted:mixture"

#: Every planted model, with a sentence on each: help texts and lists are made from this.
PLANTED_MODELS: Mapping[str, str] = {
    "planted:chain": "a model with stated behaviour, for the task 'planted'",
    "planted:eye": "a model that sees the task 'shapes', and errs as stated",
    MIXTURE: "a small transformer whose exact posterior is known ('planted-mixture')",
    "planted:logits": "the same: without concepts, its logits sharpen, drift or copy",
    "planted:scores": "the same for 'planted-scores': free text that states a number",
    "planted:two-concept": "the same: it mixes two concepts, and instructions move the odds",
}

#: What the name of a Python function begins with that gives feedback in a model's place.
FUNCTION = "function:"

Kind = Literal["served", "planted", "local", "function"]


def kind_of(name: str) -> Kind:
    """The kind of the model that a name stands for."""
    if name.startswith(SERVED):
        return "served"
    if name.startswith(FUNCTION):
        return "function"
    if name == MIXTURE:
        return "local"
    return "planted" if name.startswith(PLANTED) else "local"
