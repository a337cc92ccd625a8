"""The event console: which event a button would fire for this customer now. Reads, never fires.

The buttons, their keys, texts and defaults are in `data/console.toml`. A draft is an event that is
not fired yet; where a button makes no sense for a customer it says why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from pipeline.events import Event, make
from pipeline.fire import Door
from pipeline.schema import Database
from pipeline.settings import ROOT
from ui.situation import Row, Situation, Trip, free_seat, later_flights

FILE = ROOT / "data" / "console.toml"
MOST_QUESTIONS = 4  # how many questions are suggested at once


@dataclass(frozen=True)
class Button:
    """One button of the console, as `data/console.toml` describes it."""

    key: str
    label: str
    channel: str
    type: str  # empty for the raw feed
    defaults: Row


@dataclass(frozen=True)
class Draft:
    """What a button would fire; `problem` says why it would not, `note` what it is in words."""

    button: Button
    subject: str
    data: Row
    customer_id: str | None
    note: str
    problem: str | None = None
    raw: str | None = None

    def event(self, at: datetime) -> Event:
        """The event, stamped with an airline time.

        Raises:
            ContractError: edited data that break the contract.
        """
        return make(self.button.type, self.subject, self.data, at=at, customer_id=self.customer_id)


@dataclass(frozen=True)
class Situated:
    """What a draft is made of: the customer, the trip it is about, now, and what is looked up."""

    database: Database
    situation: Situation
    trip: Trip | None
    now: datetime
    turn: int  # how many events this session has fired: the next text of several


@cache
def buttons() -> tuple[Button, ...]:
    """The buttons, in the order of the file."""
    described = tomllib.loads(FILE.read_text(encoding="utf-8"))["event"]
    return tuple(
        Button(
            one["key"], one["label"], one["channel"], one.get("type", ""),
            {name: value for name, value in one.items() if name not in _OWN},
        )
        for one in described
    )  # fmt: skip


def raw_texts() -> tuple[str, ...]:
    """What the buttons of the raw feed send: bytes that no system of ours has written."""
    return tuple(raw for one in buttons() if not one.type for raw in one.defaults["raw"])


@cache
def _questions() -> tuple[Row, ...]:
    return tuple(tomllib.loads(FILE.read_text(encoding="utf-8"))["question"])


def draft(button: Button, at: Situated) -> Draft:
    """What a button would fire now."""
    if not button.type:
        text = _turn(button.defaults["raw"], at)
        return Draft(button, "", {}, None, "bytes that no system of ours sent", raw=text)
    return _MAKERS[button.type.split(".", 1)[0]](button, at)


def fire(door: Door, made: Draft, now: datetime) -> int:
    """Fire a draft; returns its outbox sequence.

    Raises:
        ContractError: it contradicts the record; nothing was changed.
    """
    if made.raw is not None:
        return door.fire_raw(made.raw.encode()).recorded.sequence
    return door.fire(made.event(now)).sequence


def suggestions(at: Situated, fired_type: str | None, own: str | None) -> list[str]:
    """Questions that fit: a hero's own first, then one about the last event, then the general."""
    fits = {"always", fired_type or ""}
    fits |= {"trip"} if at.trip else set()
    fits |= {"bag"} if at.situation.bags else set()
    wanted = [one for one in _questions() if one["when"] in fits]
    wanted.sort(key=lambda one: one["when"] != fired_type)
    texts = [_filled(one["text"], at) for one in wanted]
    return list(dict.fromkeys([*([own] if own else []), *texts]))[:MOST_QUESTIONS]


def _flight(button: Button, at: Situated) -> Draft:
    if at.trip is None:
        return _none(button, f"{at.situation.first_name} has no flight")
    trip, defaults = at.trip, button.defaults
    data: Row = {"reason": defaults["reason"]} if "reason" in defaults else {}
    note = f"{trip.number} {trip.route}"
    if "minutes" in defaults:
        new = trip.departs + timedelta(minutes=defaults["minutes"])
        data["new_departure"] = f"{new:%Y-%m-%d %H:%M}"
        note += f", new departure {new:%H:%M}"
    if "gates" in defaults:
        data["gate"] = _other(defaults["gates"], trip.row["gate"], at)
        note += f", gate {data['gate']}"
    if data.get("reason"):
        note += f" ({data['reason']})"
    return Draft(button, f"flight/{trip.key}", data, None, note)


def _booking(button: Button, at: Situated) -> Draft:
    if at.trip is None:
        return _none(button, f"{at.situation.first_name} has no flight")
    row = at.trip.row
    subject, customer = f"booking/{row['locator']}", at.situation.customer["customer_id"]
    here = {"flight": row["flight_number"], "date": row["date"]}
    if button.type == "booking.seat_changed":
        seat = free_seat(at.database, row, _not(button.defaults["seats"], row["seat"]))
        note = f"{row['locator']}: seat {seat} on {at.trip.number}"
        return Draft(button, subject, here | {"seat": seat}, customer, note)
    wait = timedelta(hours=button.defaults.get("hours", 0))
    found = later_flights(at.database, at.trip, at.now, wait)
    if not found:
        return _none(button, f"no later flight to {at.trip.city} stands")
    to = Trip(found[0] | {"booking_status": "confirmed"})
    data = {
        "from": here,
        "to": {"flight": to.row["flight_number"], "date": to.row["date"]},
        "seat": free_seat(at.database, to.row, button.defaults["seats"]),
        "reason": button.defaults["reason"],
    }
    note = f"{row['locator']}: {at.trip.number} → {to.number} at {to.departs:%H:%M}"
    return Draft(button, subject, data, customer, note)


def _interaction(button: Button, at: Situated) -> Draft:
    customer = at.situation.customer["customer_id"]
    data = {"text": _filled(_turn(button.defaults["texts"], at), at), "direction": "inbound"}
    if "handled_by" in button.defaults:
        data["handled_by"] = button.defaults["handled_by"]
    return Draft(button, f"customer/{customer}", data, customer, f"“{data['text']}”")


def _bag(button: Button, at: Situated) -> Draft:
    if not at.situation.bags:
        return _none(button, f"{at.situation.first_name} has no bag")
    bag = at.situation.bags[0]
    place = _other(button.defaults["locations"], bag["location"], at)
    data = {"locator": bag["locator"], "location": place}
    customer = at.situation.customer["customer_id"]
    return Draft(button, f"bag/{bag['tag']}", data, customer, f"bag {bag['tag']}, {place}")


def _payment(button: Button, at: Situated) -> Draft:
    customer = at.situation.customer["customer_id"]
    data = {name: button.defaults[name] for name in ("amount", "currency")}
    subject = f"booking/{at.trip.row['locator']}" if at.trip else f"customer/{customer}"
    return Draft(button, subject, data, customer, f"{data['amount']:.0f} {data['currency']}")


def _policy(button: Button, at: Situated) -> Draft:
    defaults = button.defaults
    data = {"title": defaults["title"], "text": _turn(defaults["texts"], at)}
    return Draft(button, f"policy/{defaults['slug']}", data, None, f"“{data['title']}”")


_MAKERS: dict[str, Callable[[Button, Situated], Draft]] = {
    "flight": _flight,
    "booking": _booking,
    "interaction": _interaction,
    "bag": _bag,
    "payment": _payment,
    "policy": _policy,
}
_OWN = ("key", "label", "channel", "type")


def _none(button: Button, problem: str) -> Draft:
    return Draft(button, "", {}, None, problem, problem=problem)


def _turn(choices: Sequence[Any], at: Situated) -> Any:
    return choices[at.turn % len(choices)]


def _not(choices: Sequence[str], now: str | None) -> list[str]:
    return [one for one in choices if one != now]


def _other(choices: Sequence[str], now: str | None, at: Situated) -> str:
    return str(_turn(_not(choices, now), at))


def _filled(text: str, at: Situated) -> str:
    trip = at.trip
    return text.format(
        name=at.situation.customer["name"],
        flight=trip.number if trip else "my flight",
        city=trip.city if trip else "my destination",
        route=trip.route if trip else "the airport",
    )
