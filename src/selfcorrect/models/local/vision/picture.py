"""From an image's bytes to pixels: RGB, upright, within bounds."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.messages.pictures import orientation_of

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

#: No picture with more pixels is decoded.
MOST_PIXELS = 50_000_000
#: Of what a decoder may be given, as pillow names it: the kinds that messages take.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_ANIMATED = "the picture {} moves: only its first frame is shown"
#: Modes whose numbers have more than 8 bits.
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: of pillow, in RGB, turned as its EXIF says.
        notes: what was left out, a sentence each.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()


def pillow() -> Any:
    """pillow's ``Image``.

    Raises:
        UserError: it isn't installed.
    """
    try:
        import PIL.Image
    except ImportError:
        raise UserError(
            "a local model that sees needs pillow, which isn't installed: run "
            "'pip install \"selfcorrect[vision]\"'."
        ) from None
    return PIL.Image


def decoded(image: Image) -> Picture:
    """Decode an image.

    EXIF rotation is applied; CMYK, palettes and grey become RGB; of 16 bits the upper 8 stay; what
    is transparent is white.

    Raises:
        UserError: pillow isn't there; the image lies elsewhere or has changed; it has more than
            :data:`MOST_PIXELS`, or can't be decoded.
    """
    library = pillow()
    data = image.data()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own bound, which is higher than ours
            with library.open(io.BytesIO(data), formats=_FORMATS) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise UserError(
                        f"the image {image.name} has {width:,} × {height:,} pixels, and a local "
                        f"model is shown at most {MOST_PIXELS:,}: make it smaller."
                    )
                moves = bool(getattr(opened, "is_animated", False))
                opened.load()
                pixels = _rgb(library, _upright(opened, orientation_of(data)))
    except UserError:
        raise
    except Exception as error:  # decoders fail in as many ways as files are broken
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"the image {image.name} can't be decoded ({reason[:200]}): save it again as PNG."
        ) from error
    return Picture(pixels, (_ANIMATED.format(image.name),) if moves else ())


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    from PIL.Image import Transpose

    turned = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return pixels.transpose(turned[orientation]) if orientation in turned else pixels


def _rgb(library: Any, pixels: Pixels) -> Pixels:
    if pixels.mode in _DEEP:
        import numpy as np

        upper = np.asarray(pixels).astype(np.uint32) >> 8
        pixels = library.fromarray(upper.clip(0, 255).astype(np.uint8))
    if pixels.has_transparency_data:
        pixels = pixels.convert("RGBA")
        ground = library.new("RGBA", pixels.size, (255, 255, 255, 255))
        pixels = library.alpha_composite(ground, pixels)
    return pixels.convert("RGB")
