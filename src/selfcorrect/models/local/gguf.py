"""A GGUF file becomes a plain folder of transformers."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from selfcorrect.models.local.gguf_header import check_header
from selfcorrect.models.local.reading import reading


def convert(file: Path, folder: Path) -> None:
    """Write the model of a GGUF file into an empty folder, in float32.

    Raises:
        UserError: the file can't be read.
    """
    check_header(file)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    # The GGUF reader draws its own progress bar, which no setting of transformers turns off.
    with redirect_stderr(io.StringIO()), reading(f"the GGUF file {file}"):
        packed = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32, trust_remote_code=False
        )
        # A tokenizer_config.json that lies beside the file is read, too.
        tokenizer = AutoTokenizer.from_pretrained(
            file.parent, gguf_file=file.name, trust_remote_code=False
        )
        settings: dict[str, Any] = packed.config.to_dict()
        settings.pop("quantization_config", None)
        settings.pop("_name_or_path", None)
        config = AutoConfig.for_model(**settings)
        plain = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, trust_remote_code=False
        )
        plain.load_state_dict({k: v.float() for k, v in packed.state_dict().items()})
        plain.tie_weights()
        plain.generation_config = packed.generation_config
    # Outside of the block: a full disk is another error, which the caller tells.
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
