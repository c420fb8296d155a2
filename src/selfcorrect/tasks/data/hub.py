"""Data sets from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from selfcorrect.errors import UserError


def dataset_files(data: str, task: str) -> list[Path]:
    """Download a data set's ``*.jsonl`` files, or find them in the hub's cache.

    Args:
        data: ``hub:owner/name``, a revision after an ``@`` if wanted.
        task: for the error.

    Raises:
        UserError: if the hub can't be reached, or has no such data set, or it holds no such file.
    """
    from huggingface_hub import snapshot_download  # imported late: it takes half a second

    name, _, revision = data.removeprefix("hub:").partition("@")
    local = f"give a local file or folder of JSONL instead, with --task {task} --data FOLDER"
    try:
        folder = snapshot_download(
            name, repo_type="dataset", revision=revision or None, allow_patterns="*.jsonl"
        )
    # It raises its own errors, those of its HTTP library, OSError and ValueError.
    except Exception as problem:
        said = next(iter(str(problem).strip().splitlines()), "") or type(problem).__name__
        raise UserError(
            f"can't get the data set {name!r} from the hub ({said}): {local}"
        ) from problem
    found = sorted(Path(folder).rglob("*.jsonl"))
    if not found:
        raise UserError(f"the hub's data set {name!r} holds no *.jsonl files: {local}")
    return found
