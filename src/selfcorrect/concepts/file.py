"""A concept: a named direction in a model's hidden states, and the file in which it lies.

The file is one of safetensors. Its numbers are tensors in float32, all else is text in its header;
nothing in it is ever run. Whatever is read is checked, as it may come from somebody else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.figures import wrong
from selfcorrect.concepts.names import check_name
from selfcorrect.errors import UserError, nearest
from selfcorrect.places import new_file, put

Floats = NDArray[np.float32]

FORMAT = "selfcorrect concept 1"
KINDS = ("linear", "mean", "statement", "ccs", "imported")
SITES = ("residual", "attention", "mlp")
ENDING = ".safetensors"
#: The point at which states are read, and what was done to them: nothing.
HOOKS = {
    "residual": "output of the layer",
    "attention": "output of the layer's attention block",
    "mlp": "output of the layer's MLP block",
}
NORM = "none: before the model's last norm"
#: How labelled texts are shown: by themselves, without a template, and read at their last token; or
#: as the user's message, and read at the last token before the reply.
SHOWN = ("text", "message")
_MOST_LAYERS, _MOST_HIDDEN, _MOST_TEXT = 1 << 12, 1 << 17, 1 << 20
#: Of layers × numbers of a state: above any model's, and what is read of a file stays small.
_MOST_NUMBERS = 1 << 24
_MOST_BYTES = 4 * 4 * _MOST_NUMBERS
#: Of a text in the header that isn't a table.
_MOST_NAMED = 1_000
_ARRAYS = ("directions", "centre", "scale", "bias", "norms")


@dataclass(frozen=True, slots=True)
class Bound:
    """To what a concept is bound.

    Attributes:
        model: the model's name, for people.
        fingerprint: of its weights, configuration, tokenizer and template together.
        tokenizer, template: of each alone, so that it can be said which of them differs.
        hook: the point at which states are read.
        norm: what was done to them.
        bos: whether a token stood before every text.
        shown: ``text``: each text by itself, at its last token.
        data: fingerprint of the labelled texts.
        seed: of the folds and of whatever was drawn.
    """

    model: str
    fingerprint: str
    tokenizer: str
    template: str
    hook: str
    norm: str
    bos: bool
    shown: str
    data: str
    seed: int


@dataclass(frozen=True, eq=False)
class Concept:
    """See the module. L layers, states of H numbers.

    Attributes:
        name: of the concept.
        kind: how its directions were found, one of :data:`KINDS`.
        site: of which states: the residual stream, or the output of a block.
        layer: the one that was chosen.
        directions: [L, H], in the standardised space; the probe's weights. All zero where there is
            none (an imported one need not have all layers).
        centre, scale: of that space [L, H]: a state h is (h − centre) / scale in it.
        bias: of the probe [L].
        norms: median length of the states [L], in which the size of a steer is measured.
        bound: to what it is bound.
        figures: what its training found: JSON's types.
        place: the file it was read from.
    """

    name: str
    kind: str
    site: str
    layer: int
    directions: Floats
    centre: Floats
    scale: Floats
    bias: Floats
    norms: Floats
    bound: Bound
    figures: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    @property
    def layers(self) -> int:
        return len(self.directions)

    @property
    def hidden(self) -> int:
        return int(self.directions.shape[1])

    @property
    def there(self) -> tuple[int, ...]:
        """The layers that have a direction."""
        return tuple(np.flatnonzero(np.any(self.directions != 0, axis=1)).tolist())

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits of all that decides what is read with it; not of where it lies, nor
        of what its training found."""
        digest = blake2b(digest_size=8)
        told = [FORMAT, self.kind, self.site, self.layer, asdict(self.bound)]
        digest.update(json.dumps(told, sort_keys=True).encode())
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    def vector(self, layer: int) -> Floats:
        """The direction of a layer in the model's own states [H], of length 1: a step along the
        probe's direction in the standardised space, seen from outside.

        Raises:
            UserError: there is no such layer, or none with a direction.
        """
        if layer not in self.there:
            raise UserError(
                f"the concept {self.name} has no direction in layer {layer}: "
                f"{_layers_told(self.there)}."
            )
        step = self.directions[layer].astype(np.float64) * self.scale[layer]
        return np.asarray(step / np.linalg.norm(step), dtype=np.float32)


def _layers_told(there: tuple[int, ...]) -> str:
    return f"it has layers {there[0]} to {there[-1]}" if there else "it has none at all"


def is_concept(path: Path) -> bool:
    """Whether a file says that it is a concept's, of whatever version."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            said: str = (file.metadata() or {}).get("format", "")
    except (SafetensorError, OSError):
        return False
    return said.startswith(FORMAT.rstrip("0123456789"))


def write(concept: Concept, path: str | Path) -> None:
    """Write a concept's file, whole or not at all, and the folder that it lies in; an older
    concept's is replaced.

    Raises:
        UserError: something else lies there, or the place can't be written to.
    """
    from safetensors.numpy import save

    place = new_file(path, "a concept's", is_concept, in_new=True)
    head = {
        "format": FORMAT,
        "name": concept.name,
        "kind": concept.kind,
        "site": concept.site,
        "layer": str(concept.layer),
        "bound": json.dumps(asdict(concept.bound), sort_keys=True),
        "figures": json.dumps(concept.figures, sort_keys=True, allow_nan=False),
    }
    arrays = {n: np.ascontiguousarray(getattr(concept, n), dtype=np.float32) for n in _ARRAYS}
    put(place, save(arrays, head))


def read(path: str | Path) -> Concept:
    """Read a concept's file.

    Raises:
        UserError: it isn't there, isn't one, or anything in it isn't as it must be.
    """
    path = Path(path).expanduser()
    try:
        if not path.is_file():
            raise UserError(f"there is no concept {path}; train one: selfcorrect concept train.")
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path} is too large to be a concept's file.")
        head, arrays = _opened(path)
    except (OSError, ValueError) as error:  # a null byte in the path is a ValueError
        raise UserError(f"the concept {path} can't be read: {error}.") from None
    try:
        return _checked(head, arrays, str(path))
    except _WrongError as error:
        raise UserError(
            f"{path} is no concept that can be used: {error}; train it again, or give another file."
        ) from None


class _WrongError(Exception):
    """What is wrong with a file, a phrase."""


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Floats]]:
    """The header and the arrays; no more is loaded than a concept has."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            head = dict(file.metadata() or {})
            if head.get("format") != FORMAT:
                raise UserError(
                    f"{path} is a file of safetensors but no concept: its header doesn't say "
                    f"{FORMAT!r}; selfcorrect concept import reads control vectors."
                )
            names = set(file.keys())
            if names != set(_ARRAYS):
                missing = sorted(set(_ARRAYS) - names) or sorted(names - set(_ARRAYS))
                word = "lacks" if set(_ARRAYS) - names else "holds something else,"
                raise UserError(f"the concept {path} {word} {missing[0]!r:.60}; train it again.")
            for name in _ARRAYS:
                part = file.get_slice(name)
                if part.get_dtype() != "F32":
                    raise UserError(
                        f"the concept {path} has {name} in {part.get_dtype()}, where F32 was "
                        "expected; train it again."
                    )
                shape = part.get_shape()
                layers, hidden = (*shape, 0, 0)[:2]
                large = max(layers, hidden) > _MOST_HIDDEN or layers * hidden > _MOST_NUMBERS
                if len(shape) > 2 or large:
                    raise UserError(
                        f"the concept {path} has {name} of the shape {shape}, which no model's "
                        "states have; train it again."
                    )
            return head, {name: file.get_tensor(name) for name in _ARRAYS}
    except SafetensorError as error:
        raise UserError(
            f"{path} is no file of safetensors ({str(error).splitlines()[0]:.120}); give the file "
            "that selfcorrect concept train wrote."
        ) from None


def _checked(head: Mapping[str, str], arrays: Mapping[str, Floats], place: str) -> Concept:
    if any(len(text) > _MOST_TEXT for text in head.values()):
        raise _WrongError("its header is longer than any that is written")
    directions = arrays["directions"]
    if directions.ndim != 2 or 0 in directions.shape or len(directions) > _MOST_LAYERS:
        raise _WrongError(f"its directions have the shape {directions.shape}")
    for name, array in arrays.items():
        wanted = directions.shape if name in ("centre", "scale") else directions.shape[:1]
        wanted = directions.shape if name == "directions" else wanted
        if array.shape != wanted:
            raise _WrongError(f"{name} has the shape {array.shape}, not {wanted}")
        if not np.isfinite(array).all():
            raise _WrongError(f"{name} holds infinities or NaN")
    if not (arrays["scale"] > 0).all() or not (arrays["norms"] >= 0).all():
        raise _WrongError("a scale is not above 0, or a length below 0")
    kind, site = head.get("kind", ""), head.get("site", "")
    if kind not in KINDS or site not in SITES:
        known, given = (KINDS, kind) if kind not in KINDS else (SITES, site)
        raise _WrongError(
            f"it is of a kind that isn't known, {given!r:.40}: {nearest(given, known)}"
        )
    number = head.get("layer", "")
    layer = int(number) if re.fullmatch("[0-9]{1,5}", number) else -1
    if not 0 <= layer < len(directions):
        raise _WrongError(f"its layer is {number!r:.20}, and it has 0 to {len(directions) - 1}")
    if not np.any(directions[layer]):
        raise _WrongError(f"it has no direction in its own layer, {layer}")
    name = head.get("name", "")
    check_name(name)
    figures = _json(head, "figures")
    if told := wrong(figures, len(directions)):
        raise _WrongError(told)
    bound = _bound(_json(head, "bound"), site)
    _check_agree(figures, bound, layer)
    return Concept(
        name=name,
        kind=kind,
        site=site,
        layer=layer,
        **{each: np.asarray(arrays[each]) for each in _ARRAYS},
        bound=bound,
        figures=figures,
        place=place,
    )


def _check_agree(figures: Mapping[str, Any], bound: Bound, layer: int) -> None:
    """What the figures repeat has to be what the file is bound to."""
    data = figures.get("data")
    if data is not None and data["fingerprint"] != bound.data:
        raise _WrongError("its figures are of other texts than those that it is bound to")
    if figures.get("layer", layer) != layer:
        raise _WrongError(f"its figures chose layer {figures['layer']!r:.20}, and it has {layer}")


def _bound(table: Mapping[str, Any], site: str) -> Bound:
    types = {name: bool if name == "bos" else int if name == "seed" else str for name in
             Bound.__dataclass_fields__}  # fmt: skip
    if set(table) != set(types):
        raise _WrongError("its header doesn't say to what it is bound")
    for name, kind in types.items():
        if type(table[name]) is not kind or (kind is str and len(table[name]) > _MOST_NAMED):
            raise _WrongError(f"{name} in its header is {table[name]!r:.40}")
    # what states are read and shown with is said in the file, and there is one way to do it
    for name, known in (("hook", (HOOKS[site],)), ("norm", (NORM,)), ("shown", SHOWN)):
        if table[name] not in known:
            raise _WrongError(
                f"its states were read otherwise than they are here, {name} being "
                f"{table[name]!r:.40} and not {' or '.join(map(repr, known))}"
            )
    return Bound(**table)


def _json(head: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        table = json.loads(head.get(name, ""), parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise _WrongError(f"{name} in its header is no JSON") from None
    if not isinstance(table, dict):
        raise _WrongError(f"{name} in its header is no table")
    return table


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    """1e999 is no number that could be written again."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def moved(concept: Concept, place: str | Path) -> Concept:
    """The same concept, as it lies in a place."""
    return replace(concept, place=str(place))
