"""From the bytes of a picture to the texts of the barcodes in it, offline.

Bytes are refused before they are decoded: by length, by type (by their beginning, never by a
file's name) and by the number of pixels that the header declares. A picture is tried as it is; only
when that finds nothing it is stretched, sharpened, enlarged and turned, within a budget of
processor time.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import zxingcpp
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

MAX_BYTES = 10_000_000
MAX_PIXELS = 40_000_000
# What phones, screenshots, scanners and mails bring. Pillow opens more: EPS, for which it starts
# another program, and old formats whose decoders nobody but an attacker would use.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SEVERAL_VIEWS = ("MPO", "TIFF")  # a phone's second view, a scanner's next page: the first is meant
WORKING_SIDE = 1600  # px; a barcode that is lost at this size is not in focus either
SMALL_SIDE = 900  # px; below this the modules may be too few pixels wide
BUDGET = 2.0  # s of this thread's processor time: a busy machine gives the same answer
# The reader itself finds quarter turns, and PDF417 some degrees off them. Slight tilts come first.
TURNS = (10, 80, 20, 70, 32, 58, 45)
SYMBOLOGIES = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.PDF417,
        zxingcpp.BarcodeFormat.Aztec,
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.ITF,
        zxingcpp.BarcodeFormat.Code128,
    ]
)


class NotAPicture(ValueError):
    """The bytes will not be looked at; the message is a key of `[picture]` in answers.toml."""


def open_picture(data: bytes) -> Image.Image:
    """The picture in shades of grey, its longer side at most WORKING_SIDE. Raises NotAPicture."""
    with _opened(data) as image:
        image.draft("L", (WORKING_SIDE, WORKING_SIDE))
        return _on_white(_small(image)).convert("L")


def as_jpeg(data: bytes) -> bytes:
    """The picture upright, in colours, at most WORKING_SIDE wide and high. Raises NotAPicture.

    Drawn anew: nothing else that the file holds, such as the place of the photo, is in it.
    """
    file = io.BytesIO()
    with _opened(data) as image:
        ImageOps.exif_transpose(_on_white(_small(image))).convert("RGB").save(file, "JPEG")
    return file.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    if len(data) > MAX_BYTES:
        raise NotAPicture("too_large")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise NotAPicture("too_many_pixels")
            if getattr(image, "is_animated", False) and image.format not in SEVERAL_VIEWS:
                raise NotAPicture("moving")
            yield image
    except NotAPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotAPicture("too_many_pixels") from None
    except UnidentifiedImageError:
        raise NotAPicture("not_a_picture") from None
    except Exception:  # what a decoder raises on broken bytes is not a closed list
        raise NotAPicture("damaged") from None


def _small(image: Image.Image) -> Image.Image:
    # Colours that are numbers of a palette cannot be mixed.
    seen = image if image.mode in {"L", "LA", "RGB", "RGBA"} else _plain(image)
    seen.thumbnail((WORKING_SIDE, WORKING_SIDE))
    return seen


def _plain(image: Image.Image) -> Image.Image:
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)


def attempts(grey: Image.Image) -> Iterator[Image.Image]:
    """The picture, then ever more laboured views of it."""
    yield grey
    clear = ImageOps.autocontrast(grey, cutoff=1)
    yield clear
    side = max(grey.size)
    if side < SMALL_SIDE:
        size = (max(1, grey.width * 2), max(1, grey.height * 2))
        clear = clear.resize(size, Image.Resampling.LANCZOS)
        yield clear
    sharp = clear.filter(ImageFilter.UnsharpMask(radius=4, percent=300, threshold=0))
    yield sharp
    yield clear.filter(ImageFilter.MedianFilter(3))
    # Turned about the middle on a larger ground, so that no corner is cut off.
    for angle in TURNS:
        yield clear.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    for angle in TURNS:
        yield sharp.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def barcodes(grey: Image.Image) -> Iterator[list[zxingcpp.Barcode]]:
    """What each attempt finds, if anything, until the budget is spent."""
    end = time.thread_time() + BUDGET
    for image in attempts(grey):
        found = zxingcpp.read_barcodes(
            np.asarray(image), formats=SYMBOLOGIES, text_mode=zxingcpp.TextMode.Plain
        )
        if found:
            yield found
        if time.thread_time() > end:
            return
