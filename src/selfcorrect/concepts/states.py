"""The states of labelled texts, as a model gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.binding import check_fits
from selfcorrect.concepts.dialogues import Messages
from selfcorrect.concepts.file import HOOKS, NORM, SHOWN, Bound, Concept
from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Message, message
from selfcorrect.models.base import Model, Request, Site
from selfcorrect.models.sites import BEFORE_ANSWER

#: Tokens that are read of a text, from its beginning.
MOST_TOKENS = 256
#: No model has so many layers.
_MOST_LAYERS = 512
_TOGETHER = 64


@runtime_checkable
class ReadsTexts(Protocol):
    """A model that gives the states of plain texts: see
    :class:`selfcorrect.models.local.model.LocalModel`."""

    identity: Any

    def states_of(self, texts: Sequence[str], kind: Any, most: int) -> Any: ...


def check_shown(model: Model, shown: str) -> str:
    """How texts are shown to a model: as asked, or as it can.

    Args:
        model: an open model.
        shown: one of :data:`selfcorrect.concepts.file.SHOWN`; "" is the first that the model can.

    Raises:
        UserError: it has no states, or can't show texts so.
    """
    if shown and shown not in SHOWN:
        raise UserError(f"texts can't be shown as {shown!r}: {nearest(shown, SHOWN)}.")
    model.check_states()
    by_itself = isinstance(model, ReadsTexts)
    if shown == "text" and not by_itself:
        raise UserError(
            f"{model.name} gives no states of texts by themselves: show them as messages "
            "(--shown message), or use a local model."
        )
    return shown or ("text" if by_itself else "message")


def states_of(
    model: Model, texts: Sequence[str | Messages], site: str, shown: str, prefill: str = ""
) -> NDArray[np.float32]:
    """The states of texts, or dialogues, [n, L, H]; equal ones are read once.

    Args:
        model: an open model.
        texts: not empty. A dialogue is read before the reply that is due.
        site: of which states.
        shown: see :data:`selfcorrect.concepts.file.SHOWN`.
        prefill: what the reply to a message begins with; a dialogue says it itself.

    Raises:
        UserError: the model has none to give, or one isn't finite; or dialogues are to be shown as
            texts by themselves.
    """
    distinct = list(dict.fromkeys(texts))
    alone = [text for text in distinct if isinstance(text, str)]
    if shown == "text" and len(alone) < len(distinct):
        raise UserError("dialogues can't be shown as texts by themselves; leave out --shown.")
    if shown == "text" and isinstance(model, ReadsTexts):
        found = model.states_of(alone, site, MOST_TOKENS).numpy()
    else:
        found = _in_messages(model, distinct, site, prefill)
    bad = np.flatnonzero(~np.isfinite(found).all((1, 2)))
    if len(bad):
        raise UserError(
            f"the states of {model.name} aren't finite for the text {distinct[int(bad[0])]!r:.60}: "
            "use --dtype float32."
        )
    at = {text: k for k, text in enumerate(distinct)}
    every: NDArray[np.float32] = found[[at[text] for text in texts]]
    return every


def _in_messages(
    model: Model, texts: Sequence[str | Messages], site: str, prefill: str
) -> NDArray[np.float32]:
    """States before the reply to each text or dialogue, by any model that shows states."""
    layers = tuple(range(layers_of(model, site)))
    where = Site(site, layers, BEFORE_ANSWER)  # type: ignore[arg-type]
    found = []
    for start in range(0, len(texts), _TOGETHER):
        some = texts[start : start + _TOGETHER]
        conversation = model.open(len(some))
        asked = [_asked(text, prefill) for text in some]
        conversation.restart([messages for messages, _ in asked])
        requests = [Request(begun, 1, states=(where,), thinks=False) for _, begun in asked]
        for text, reply in zip(some, conversation.elicit(requests), strict=True):
            if reply is None or where not in reply.states:
                raise UserError(
                    f"the text {text!r:.60} is longer than the context window of {model.name}: "
                    "leave it out."
                )
            found.append(reply.states[where].cpu().numpy())
        conversation.close(range(len(some)))
    return np.stack(found)


def _asked(text: str | Messages, prefill: str) -> tuple[list[Message], str]:
    """What stands before the reply, and what that begins with."""
    if isinstance(text, str):
        return [message("user", text)], prefill
    messages = [message(role, said) for role, said in text]
    if messages[-1].role == "assistant":
        return messages[:-1], messages[-1].text
    return messages, ""


def layers_of(model: Model, site: str) -> int:
    """How many layers a model has; one that doesn't say so is asked for ever higher ones.

    Raises:
        UserError: not even the first can be read.
    """
    if isinstance(model, ReadsTexts):
        return int(model.identity.layers)

    def there(layer: int) -> bool:
        conversation = model.open(1)
        conversation.say([message("user", "a")])
        where = Site(site, (layer,), BEFORE_ANSWER)  # type: ignore[arg-type]
        try:
            (reply,) = conversation.elicit([Request(max_tokens=1, states=(where,), thinks=False)])
        except UserError:
            if layer == 0:
                raise
            return False
        return reply is not None and where in reply.states

    there(0)
    low, high = 0, 1
    while high < _MOST_LAYERS and there(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if there(middle) else (low, middle)
    return high


def bound_to(model: Model, site: str, data: str, seed: int, shown: str) -> Bound:
    """To what a concept trained on a model is bound; a server doesn't tell its tokenizer or
    template, and its fingerprint stands for both."""
    known = model.identity if isinstance(model, ReadsTexts) else None
    return Bound(
        model=model.name,
        fingerprint=model.fingerprint,
        tokenizer=known.tokenizer if known else "",
        template=known.template if known else "",
        hook=HOOKS[site],
        norm=NORM,
        bos=bool(known.bos) if known else False,
        shown=shown,
        data=data,
        seed=seed,
    )


def check_model(concept: Concept, model: Model) -> None:
    """Check that a concept was made for an open model.

    Raises:
        UserError: it was made for another one, or the model gives no states.
    """
    model.check_states()
    known = None
    if isinstance(model, ReadsTexts):
        known = (model.identity.tokenizer, model.identity.template, model.identity.bos)
    check_fits(concept, model.name, model.fingerprint, known)
