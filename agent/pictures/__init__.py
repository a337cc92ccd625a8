"""A picture of a boarding pass or a bag tag, and the question the agent goes on with.

Decoded offline: `decode` finds barcodes in the picture, `bcbp` reads a boarding pass's text. What a
picture says is data that anybody can print: it is checked field by field, and only locator, flight
number, date and bag tag reach the agent. It proves nothing either: whose booking it is the session
decides, as for typed words. Words that are merely written in a picture are not read here.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from agent.pictures.bcbp import BoardingPass, Leg, NotBcbp, parse

if TYPE_CHECKING:
    import zxingcpp

__all__ = [
    "BagTag",
    "BoardingPass",
    "Leg",
    "Unreadable",
    "as_question",
    "content_part",
    "data_url",
    "read_picture",
]

LICENCE_PLATE = re.compile(r"[0-9]{10}")  # IATA Resolution 740
LINEAR = ("ITF", "Code128")


@dataclass(frozen=True)
class BagTag:
    """A bag tag's licence plate: ten digits."""

    tag: str


@dataclass(frozen=True)
class Unreadable:
    """Nothing the agent can go on with; `say` tells the customer why and what to do."""

    say: str


NO_BARCODE = Unreadable(
    "I can't read that: I see no barcode in it. Please take the photo closer, in good light, "
    "with the whole barcode in it."
)
FOREIGN = Unreadable(
    "I can't read that: there is a barcode, but it is not that of a boarding pass or a bag tag."
)

Found = BoardingPass | BagTag | Unreadable


def read_picture(data: bytes, *, today: date) -> Found:
    """What the picture shows. Never raises on any bytes.

    `today` is the airline's date: a boarding pass holds only the day of the year, and the nearest
    such date is meant.
    """
    from agent.pictures import decode  # noqa: PLC0415 - loads Pillow and the reader: first use

    try:
        grey = decode.open_picture(data)
    except decode.NotAPicture as refused:
        return Unreadable(str(refused))
    for found in decode.barcodes(grey):
        answer = _read(found, today)
        if answer is not None:
            return answer
    return NO_BARCODE


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
                answer = FOREIGN
    return answer


def as_question(found: BoardingPass | BagTag) -> str:
    """What the customer would have typed. Names and seats of the picture stay out of it."""
    if isinstance(found, BagTag):
        return f"This is the tag of my bag, number {found.tag}. Where is my bag?"
    # (EA1404 on 8 February, EA1358 on 8 February)
    flights = " and ".join(_flight(leg) for leg in found.legs)
    locators = " and ".join(dict.fromkeys(leg.locator for leg in found.legs))
    return f"This is my boarding pass for {flights}, booking {locators}."


def _flight(leg: Leg) -> str:
    number = f"{leg.flight_number[:2]} {leg.flight_number[2:]}"
    return f"{number} on {leg.date.day} {leg.date:%B}" if leg.date else number


def data_url(data: bytes) -> str:
    """The picture as a data URL, its type sniffed from the bytes. Raises ValueError if it is none.

    Only for bytes that are a JPEG, PNG or WebP by their beginning; at most 10 MB.
    """
    from agent.pictures import decode  # noqa: PLC0415 - as above

    if len(data) > decode.MAX_BYTES:
        raise decode.NotAPicture("I can't read that: the picture is larger than 10 MB.")
    return f"data:{decode.media_type(data)};base64,{base64.b64encode(data).decode()}"


def content_part(data: bytes) -> dict[str, object]:
    """The picture as a part of an OpenAI message's content, for models that see images."""
    return {"type": "image_url", "image_url": {"url": data_url(data)}}
