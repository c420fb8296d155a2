"""From a model's files to the objects of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import MIXTURE
from selfcorrect.models.local.files import Source
from selfcorrect.models.local.folders import check_tokenizer, left_out
from selfcorrect.models.local.reading import json_of, needs_code, reading

#: What ``auto_map`` calls the Python of a model that sees, and that of any.
_SEEING = "AutoModelForImageTextToText"
_OWN = {"AutoModelForCausalLM", _SEEING}


def read_config(source: Source) -> Any:
    """The configuration of a model that generates text.

    Raises:
        UserError: it can't be read, needs code of the folder's own, or is of another kind of model.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    with reading(_named(source)):
        config = AutoConfig.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=source.trusted
        )
        known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or sees(config)
    own = _OWN & set(getattr(config, "auto_map", None) or ())
    if source.trusted and own:
        return config
    if not known and own:
        raise needs_code(_named(source))
    if not known:
        raise UserError(
            f"{_named(source)} is of type {config.model_type!r}, for "
            "which transformers has no causal language model; use a model that generates text."
        )
    return config


def sees(config: Any) -> bool:
    """Whether a configuration is one of models that take images beside text."""
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    own = getattr(config, "auto_map", None) or ()
    return type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING or _SEEING in own


def read_tokenizer(source: Source) -> Any:
    """The tokenizer of a model.

    Raises:
        UserError: it can't be read, needs code of the folder's own, isn't there or knows no words.
    """
    from transformers import AutoTokenizer

    with reading(_named(source)):
        tokenizer = AutoTokenizer.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=source.trusted
        )
    if (template := _beside(source.folder)) is not None:
        tokenizer.chat_template = template
    if source.name != MIXTURE:  # whose language has a few words of its own
        check_tokenizer(_named(source), source.folder, tokenizer)
    return tokenizer


def own_processor(source: Source) -> Any:
    """What prepares pictures by the Python of the model's own folder, where that may be run."""
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(
        source.folder, local_files_only=True, trust_remote_code=source.trusted
    )


def read_network(source: Source, dtype: Any) -> Any:
    """The network of a model, with its weights, on the CPU.

    Args:
        source: the model's files.
        dtype: of the weights, one of torch's.

    Raises:
        UserError: it can't be read, needs code of the folder's own, or weights are missing or
            left out.
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    config = read_config(source)
    kind = AutoModelForImageTextToText if sees(config) else AutoModelForCausalLM
    with reading(_named(source)):
        network, found = kind.from_pretrained(
            source.folder,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=source.trusted,
        )
    if found["missing_keys"]:  # transformers would go on with random numbers in their place
        raise UserError(
            f"the weights of {_named(source)} are incomplete: "
            f"{len(found['missing_keys'])} missing, {min(found['missing_keys'])} among them; "
            "download them again."
        )
    if (key := left_out(network, found["unexpected_keys"])) is not None:
        raise UserError(
            f"the weights of {_named(source)} have {key}, for which its configuration has no "
            "place, so that it would run without; download both again."
        )
    return network


def _beside(folder: Path) -> str | None:
    """A chat template that lies beside a tokenizer's own, as older models that see have it; it
    counts. ``None`` where there is none, or the tokenizer has read it."""
    if (folder / "chat_template.jinja").is_file():
        return None
    found = json_of(folder / "chat_template.json").get("chat_template")
    return found if isinstance(found, str) else None


def _named(source: Source) -> str:
    return f"the model {source.name!r} in {source.folder}"
