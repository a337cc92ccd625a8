"""What each action would do: facts and arguments in, the policy's ruling and the event out.

Pure. A plan also names what it stands on, so that the guard can ask the record whether that is
still so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agent.policies import rules
from agent.policies.facts import Booking, Facts, Flight
from agent.policies.rules import Ruling, refused, sentence, terms
from agent.prompts import table
from pipeline.documents import spoken_day, spoken_flight
from pipeline.events import Day, FlightNumber, Seat, Short

_UNKNOWN = "ground"  # the policy that speaks where no other one decides

Locator = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{5,8}$", to_upper=True)]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{4,20}$")]
Amount = Annotated[float, Field(strict=True, ge=0.01, allow_inf_nan=False)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Arguments(BaseModel):
    """Base of the tools' arguments: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rebook(Arguments):
    locator: Locator
    from_flight: FlightNumber | None = None
    to_flight: FlightNumber
    to_date: Day | None = None


class ChangeSeat(Arguments):
    locator: Locator
    flight: FlightNumber | None = None
    seat: Seat


class CancelBooking(Arguments):
    locator: Locator
    reason: Short | None = None


class Refund(Arguments):
    locator: Locator
    amount: Amount | None = None


class Voucher(Arguments):
    locator: Locator | None = None
    amount: Amount | None = None


class BagClaim(Arguments):
    tag: Tag
    words: Words


class Complaint(Arguments):
    words: Words


class CallHuman(Arguments):
    summary: Words


@dataclass(frozen=True)
class Plan:
    """What would happen. `event_type` is empty where the ruling forbids it."""

    ruling: Ruling
    event_type: str = ""
    subject: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    stands_on: tuple[str, ...] = ()  # entities whose news would change the ruling
    payments: str = ""  # and the type of payment that would, if one does


Planner = Callable[[Facts, Any, str], Plan]
"""(what is known, the arguments, the session's customer) -> the plan."""


@dataclass(frozen=True)
class Tool:
    """An action as it is offered to a model."""

    name: str
    arguments: type[Arguments]
    plan: Planner
    policies: tuple[str, ...]  # the rule files that decide it, of data/agent/policies

    @property
    def description(self) -> str:
        """What a model is told of it."""
        return str(_told(self.name)["description"])

    def schema(self) -> dict[str, Any]:
        """OpenAI's function form."""
        made = self.arguments.model_json_schema()
        told = _told(self.name)
        properties = {
            name: {"type": _json_type(one), "description": told[name]}
            for name, one in made["properties"].items()
        }
        parameters = {
            "type": "object",
            "properties": properties,
            "required": made.get("required", []),
            "additionalProperties": False,
        }
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}


def _told(name: str) -> dict[str, Any]:
    told: dict[str, Any] = table("policies/tools")[name]
    return told


def _json_type(made: dict[str, Any]) -> str:
    either = made.get("anyOf", [made])  # optional ones are a type or null; absent does for null
    return str(either[0]["type"])


def _refuse(rule: str, policy: str = _UNKNOWN, **slots: object) -> Plan:
    return Plan(refused(policy, rule, **slots))


def _leg(booking: Booking, number: str | None) -> str | Plan:
    """The flight of a booking that is meant, or why there is none."""
    legs = [one for one in booking.seats if number in (None, one.split("/")[1])]
    if number and not legs:
        return _refuse("no_leg", locator=booking.locator, flight=spoken_flight(number))
    return legs[0] if len(legs) == 1 else _refuse("which_leg", locator=booking.locator)


def _known_flight(facts: Facts, entity: str) -> Flight | Plan:
    _, number, day = entity.split("/")
    unknown = _refuse("no_flight", flight=spoken_flight(number), day=spoken_day(day))
    return facts.flights.get(entity, unknown)


def _rebook(facts: Facts, asked: Rebook, customer_id: str) -> Plan:
    booking = facts.bookings.get(asked.locator)
    if booking is None:
        return _refuse("no_booking", key=asked.locator)
    leg = _leg(booking, asked.from_flight)
    if isinstance(leg, Plan):
        return leg
    day = leg.split("/")[2]
    target = f"flight/{asked.to_flight}/{asked.to_date or day}"
    old, new = _known_flight(facts, leg), _known_flight(facts, target)
    if isinstance(old, Plan):
        return old
    if isinstance(new, Plan):
        return new
    ruling = rules.rebooking(facts, booking, old, new)
    currency = terms("fares")["currency"]
    fee = f"change fee {rules.money(ruling.fee)} {currency}" if ruling.fee else "no change fee"
    data = {"from": _of_day(leg), "to": _of_day(target), "reason": fee}
    ground = (f"booking/{booking.locator}", leg, target, *_waiver(facts), f"customer/{customer_id}")
    return Plan(ruling, "booking.rebooked", ground[0], data, ground, "refunded")


def _change_seat(facts: Facts, asked: ChangeSeat, _: str) -> Plan:
    booking = facts.bookings.get(asked.locator)
    if booking is None:
        return _refuse("no_booking", key=asked.locator)
    leg = _leg(booking, asked.flight)
    flight = leg if isinstance(leg, Plan) else _known_flight(facts, leg)
    if isinstance(flight, Plan):
        return flight
    ruling = rules.seat_change(facts, booking, flight, asked.seat)
    data = {**_of_day(flight.entity), "seat": asked.seat}
    ground = (f"booking/{booking.locator}", flight.entity)
    return Plan(ruling, "booking.seat_changed", ground[0], data, ground)


def _cancel_booking(facts: Facts, asked: CancelBooking, _: str) -> Plan:
    booking = facts.bookings.get(asked.locator)
    if booking is None:
        return _refuse("no_booking", key=asked.locator)
    ruling = rules.cancellation(facts, booking)
    ground = _whole(facts, booking)
    data = {"reason": asked.reason or "asked for by the customer"}
    return Plan(ruling, "booking.cancelled", ground[0], data, ground, "refunded")


def _refund(facts: Facts, asked: Refund, _: str) -> Plan:
    booking = facts.bookings.get(asked.locator)
    if booking is None:
        return _refuse("no_booking", key=asked.locator)
    ruling = rules.refund(facts, booking, asked.amount)
    data = {"amount": ruling.amount, "currency": terms("fares")["currency"]}
    ground = _whole(facts, booking)
    return Plan(ruling, "payment.refunded", ground[0], data, ground, "refunded")


def _voucher(facts: Facts, asked: Voucher, customer_id: str) -> Plan:
    booking = facts.bookings.get(asked.locator or "")
    if asked.locator and booking is None:
        return _refuse("no_booking", key=asked.locator)
    ruling = rules.voucher(facts, booking, asked.amount)
    data = {"amount": ruling.amount, "currency": terms("vouchers")["currency"]}
    subject = f"booking/{booking.locator}" if booking else f"customer/{customer_id}"
    bookings = [booking] if booking else [b for b in facts.bookings.values() if not b.cancelled]
    ground = tuple(entity for one in bookings for entity in _whole(facts, one))
    raised = terms("vouchers")["raised"]["policy"]
    policies = (raised,) if raised in facts.versions else ()
    ground = (*ground, *policies, f"customer/{customer_id}")
    return Plan(ruling, "payment.voucher_issued", subject, data, ground, "voucher_issued")


def _bag_claim(facts: Facts, asked: BagClaim, customer_id: str) -> Plan:
    # The contract has no claim of its own: it is a contact on the web chat, which the baggage
    # desk takes over. The bag's status is what scanners say, not what a customer says.
    bag = facts.bags.get(asked.tag)
    if bag is None:
        return _refuse("no_bag", key=asked.tag)
    text = sentence("bags", "record", vars(bag) | {"words": asked.words})
    return _contact(rules.bag_claim(facts, bag), "bags", customer_id, text)


def _complaint(_: Facts, asked: Complaint, customer_id: str) -> Plan:
    return _contact(rules.complaint(), "complaints", customer_id, asked.words)


def _call_human(_: Facts, asked: CallHuman, customer_id: str) -> Plan:
    return _contact(rules.human(), "human", customer_id, asked.summary)


def _contact(ruling: Ruling, policy: str, customer_id: str, text: str) -> Plan:
    data = {"text": text, "direction": "inbound", "handled_by": terms(policy)["handled_by"]}
    return Plan(ruling, "interaction.chat", f"customer/{customer_id}", data)


def _of_day(entity: str) -> dict[str, str]:
    _, number, day = entity.split("/")
    return {"flight": number, "date": day}


def _whole(facts: Facts, booking: Booking) -> tuple[str, ...]:
    """A booking, its flights as far as known, and what may waive its fees."""
    flights = [one.entity for one in facts.flights_of(booking)]
    return (f"booking/{booking.locator}", *flights, *_waiver(facts))


def _waiver(facts: Facts) -> tuple[str, ...]:
    policy = terms("waiver")["policy"]
    return (policy,) if policy in facts.versions else ()


_MONEY_BACK = ("cancellations", "fares", "waiver")
TOOLS: dict[str, Tool] = {
    one.name: one
    for one in (
        Tool("rebook", Rebook, _rebook, ("rebooking", "fares", "waiver")),
        Tool("change_seat", ChangeSeat, _change_seat, ("seats",)),
        Tool("cancel_booking", CancelBooking, _cancel_booking, _MONEY_BACK),
        Tool("refund", Refund, _refund, ("refunds", *_MONEY_BACK)),
        Tool("voucher", Voucher, _voucher, ("vouchers", "waiver")),
        Tool("bag_claim", BagClaim, _bag_claim, ("bags",)),
        Tool("complaint", Complaint, _complaint, ("complaints",)),
        Tool("call_human", CallHuman, _call_human, ("human",)),
    )
}
