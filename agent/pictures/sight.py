"""What a picture means for the customer who shows it: a booking or a bag of theirs, or nothing.

Anybody can print anything. The booking or bag is looked up among the documents of the session's
customer, and only what those hold is passed on: no text of a barcode reaches a model. A pass of
somebody else's and a pass of nobody's get the same answer.

A pass is known by locator and flight number, as at a desk. The day that is printed on it only
chooses among flights of one number: it has no year, a booking may have been moved since, and a
world whose dates were moved to today still has the passes of its own days.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from agent.answer import ToolUse
from agent.intents import FOLLOW_UP, GREETING, OUT_OF_SCOPE, wishes_of
from agent.pictures import BagTag, BoardingPass, Leg, Picture, Unreadable
from agent.specialists import TRIAGE
from agent.spoken import say
from pipeline.documents import spoken_day, spoken_flight
from pipeline.store import ContextStore, Found

TOOL = "read_picture"  # its name in the trace


@dataclass(frozen=True)
class Sight:
    """What a turn has of a picture."""

    question: str  # the customer's, with what the picture adds to it
    use: ToolUse
    say: str = ""  # why there is nothing to go on from
    found: Sequence[Found] = ()  # the documents it is about
    for_model: bool = True  # whether a model may be shown it: not if it may be somebody else's


def look(
    picture: Picture, question: str, store: ContextStore, customer_id: str, today: date
) -> Sight:
    """Read a picture and look up what it is about, in one arm's table.

    Args:
        today: the airline's date.

    Raises:
        ValueError: the customer's id is none.
    """
    reading = picture.reading(today)
    began = time.perf_counter()
    found = reading.found
    if isinstance(found, Unreadable):
        use = _use({"status": "unreadable", "why": found.why})
        sight = Sight(question, use, found.say, for_model=found.is_picture)
    elif isinstance(found, BagTag):
        sight = _bag(found, question, store, customer_id)
    else:
        sight = _booking(found, question, store, customer_id)
    looked_up = (time.perf_counter() - began) * 1000
    arguments = {"bytes": len(picture.data)}
    ms = round(reading.ms + looked_up, 2)
    return replace(sight, use=sight.use.model_copy(update={"arguments": arguments, "ms": ms}))


def _use(result: dict[str, Any]) -> ToolUse:
    why = "the customer sent a picture"
    return ToolUse(agent=TRIAGE, tool=TOOL, why=why, arguments={}, result=result, ms=0.0)


def _bag(shown: BagTag, question: str, store: ContextStore, customer_id: str) -> Sight:
    own = _own(store, [f"bag/{shown.tag}"], customer_id)
    if not own:
        return _not_theirs("bag tag", question)
    asked = say("picture", "bag", shown=shown.tag)
    use = _use({"status": "done", "shows": "bag tag", "bag": shown.tag})
    return Sight(_together(question, asked, shown.tag), use, found=own)


def _booking(shown: BoardingPass, question: str, store: ContextStore, customer_id: str) -> Sight:
    own = _own(store, [f"booking/{leg.locator}" for leg in shown.legs], customer_id)
    if not own:
        return _not_theirs("boarding pass", question)
    locators = [one.document.doc_id.split("/", 1)[1] for one in own]
    flights = list(dict.fromkeys(flight for leg in shown.legs if (flight := _flight(leg, own))))
    named = [_named(flight) for flight in flights]
    if len(named) == 1:
        asked = say("picture", "flight", shown=named[0])
    else:
        asked = say("picture", "booking", shown=" and ".join(locators))
    shows = {"shows": "boarding pass", "bookings": locators, "flights": flights}
    question = _together(question, asked, ", ".join([*named, *locators]))
    return Sight(question, _use({"status": "done", **shows}), found=own)


def _together(question: str, asked: str, shown: str) -> str:
    """The question, and what the picture shows; what it asks where the words ask for nothing."""
    if not question:
        return asked
    ended = question if question[-1] in ".?!" else f"{question}."
    beside = say("picture", "beside", shown=shown)
    return f"{ended} {asked if {*wishes_of(question)} <= _ASKS_NOTHING else beside}"


_ASKS_NOTHING = {GREETING, FOLLOW_UP, OUT_OF_SCOPE, "thanks"}


def _not_theirs(shows: str, question: str) -> Sight:
    use = _use({"status": "not_found", "shows": shows})
    return Sight(
        question, use, say("picture", f"unknown_{shows.replace(' ', '_')}"), for_model=False
    )


def _own(store: ContextStore, doc_ids: Sequence[str], customer_id: str) -> list[Found]:
    found = store.lookup(list(dict.fromkeys(doc_ids)), customer_id)
    return [one for one in found if customer_id in one.document.customer_ids]


def _flight(leg: Leg, own: Sequence[Found]) -> str | None:
    """The flight of the booking that a leg is for, if the booking stands and still has it."""
    flights = [
        entity
        for one in own
        if one.document.doc_id == f"booking/{leg.locator}"
        and one.document.facts.get("status") != "cancelled"
        for entity in one.document.entities
        if entity.startswith(f"flight/{leg.flight_number}/")
    ]
    on_day = [one for one in flights if leg.date and one.endswith(f"/{leg.date.isoformat()}")]
    return next(iter(on_day or flights), None)


def _named(flight: str) -> str:
    """`EA 204 on 8 Feb`."""
    _, number, day = flight.split("/")
    return f"{spoken_flight(number)} on {spoken_day(day)[:-5]}"
