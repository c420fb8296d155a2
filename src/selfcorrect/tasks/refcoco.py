"""RefCOCO's references, put together with COCO's annotations: a row for each sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.json_files import document
from selfcorrect.tasks.data.row import short
from selfcorrect.tasks.data.rows import Row, rows

_ANNOTATIONS = "instances.json"
_BEGINS, _ENDS = "refs", (".json", ".jsonl")
#: Where pictures usually lie, seen from the folder.
_FOLDERS = ("images", "train2014", "")


def is_refcoco(data: str) -> bool:
    """Whether data are a folder that holds COCO's annotations, or references in one."""
    path = Path(data).expanduser()
    return (_folder(path) / _ANNOTATIONS).is_file() and (path.is_dir() or _is_references(path))


def refcoco_rows(
    data: str, split: str = "", images_from: Path | None = None
) -> Iterator[Row | UserError]:
    """A row for each sentence: expression, image, bbox, width, height, image_id, id.

    Args:
        data: the folder, or a file of references in it.
        split: only the references of this one; empty means all.
        images_from: the folder of the pictures, in place of the data's own.

    Yields:
        Rows, named by the place of their reference, or the error that a reference is.

    Raises:
        UserError: there are no references, or several files of them; annotations that aren't
            COCO's; or none is of the split.
    """
    path = Path(data).expanduser()
    folder = _folder(path)
    references = _references(folder) if path.is_dir() else path
    images, boxes = _annotations(folder / _ANNOTATIONS)
    pictures = images_from or folder
    home = next(each for each in _FOLDERS if not each or (pictures / each).is_dir())
    splits: set[str] = set()
    some = False
    for row in rows(references):
        if isinstance(row, UserError):
            yield row
            continue
        own = str(row.fields.get("split", ""))
        splits.add(own)
        if split and own != split:
            continue
        some = True
        try:
            made = _sentences(row, images, boxes, home)
        except UserError as error:
            yield error
            continue
        yield from made
    if not some:
        told = ", ".join(sorted(filter(None, splits))[:8]) or "none"
        raise UserError(f"{references}: no reference is of the split {split!r}; there are {told}")


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _is_references(path: Path) -> bool:
    return path.name.startswith(_BEGINS) and path.suffix in _ENDS and path.is_file()


def _references(folder: Path) -> Path:
    held = sorted(p for p in folder.iterdir() if p.name.startswith(_BEGINS) and p.is_file())
    usable = [path for path in held if _is_references(path)]
    if len(usable) > 1:  # RefCOCO has those of two authors, with other splits, in one folder
        names = ", ".join(path.name for path in usable)
        raise UserError(f"{folder}: there are several files of references ({names}): name one of "
                        f"them, --data '{usable[0]}'")  # fmt: skip
    if usable:
        return usable[0]
    pickled = next((p.name for p in held if p.suffix in (".p", ".pkl", ".pickle")), "")
    why = (
        f"{pickled} is a pickle, which is a program and isn't run: save its list as refs.json"
        if pickled
        else "add the references as refs.json, a list of objects with ref_id, ann_id, image_id, "
        "split and sentences"
    )
    raise UserError(f"{folder}: beside {_ANNOTATIONS} there are no references in JSON; {why}")


def _annotations(path: Path) -> tuple[Mapping[Any, Mapping[str, Any]], Mapping[Any, Any]]:
    """COCO's images and its boxes, by their numbers."""
    held = document(path)
    found = []
    for part in ("images", "annotations"):
        listed = held.get(part) if isinstance(held, dict) else None
        if not isinstance(listed, list) or not all(isinstance(x, dict) for x in listed):
            raise UserError(
                f"{path}: it has no list of {part!r}, so these are no annotations of COCO"
            )
        # whatever else an id is, no reference can name it
        found.append({each["id"]: each for each in listed if type(each.get("id")) in (int, str)})
    images, annotations = found
    return images, {key: each.get("bbox") for key, each in annotations.items()}


def _sentences(
    row: Row, images: Mapping[Any, Mapping[str, Any]], boxes: Mapping[Any, Any], home: str
) -> list[Row]:
    known = {}
    for name in ("ref_id", "ann_id", "image_id"):
        value = row.fields.get(name)
        if name not in row.fields:
            raise row.missing(name)
        if type(value) not in (int, str):
            raise row.error(f"{name!r} must be a whole number, not {short(value)}")
        known[name] = value
    if known["image_id"] not in images:
        raise row.error(f"image_id {known['image_id']} isn't among the images of {_ANNOTATIONS}")
    if known["ann_id"] not in boxes:
        raise row.error(f"ann_id {known['ann_id']} isn't among the annotations of {_ANNOTATIONS}")
    image = images[known["image_id"]]
    named = image.get("file_name")
    if not isinstance(named, str):
        raise row.error(f"the image {known['image_id']} of {_ANNOTATIONS} has no file_name")
    said = row.fields.get("sentences")
    if not isinstance(said, list) or not said:
        raise row.error(f"'sentences' must be a list of sentences, not {short(said)}")
    return [
        Row(
            row.where,
            {
                "id": f"{known['ref_id']}/{number}",
                "expression": _text(row, each),
                "image": f"{home}/{named}" if home else named,
                "bbox": boxes[known["ann_id"]],
                "width": image.get("width"),
                "height": image.get("height"),
                "image_id": known["image_id"],
            },
            "RefCOCO's references",
        )
        for number, each in enumerate(said)
    ]


def _text(row: Row, sentence: object) -> str:
    text = sentence.get("sent", sentence.get("raw")) if isinstance(sentence, dict) else sentence
    if not isinstance(text, str):
        raise row.error(
            f"a sentence must be a text, or an object with 'sent', not {short(sentence)}"
        )
    return text
