"""Encoders in the format of Hugging Face transformers, from folders that anybody may have made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.models.local.folders import check_tokenizer, left_out
from selfcorrect.models.local.reading import first_line, quiet

#: A window that a tokenizer doesn't state is a huge number.
_WINDOW = 512
#: Longer windows, and more labels, no classifier has.
_LONGEST, _MOST = 1_000_000, 10_000


def opened(name: str, folder: str, *, labelled: bool = True) -> tuple[Any, Any, Any]:
    """An encoder's configuration, network and tokenizer; nothing in its folder is run.

    Args:
        name: how errors speak of it.
        folder: where it lies.
        labelled: it has the head of a classifier; else only its hidden states are wanted.

    Raises:
        UserError: it can't be opened, has labels that make no sense, or lacks weights, a
            tokenizer or a place for its weights.
    """
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForSequenceClassification,
        AutoTokenizer,
    )

    here: dict[str, Any] = {"local_files_only": True}
    weights: dict[str, Any] = {**here, "use_safetensors": True, "output_loading_info": True}
    with blamed(f"{name} can't be opened"):
        with quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, **here)
            if labelled:
                _check(name, config)
                network, told = AutoModelForSequenceClassification.from_pretrained(
                    folder, trust_remote_code=False, **weights
                )
            else:
                network, told = AutoModel.from_pretrained(
                    folder, trust_remote_code=False, **weights
                )
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **here)
        check_tokenizer(name, Path(folder), tokenizer)
    # a pooling layer that some encoders have is never used here
    lacking = sorted(key for key in told["missing_keys"] if labelled or "pooler" not in key)
    if lacking:
        what, use = ("text classifier", "classify texts") if labelled else ("encoder", "read texts")
        raise UserError(
            f"{name} is no {what}: its weights have no {lacking[0]}, which would be made up; give "
            f"a model that was trained to {use}."
        )
    if (key := left_out(network, told["unexpected_keys"])) is not None:
        raise UserError(
            f"{name} can't be opened: its weights have {key}, for which its configuration has no "
            "place, so that it would run without; download both again."
        )
    return config, network.eval(), tokenizer


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Make one sentence of whatever a stranger's network or tokenizer raises, panics of its
    compiled parts among that.

    Args:
        what: begins the sentence: what can't be done.

    Raises:
        UserError: it raised.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic is no Exception
        raise UserError(f"{what}: {first_line(error)[:300]}") from None


def tensors(tokenizer: Any, texts: Sequence[Any], window: int) -> Any:
    """Texts, or pairs of texts, as a network reads them together, cut at its window.

    A marker such as ``</s>`` in a text is text.
    """
    return tokenizer(
        list(texts),
        padding=tokenizer.pad_token is not None,
        truncation=True,
        max_length=window,
        split_special_tokens=True,
        return_tensors="pt",
    )


def longer(tokenizer: Any, texts: Sequence[Any], window: int) -> list[bool]:
    """Whether each text, or pair of texts, has more tokens than a window, with the markers that a
    network wants."""
    if not texts:
        return []
    every = tokenizer(list(texts), split_special_tokens=True)["input_ids"]
    return [len(each) > window for each in every]


def together(tokenizer: Any, most: int) -> int:
    """How many texts can go together: without a token to pad with, one."""
    return most if tokenizer.pad_token is not None else 1


def label_called(name: str, labels: Sequence[str], wanted: str) -> int:
    """The number of the label that a user names, however it is capitalised.

    Raises:
        UserError: there is none; says the nearest.
    """
    plain = [label.casefold() for label in labels]
    if wanted.casefold() not in plain:
        raise UserError(f"{name} has no label {wanted!r}: {nearest(wanted, labels)}.")
    return plain.index(wanted.casefold())


def window_of(config: Any, tokenizer: Any) -> int:
    """The most tokens that an encoder reads."""
    stated = (
        getattr(tokenizer, "model_max_length", None),
        getattr(config, "max_position_embeddings", None),
    )
    return min(map(_whole, stated))


def _whole(stated: object) -> int:
    """A window as a configuration states it, or the usual one."""
    fits = isinstance(stated, int) and not isinstance(stated, bool) and 1 < stated < _LONGEST
    return int(stated) if fits else _WINDOW  # type: ignore[call-overload]


def _check(name: str, config: Any) -> None:
    """Raises UserError where a configuration's labels make no sense, before anything is made."""
    known = sorted(config.id2label) if isinstance(config.id2label, dict) else []
    if not 0 < len(known) <= _MOST or known != list(range(len(known))):
        raise UserError(
            f"{name} has labels numbered {str(known[:6])[1:-1] or 'not at all'}: they must be 0, "
            f"1, … and at most {_MOST:,}."
        )
