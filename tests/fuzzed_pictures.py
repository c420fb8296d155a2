"""Damaged pictures, data of pictures, pairs of sentences and notes of tuned models."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from mutations import json_value, mutated, toml_value
from selfcorrect.errors import UserError
from selfcorrect.evaluation import pairs, stereoset
from selfcorrect.messages import held
from selfcorrect.models.local.vision.picture import decoded
from selfcorrect.models.tuned import Tuned, read_tuned
from selfcorrect.scenes import drawn

_TRIPLE = {
    "id": "1", "target": "chef", "bias_type": "gender", "context": "Who cooks?",
    "sentences": [
        {"gold_label": label, "sentence": f"He is {label}."}
        for label in ("stereotype", "anti-stereotype", "unrelated")
    ],
}  # fmt: skip
_CROWS = (
    ",sent_more,sent_less,stereo_antistereo,bias_type\n"
    "0,He is a chef.,She is a chef.,stereo,gender\n"
    '1,"The old man, he ran.","The young man, he ran.",antistereo,age\n'
)
_STEREOSET = {"version": "1", "data": {"intersentence": [_TRIPLE], "intrasentence": [_TRIPLE]}}


def pair(number: int, folder: Path) -> list[int]:
    """Pairs and items, read; who scores them is no matter here."""
    file = folder / ("p.csv" if number % 2 else "p.json")
    whole = _CROWS.encode() if number % 2 else json.dumps(_STEREOSET, indent=1).encode()
    form = None if number % 2 else json_value
    file.write_bytes(mutated(whole, f"pair {number}", form=form))
    try:
        if stereoset.is_stereoset(file):
            stereoset.read_items(file, [] if number % 3 == 0 else None)
        else:
            pairs.read_pairs(file, skip_bad=number % 3 == 0)
    except UserError:
        return [2]
    return [0]


def seen(number: int, folder: Path, command: Callable[..., int]) -> list[int]:
    """Data of pictures: MMVP's table, boxes, RefCOCO's two files."""
    (folder / "1.png").write_bytes(drawn([]))
    (folder / "2.png").write_bytes(drawn([])[:-12] + drawn([])[-12:])
    skip = ("--skip-bad",) if number % 2 else ()
    box = {"image": "1.png", "expression": "the cup", "box": [1, 2, 30, 40], "format": "xyxy"}
    reference = {"ref_id": 1, "ann_id": 1, "image_id": 1, "split": "val",
                 "sentences": [{"sent": "the cup"}]}  # fmt: skip
    coco = {"images": [{"id": 1, "file_name": "1.png", "width": 224, "height": 224}],
            "annotations": [{"id": 1, "bbox": [1, 2, 30, 40]}]}  # fmt: skip
    rows = "".join(f"{n},Is it?,(a) Open (b) Closed,({'ab'[n - 1]})\n" for n in (1, 2))
    files = {
        "mmvp": {"Questions.csv": f"Index,Question,Options,Correct Answer\n{rows}".encode()},
        "boxes": {"b.jsonl": f"{json.dumps(box)}\n{json.dumps({**box, 'id': '2'})}\n".encode()},
        "coco": {"refs.json": json.dumps([reference]).encode(),
                 "instances.json": json.dumps(coco).encode()},
    }  # fmt: skip
    name, held = list(files.items())[number % 3]
    chosen = sorted(held)[number // 3 % len(held)]
    for file, data in held.items():
        form = json_value if "json" in file else None
        damaged = mutated(data, f"seen {number}", form=form) if file == chosen else data
        (folder / file).write_bytes(damaged)
    data = folder / "b.jsonl" if name == "boxes" else folder
    options = () if name == "mmvp" else ("task.options.box_format=unit",)
    task = "mmvp" if name == "mmvp" else "grounding"
    return [command("check-task", task, "--data", data, *options, *skip)]


def picture(number: int) -> list[int]:
    """A picture's bytes, decoded; without pillow they are looked at only."""
    made = [drawn([])]
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        exif = Image.Exif()
        exif[0x0112] = 6
        with Image.open(io.BytesIO(made[0])) as opened:
            pixels = opened.convert("RGB").resize((40, 24))
        for kind, how in (
            ("JPEG", {"exif": exif}), ("JPEG", {"progressive": True}), ("WEBP", {"exif": exif}),
            ("GIF", {"save_all": True, "append_images": [pixels.rotate(90)]}),
            ("PNG", {"exif": exif}),
        ):  # fmt: skip
            out = io.BytesIO()
            pixels.save(out, kind, **how)
            made.append(out.getvalue())
    whole = made[number % len(made)]
    try:
        image = held(mutated(whole, f"picture {number}", binary=True))
        size, pixels = image.size, decoded(image).pixels
    except UserError:
        return [2]
    assert size == pixels.size, f"{size} is told of a picture of {pixels.size}"
    return [0]


def tuned(number: int, folder: Path) -> list[int]:
    known = Tuned({"name": "m"}, {"n": 2, "digest": "ab"}, {"seed": 0, "rate": 5e-5}, {"steps": 3},
                  frozenset({"00" * 8, "ab" * 8}), {"bbq": frozenset({"c", "d"})})  # fmt: skip
    (folder / "tuned.toml").write_bytes(mutated(known.toml(), f"tuned {number}", form=toml_value))
    try:
        read_tuned(str(folder))
    except UserError:
        return [2]
    return [0]
