"""A picture of a boarding pass or a bag tag: what its barcode says.

Decoded offline: `decode` finds barcodes in the picture, `bcbp` reads a boarding pass's text. What a
picture says is data that anybody can print: it is checked field by field, and proves nothing. What
it means for a customer is for `sight` to say. Words that are merely written in a picture are not
read here.
"""

import base64
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.pictures.bcbp import BoardingPass, Leg, NotBcbp, parse
from agent.spoken import say

if TYPE_CHECKING:
    import zxingcpp

__all__ = ["BagTag", "BoardingPass", "Leg", "Picture", "Reading", "Unreadable", "read_picture"]

LICENCE_PLATE = re.compile(r"[0-9]{10}")  # IATA Resolution 740
LINEAR = ("ITF", "Code128")


@dataclass(frozen=True)
class BagTag:
    """A bag tag's licence plate: ten digits."""

    tag: str


@dataclass(frozen=True)
class Unreadable:
    """Nothing the agent can go on with. `why` is a key of `[picture]` in answers.toml."""

    why: str
    is_picture: bool  # whether it can be looked at at all

    @property
    def say(self) -> str:
        """Why, and what to do, to the customer."""
        return say("picture", self.why)


Found = BoardingPass | BagTag | Unreadable


@dataclass(frozen=True)
class Reading:
    """What a picture shows, and the wall milliseconds it took to find out."""

    found: Found
    ms: float


class Picture:
    """The bytes of a picture. Read once, however many agents are shown it, from any thread.

    What its file was called is not kept: a name says nothing that could be relied on.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._lock = threading.Lock()
        self._reading: Reading | None = None

    @classmethod
    def from_file(cls, path: Path) -> "Picture":
        """The picture in a file.

        Raises:
            OSError: there is none, or it cannot be read.
            ValueError: it is too large, or no picture; the message says which.
        """
        from agent.pictures import decode  # noqa: PLC0415 - loads Pillow and the reader: first use

        if not path.is_file():  # a pipe or a device would never end
            raise FileNotFoundError(f"no such file: {str(path)!r}")
        with path.open("rb") as file:
            data = file.read(decode.MAX_BYTES + 1)
        try:
            decode.open_picture(data)
        except decode.NotAPicture as refused:
            raise ValueError(f"{str(path)!r}: {say('picture', str(refused))}") from None
        return cls(data)

    def reading(self, today: date) -> Reading:
        """See `read_picture`; `today` counts the first time."""
        with self._lock:
            if self._reading is None:
                began = time.perf_counter()
                found = read_picture(self.data, today=today)
                self._reading = Reading(found, round((time.perf_counter() - began) * 1000, 2))
            return self._reading

    @cached_property
    def content_part(self) -> dict[str, Any] | None:
        """A part of an OpenAI message's content, for models that see images; None: no picture."""
        from agent.pictures import decode  # noqa: PLC0415 - as above

        try:
            encoded = base64.b64encode(decode.as_jpeg(self.data)).decode()
        except decode.NotAPicture:
            return None
        return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded}"}}


def read_picture(data: bytes, *, today: date) -> Found:
    """What the picture shows. Never raises on any bytes.

    `today` is the airline's date: a boarding pass holds only the day of the year, and the nearest
    such date is meant.
    """
    from agent.pictures import decode  # noqa: PLC0415 - as above

    try:
        grey = decode.open_picture(data)
    except decode.NotAPicture as refused:
        return Unreadable(str(refused), is_picture=False)
    for found in decode.barcodes(grey):
        answer = _read(found, today)
        if answer is not None:
            return answer
    return Unreadable("no_barcode", is_picture=True)


def _read(barcodes: "Iterable[zxingcpp.Barcode]", today: date) -> Found | None:
    """The first pass or tag among them. None when all may be misread lines: look again."""
    answer: Found | None = None
    for barcode in barcodes:
        linear = barcode.format.name.startswith(LINEAR)
        if linear and LICENCE_PLATE.fullmatch(barcode.text):
            return BagTag(barcode.text)
        if not linear:
            try:
                return parse(barcode.text, today)
            except NotBcbp:
                answer = Unreadable("other_barcode", is_picture=True)
    return answer
