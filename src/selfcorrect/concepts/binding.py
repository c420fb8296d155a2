"""Whether a concept fits a model: what it is bound to has to be what the model has."""

from __future__ import annotations

from selfcorrect.concepts.file import Bound, Concept
from selfcorrect.errors import UserError


def check_fits(
    concept: Concept, model: str, fingerprint: str, known: tuple[str, str, bool] | None = None
) -> None:
    """Check that a concept was made for a model.

    Args:
        concept: the concept.
        model: the model's name.
        fingerprint: the model's.
        known: of its tokenizer and of its template the digest, and whether a token stands before
            every text, where that is known.

    Raises:
        UserError: it was made for another one.
    """
    bound = concept.bound
    other = _other_part(bound, known)
    if bound.fingerprint == fingerprint and not other:
        return
    where = f" ({concept.place})" if concept.place else ""
    again = f"train it again: selfcorrect concept train {concept.name} --model {model}."
    if bound.fingerprint == fingerprint:
        raise UserError(
            f"the concept {concept.name}{where} is bound to {model}, but to another {other} than "
            "that has: its file was altered, or an older version of transformers read the model "
            f"otherwise; {again}"
        )
    raise UserError(
        f"the concept {concept.name}{where} was made for {bound.model:.80} "
        f"({bound.fingerprint:.32}), and {model} is {fingerprint}"
        + (f": its {other} is another" if other else "")
        + f"; {again}"
    )


def _other_part(bound: Bound, known: tuple[str, str, bool] | None) -> str:
    """Which part of a model is another than the one that a concept is bound to."""
    if known is None:
        return ""
    tokenizer, template, bos = known
    if bound.tokenizer != tokenizer:
        return "tokenizer"
    if bound.template != template:
        return "template"
    return "token before a text (BOS)" if bound.bos != bos else ""
