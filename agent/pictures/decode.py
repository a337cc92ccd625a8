"""From the bytes of a picture to the texts of the barcodes in it, offline.

Bytes are refused before they are decoded: by length, by type (sniffed, never the file's name) and
by the number of pixels that the header declares. A picture is tried as it is; only when that finds
nothing it is stretched, sharpened, enlarged and turned, within a budget of processor time.
"""

import io
import time
from collections.abc import Iterator

import numpy as np
import zxingcpp
from PIL import Image, ImageFilter, ImageOps

MAX_BYTES = 10_000_000
MAX_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
WORKING_SIDE = 1600  # px; a barcode that is lost at this size is not in focus either
SMALL_SIDE = 900  # px; below this the modules may be too few pixels wide
BUDGET = 2.0  # s of this thread's processor time: a busy machine gives the same answer
# The reader itself finds quarter turns, and PDF417 some degrees off them.
TURNS = (45, 20, 70, 32, 58, 10, 80)
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
    """The bytes will not be looked at; the message says why, to the customer."""


def media_type(data: bytes) -> str:
    """`image/jpeg`, `image/png` or `image/webp`, from the first bytes. Raises NotAPicture."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise NotAPicture(
        "I can't read that file. Please send a photo or a screenshot as JPEG, PNG or WebP."
    )


def open_picture(data: bytes) -> Image.Image:
    """The picture in shades of grey, its longer side at most WORKING_SIDE. Raises NotAPicture."""
    if len(data) > MAX_BYTES:
        raise NotAPicture("I can't read that: the picture is larger than 10 MB.")
    media_type(data)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _grey(image)
    except NotAPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # what a decoder raises on broken bytes is not a closed list
        raise NotAPicture(
            "I can't read that: the picture seems to be damaged or incomplete."
        ) from None


def _too_many_pixels() -> NotAPicture:
    return NotAPicture("I can't read that: the picture has more than 40 megapixels.")


def _grey(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    # A phone's MPO is a JPEG with a second view behind it: the first is the photo.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise NotAPicture("I can't read moving pictures. Please send a still one.")
    image.draft("L", (WORKING_SIDE, WORKING_SIDE))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    grey = image.convert("L")
    grey.thumbnail((WORKING_SIDE, WORKING_SIDE))
    return grey


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
