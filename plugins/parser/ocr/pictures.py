"""How is a picture opened that a stranger handed in?

What it claims to measure is looked at before a single point of it is unpacked: a few hundred bytes may be a picture of
a thousand million points.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import DocumentError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
DAMAGED = (OSError, SyntaxError, ValueError, LookupError, EOFError, TypeError, struct.error, zlib.error)
"""What Pillow raises over files that are cut off or no pictures."""
SMALL_SIDE = 1500
"""Points of the longer side below which letters are too small for tesseract and are drawn at twice their size."""
DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")


class Pictures:
    """The pictures of one file: those of a TIFF, else one."""

    def __init__(self, image: Image.Image, max_pixels: int) -> None:
        self._image = image
        self._max_pixels = max_pixels
        # Films and animations are not pages.
        self._count = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1

    def __len__(self) -> int:
        return self._count

    def grey(self, index: int) -> Image.Image:
        """One of them, upright, in shades of grey on white.

        Raises:
            DocumentError: It is damaged or too large.
        """
        from PIL import Image, ImageOps

        with _opening(self._max_pixels):
            self._image.seek(index)
            _admit(self._image, self._max_pixels)
            image = ImageOps.exif_transpose(self._image)
            if image.mode in DEEP:
                image = image.convert("I").point(lambda value: value * (1 / 256))
            if "A" in image.getbands() or "transparency" in image.info:
                drawn = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn)
            return image.convert("L")

    def colour(self, index: int) -> Image.Image:
        """One of them, upright, as people see it; the same errors."""
        from PIL import ImageOps

        with _opening(self._max_pixels):
            self._image.seek(index)
            _admit(self._image, self._max_pixels)
            image = ImageOps.exif_transpose(self._image)
            return self.grey(index) if image.mode in DEEP else image.convert("RGBA").convert("RGB")


@contextmanager
def opened(path: Path, max_pixels: int) -> Iterator[Pictures]:
    """The pictures of a file.

    Raises:
        DocumentError: It is damaged or too large.
    """
    from PIL import Image

    with _opening(max_pixels):
        image = Image.open(path, formats=FORMATS)
    try:
        with _opening(max_pixels):
            _admit(image, max_pixels)
            pictures = Pictures(image, max_pixels)
        yield pictures
    finally:
        image.close()


def png_for_reading(image: Image.Image, max_pixels: int) -> bytes:
    """PNG of a size at which letters can be told apart."""
    if max(image.size) < SMALL_SIDE and 4 * image.width * image.height <= max_pixels:
        image = image.resize((2 * image.width, 2 * image.height))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def scale_within(width: float, height: float, wanted: float, max_pixels: int) -> float:
    """The wanted scale, or the largest at which a page stays within the budget."""
    return min(wanted, math.sqrt(max_pixels / max(width * height, 1.0)))


@contextmanager
def _opening(max_pixels: int) -> Iterator[None]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (DocumentError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(max_pixels) from error
    except DAMAGED as error:
        raise DocumentError(
            "The picture is damaged or cut off.",
            failure_code="corrupt",
            next_step="Open it on your computer, save it again as PNG, and upload that.",
        ) from error


def _admit(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(max_pixels)


def _too_large(max_pixels: int) -> DocumentError:
    return DocumentError(
        f"The picture has more than {max_pixels // 1_000_000} million points.",
        failure_code="too_complex",
        next_step="Save it smaller; 300 points an inch are enough to read it.",
    )
