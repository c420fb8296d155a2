"""Data sets from the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from selfcorrect.errors import UserError, nearest

_HUB = "hub:"
#: Which files are which part of a data set stands there.
_CARD = "README.md"
#: Where the hub keeps the Parquet files that it makes of data sets which are a script, or JSON.
_CONVERTED = "refs/convert/parquet"
#: Files beside the data that say something about them.
_ABOUT = ("dataset_infos.json", "dataset_info.json", "state.json")
#: Names of splits as files have them, the one to be asked first.
_SPLITS = ("test", "validation", "valid", "val", "dev", "train")


def is_hub(data: str) -> bool:
    """Whether data are named as a data set of the hub."""
    return data.startswith(_HUB)


def dataset_files(
    data: str, task: str, suffixes: Sequence[str], *, whole: bool = False
) -> list[Path]:
    """Download a data set's files, or find them in the hub's cache.

    Args:
        data: ``hub:owner/name``, a revision after an ``@`` if wanted, then a configuration and a
            split, each after a colon, where the data set has several:
            ``hub:allenai/ai2_arc@main:ARC-Easy:test``.
        task: for the error.
        suffixes: of files that can be read; the first that the data set has is taken.
        whole: if no part is named, all of them.

    Raises:
        UserError: if the hub can't be reached, or has no such data set, it holds no such file, or
            several parts of which none is named.
    """
    named, *parts = data.removeprefix(_HUB).split(":")
    name, _, revision = named.partition("@")
    patterns = [*(f"*{suffix}" for suffix in suffixes), _CARD]
    if whole and not parts:
        folder = _fetch(name, revision or None, patterns, task)
        return [folder / each for each in _of_kind(_in(folder), name, suffixes, task)]
    names = _listed(name, revision or None)
    if names is None:  # only what is in the cache can be had
        folder = _fetch(name, revision or None, patterns, task)
        found = _part(name, folder, _of_kind(_in(folder), name, suffixes, task), parts)
        return [folder / each for each in found]
    if not revision and not any(each.endswith(tuple(suffixes)) for each in names):
        revision, names = _CONVERTED, _listed(name, _CONVERTED) or []
    found = _of_kind(names, name, suffixes, task)
    folder = _fetch(name, revision or None, [_CARD], task)
    chosen = _part(name, folder, found, parts)
    # no more than that: other parts may be many gigabytes
    folder = _fetch(name, revision or None, [each.replace("[", "[[]") for each in chosen], task)
    return [folder / each for each in chosen]


def _listed(name: str, revision: str | None) -> list[str] | None:
    """The files of a data set; ``None`` where the hub doesn't say."""
    from huggingface_hub import list_repo_files

    try:
        return list(list_repo_files(name, repo_type="dataset", revision=revision))
    except Exception:  # whoever fetches says what is wrong
        return None


def _in(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _fetch(name: str, revision: str | None, patterns: Sequence[str], task: str) -> Path:
    from huggingface_hub import snapshot_download  # imported late: it takes half a second

    try:
        return Path(
            snapshot_download(
                name, repo_type="dataset", revision=revision, allow_patterns=list(patterns)
            )
        )
    # It raises its own errors, those of its HTTP library, OSError and ValueError.
    except Exception as problem:
        said = next(iter(str(problem).strip().splitlines()), "") or type(problem).__name__
        raise UserError(
            f"can't get the data set {name!r} from the hub ({said}): {_otherwise(task)}"
        ) from problem


def _otherwise(task: str) -> str:
    return f"give a local file or folder of the data instead, with --task {task} --data FOLDER"


def _of_kind(names: Sequence[str], name: str, suffixes: Sequence[str], task: str) -> list[str]:
    """The files of the first kind that is there.

    Raises:
        UserError: there are none.
    """
    for suffix in suffixes:
        found = [each for each in names if each.endswith(suffix)]
        if found := [each for each in found if PurePosixPath(each).name not in _ABOUT]:
            return sorted(found)
    raise UserError(
        f"the hub's data set {name!r} holds no {' or '.join(f'*{s}' for s in suffixes)} files: "
        f"{_otherwise(task)}"
    )


def _part(name: str, folder: Path, found: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The files of one configuration and one split.

    Raises:
        UserError: there is no such part, or there are several and none is named.
    """
    if len(asked) > 2:
        raise UserError(f"a part of {name!r} is CONFIGURATION:SPLIT, not {':'.join(asked)!r}")
    parts = _parts(folder, found)
    left = dict(parts)
    for each in asked:
        fits = {part: names for part, names in left.items() if each in part}
        if not fits:
            known = {word for part in left for word in part if word}
            known_are = nearest(each, known) if known else "it has only one"
            raise UserError(f"the data set {name!r} has no part {each!r}: {known_are}")
        left = fits
    if len(left) > 1:
        listed = sorted(":".join(filter(None, part)) for part in left)
        more = f" and {len(listed) - 12:,} more" if len(listed) > 12 else ""
        raise UserError(
            f"the data set {name!r} has several parts ({', '.join(listed[:12])}{more}): say which, "
            f"as {_HUB}{name}:{listed[0]}"
        )
    return next(iter(left.values()))


def _parts(folder: Path, found: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Configuration and split → files, as the data set's card says, else by the files' names."""
    parts: dict[tuple[str, str], list[str]] = {}
    for config, split, pattern in _stated(folder):
        if fits := [each for each in found if _fits(each, pattern)]:
            parts.setdefault((config, split), []).extend(fits)
    if parts:
        return parts
    for each in found:
        path = PurePosixPath(each)
        above = [part for part in path.parent.parts if part != "data"]
        # as the hub converts: CONFIGURATION/SPLIT/0000.parquet
        split = above.pop() if above and path.stem.isdecimal() else _split_of(path.stem)
        parts.setdefault(("/".join(above), split), []).append(each)
    return parts


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.removeprefix("./").replace("**/", "*"))


def _split_of(stem: str) -> str:
    if shard := re.fullmatch(r"(.+)-\d{5}-of-\d{5}", stem):  # as the library datasets names them
        return shard[1]
    words = re.split(r"[\W_]+", stem.casefold())
    return next((split for split in _SPLITS if split in words), "")


def _stated(folder: Path) -> list[tuple[str, str, str]]:
    """Configuration, split and pattern of files, from the head of the data set's card."""
    card = folder / _CARD
    if not card.is_file():
        return []
    from huggingface_hub import DatasetCard

    try:
        configs: Any = DatasetCard.load(card).data.to_dict().get("configs")
    except Exception:  # a card that is no card says nothing
        return []
    found = []
    for config in configs if isinstance(configs, list) else []:
        if not isinstance(config, dict):
            continue
        files = config.get("data_files")
        files = [{"split": "", "path": files}] if isinstance(files, str) else files
        for each in files if isinstance(files, list) else []:
            if isinstance(each, dict):
                paths = each.get("path")
                for path in paths if isinstance(paths, list) else [paths]:
                    name, split = str(config.get("config_name", "")), str(each.get("split", ""))
                    found.append((name, split, str(path)))
    return found
