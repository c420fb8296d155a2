"""The pictures of a run's dialogues, made small for its page.

A picture is decoded and encoded again, so that no byte of a file comes into a page. Of a received
run no file is opened: what it names, whoever sent it may have chosen. (Pictures that its task draws
by itself are no files.)
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.report.pictures import BYTES, Pictures
from selfcorrect.runs.run import Run
from selfcorrect.runs.task_at_hand import opened_task

#: Longest side in pixels and quality, the best first: the first with which all pictures fit.
_LEVELS = ((384, 75), (256, 72), (192, 68), (144, 64), (112, 60), (80, 55))
#: So many pictures are tried at a level.
_TRIED = 12
#: No more pictures are looked at.
_MOST = 2_000


def thumbnails(run: Run, named: Mapping[str, Sequence[str]], limit: int = BYTES) -> Pictures | None:
    """The pictures of a run's dialogues as its page holds them; ``None`` where it has none.

    Args:
        run: the run.
        named: what its records call the pictures of each dialogue, by example; those first that
            matter most.
        limit: bytes of them all.
    """
    if not named:
        return None
    try:
        from selfcorrect.models.local.vision.picture import pillow

        pillow()
    except UserError:
        return Pictures(about="Pictures aren't shown, as pillow, which makes them smaller, isn't "
                              "installed: pip install 'selfcorrect[vision]'.")  # fmt: skip
    task, why, _ = opened_task(run)
    if task is None:
        return Pictures(about=f"Pictures aren't shown: {why}")
    images = {
        example.id: {image.name: image for image in (*example.all_images, *example.others)}
        for example in task.examples()
        if example.id in named
    }
    places: dict[str, list[tuple[str, str]]] = {}
    known: dict[str, Image] = {}
    refused = 0
    for example, names in named.items():
        for name in names:
            image = images.get(example, {}).get(name)
            if image is None or (run.received and not image.is_held) or image.is_elsewhere:
                refused += 1
                continue
            known.setdefault(image.digest, image)
            places.setdefault(image.digest, []).append((example, name))
    made = small(list(known.values())[:_MOST], limit)
    of: dict[str, dict[str, int]] = {}
    addresses: list[str] = []
    for digest, address in made:
        for example, name in places[digest]:
            of.setdefault(example, {})[name] = len(addresses)
        addresses.append(address)
    return Pictures(addresses, of, _about(len(addresses), len(known), refused, run.received))


def _about(shown: int, known: int, refused: int, received: bool) -> str:
    said = []
    if shown < known:
        said.append(
            f"{known - shown:,} of {known:,} pictures are left out: they are broken by now, or the "
            "file would be too large."
        )
    if refused and received:
        said.append("This run was made elsewhere, so no picture that it names is opened.")
    elif refused:
        said.append("Pictures at addresses aren't fetched.")
    return " ".join(said)


def small(images: Sequence[Image], limit: int) -> Iterator[tuple[str, str]]:
    """Digest and address of each picture that can be decoded and still fits."""
    level = next(
        (each for each in _LEVELS if _fits(images, each, limit)),
        _LEVELS[-1],
    )
    size = 0
    for image, data in _encoded(images, level):
        if size + len(data) > limit:
            return
        size += len(data)
        yield image.digest, f"data:image/{_kind().lower()};base64,{base64.b64encode(data).decode()}"


def _fits(images: Sequence[Image], level: tuple[int, int], limit: int) -> bool:
    """Whether all fit at a level, by some of them."""
    step = max(1, len(images) // _TRIED)
    tried = [len(data) for _, data in _encoded(images[::step], level)]
    return not tried or sum(tried) / len(tried) * len(images) * 1.1 <= limit


def _encoded(images: Iterable[Image], level: tuple[int, int]) -> Iterator[tuple[Image, bytes]]:
    from selfcorrect.models.local.vision.picture import decoded

    side, quality = level
    for image in images:
        try:
            pixels: Any = decoded(image).pixels
        except UserError:
            continue  # gone or changed since the run
        pixels.thumbnail((side, side))
        out = io.BytesIO()
        pixels.save(out, _kind(), quality=quality)
        yield image, out.getvalue()


def _kind() -> str:
    from PIL import features

    return "WEBP" if features.check("webp") else "JPEG"
