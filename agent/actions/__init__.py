"""What the agent does to the world: policy first, then an event through the one door.

The customer and the arm are bound by the session. The facts are those that the arm's context holds,
right or wrong; the record is asked only whether they are still so (`guard`), and to assign seats.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import select
from sqlalchemy.engine import Connection

from agent.actions.guard import (
    Damage,
    Stale,
    StaleGround,
    damages,
    guard,
    is_on,
    note,
    set_guard,
    staleness,
    stopped,
    truth,
)
from agent.actions.plans import TOOLS, Arguments, Plan, Tool
from agent.context import spoken_age
from agent.policies import facts as given
from agent.policies import rules
from agent.policies.facts import Facts
from agent.policies.rules import refused, sentence, terms
from pipeline import events, schema
from pipeline.documents import spoken_day, spoken_flight
from pipeline.events import ContractError, Event
from pipeline.fire import Door
from pipeline.schema import Arm, Database
from pipeline.store import Found

__all__ = [
    "POLICIES",
    "TOOLS",
    "ActionResult",
    "Actions",
    "Damage",
    "Stale",
    "Tool",
    "damages",
    "guard",
    "set_guard",
    "stopped",
]

Status = Literal["done", "needs_consent", "refused", "stale_ground"]

POLICIES: tuple[str, ...] = (terms("waiver")["policy"], terms("vouchers")["raised"]["policy"])
"""Documents that the rules read besides the customer's own: give them with every action."""

_NAMESPACE = uuid.UUID("6f6a1c0e-6d0c-5c55-9d53-6f0f0a8f7a11")
_OTHER_CUSTOMER = ("customer", "customer_id", "customerid")


class ActionResult(BaseModel):
    """What became of an action. `say` is fit for the customer."""

    model_config = ConfigDict(frozen=True)

    status: Status
    say: str
    policy: str  # its title
    rule: str = ""  # the part of it that decided
    event_id: str | None = None
    event_type: str | None = None
    subject: str | None = None
    amount: float | None = None  # paid, or to be paid once the customer consents
    stale: Stale | None = None
    damage: Damage | None = None


@dataclass(frozen=True)
class _Attempt:
    """An action on its way: what it stands on and the event that it would be."""

    tool: Tool
    asked: Arguments
    facts: Facts
    plan: Plan


class Actions:
    """The actions of one session: one customer, one arm."""

    def __init__(
        self, door: Door, database: Database, *, customer_id: str, arm: Arm, session: str
    ) -> None:
        """Bind to a session.

        Args:
            session: its key; the same in both arms makes the same action one event.
        """
        self._door, self._database = door, database
        self._customer_id, self._arm, self._session = customer_id, arm, session

    def perform(
        self,
        name: str,
        arguments: Any,
        *,
        consented: bool,
        context: Sequence[Found],
        now: datetime,
        turn: str,
    ) -> ActionResult:
        """Do it, or say why not. Bad arguments are refused, never raised.

        Args:
            consented: the customer said yes to what `needs_consent` asked.
            context: the documents that the agent was given, of its own arm.
            now: airline time.
            turn: names the turn; the same action twice in one turn is one event.
        """
        tool = TOOLS.get(str(name))
        if tool is None:
            return _refused("unknown_tool")
        asked = self._read(tool, arguments)
        if isinstance(asked, ActionResult):
            return asked
        event_id = self._event_id(tool, asked, turn)
        facts = given.read((one.document for one in context), self._customer_id, now)
        plan = tool.plan(facts, asked, self._customer_id)
        known = self._known(event_id, plan)
        if known:
            return known
        if plan.ruling.verdict == "needs_consent" and not consented:
            return _of_ruling(plan, "needs_consent")
        if plan.ruling.verdict == "refused":
            return _of_ruling(plan, "refused")
        return self._fire(event_id, _Attempt(tool, asked, facts, self._seated(plan, facts)))

    def _read(self, tool: Tool, arguments: Any) -> Arguments | ActionResult:
        if not isinstance(arguments, Mapping):
            return _refused("bad_arguments", field="arguments", reason="not an object")
        named = [arguments[one] for one in _OTHER_CUSTOMER if one in arguments]
        if any(one != self._customer_id for one in named):
            return _refused("foreign")
        fields = {key: value for key, value in arguments.items() if key not in _OTHER_CUSTOMER}
        try:
            return tool.arguments.model_validate(fields)
        except ValidationError as bad:
            error = bad.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(part) for part in error["loc"])[:40] or "arguments"
            reason = error["msg"].removeprefix("Value error, ")[:200]
            return _refused(
                "bad_arguments", field=field.encode("ascii", "replace").decode(), reason=reason
            )
        except TypeError:  # a name of an argument that is no string
            return _refused("bad_arguments", field="arguments", reason="names are strings")

    def _event_id(self, tool: Tool, asked: Arguments, turn: str) -> str:
        parts = [self._session, self._customer_id, tool.name, asked.model_dump(), turn]
        return str(uuid.uuid5(_NAMESPACE, json.dumps(parts, sort_keys=True)))

    def _known(self, event_id: str, plan: Plan) -> ActionResult | None:
        """The action's own event, where it is on record already.

        Whoever comes second says what the first one said, as far as its own context lets it.
        """
        query = select(schema.outbox).where(schema.outbox.c.event_id == event_id)
        rows = self._database.rows(query)
        if not rows:
            return None
        data = json.loads(rows[0]["body"])["data"]
        return ActionResult(
            status="done",
            say=plan.ruling.done or sentence("ground", "again"),
            policy=terms("ground")["title"],
            rule="again",
            event_id=event_id,
            event_type=rows[0]["type"],
            subject=rows[0]["subject"],
            amount=data.get("amount"),
            damage=next((one for one in damages(self._database) if one.event_id == event_id), None),
        )

    def _seated(self, plan: Plan, facts: Facts) -> Plan:
        """A rebooking with the seat that the reservations assign: the same one, or the first free.

        That is the reservation system's own work, as for any passenger, and the same for both arms.
        """
        if plan.event_type != "booking.rebooked":
            return plan
        booking = facts.bookings[plan.subject.split("/", 1)[1]]
        old, new = plan.data["from"], plan.data["to"]
        every = rules.seats_of(booking.cabin)
        if not every:
            return plan
        had = booking.seats.get(f"flight/{old['flight']}/{old['date']}")
        taken = self._taken(new["flight"], new["date"])
        wish = [had] if had in every else []
        seat = next((one for one in [*wish, *every] if one not in taken), None)
        if seat is None:
            slots = {"new": spoken_flight(new["flight"]), "cabin": booking.cabin}
            return Plan(refused("rebooking", "full", **slots))
        return replace(plan, data={**plan.data, "seat": seat})

    def _taken(self, flight: str, date: str) -> set[str | None]:
        segments, bookings = schema.segments.c, schema.bookings.c
        query = (
            select(segments.seat)
            .join(schema.bookings, bookings.locator == segments.locator)
            .where(segments.flight_number == flight, segments.date == date)
            .where(bookings.status != "cancelled")
        )
        return {row["seat"] for row in self._database.rows(query)}

    def _fire(self, event_id: str, attempt: _Attempt) -> ActionResult:
        plan, noted = attempt.plan, list[tuple[Stale, Damage | None]]()
        if plan.ruling.verdict == "refused":
            return _of_ruling(plan, "refused")

        def check(connection: Connection) -> None:
            stale = staleness(connection, plan, attempt.facts, self._customer_id)
            if stale is None:
                return
            if is_on(connection):
                raise StaleGround(stale)
            damage = self._damage(connection, event, attempt)
            noted.append((stale, damage))
            if damage:
                note(connection, event_id, damage=damage, stale=stale)

        try:
            event = events.make(
                plan.event_type,
                plan.subject,
                plan.data,
                at=max(attempt.facts.now, self._door.now()),
                event_id=event_id,
                customer_id=self._customer_id,
            )
            recorded = self._door.fire(event, check)
        except StaleGround as stop:
            with self._database.write() as connection:
                note(connection, event_id, damage=None, stale=stop.stale)
            return _stopped(plan, stop.stale)
        except ContractError as breach:
            return _contradicted(plan, breach)
        if not recorded.changed and not recorded.duplicate:
            return _refused("outdated")
        result = _of_ruling(plan, "done")
        stale, damage = noted[0] if noted else (None, None)
        return result.model_copy(update={"event_id": event_id, "stale": stale, "damage": damage})

    def _damage(self, connection: Connection, event: Event, attempt: _Attempt) -> Damage | None:
        """What the policy says of the same action on the record as it stands."""
        true = truth(connection, attempt.plan, attempt.facts, self._customer_id)
        ruling = attempt.tool.plan(true, attempt.asked, self._customer_id).ruling
        paid = attempt.plan.ruling.amount
        forbidden = ruling.verdict == "refused"
        if not forbidden and paid <= ruling.amount:
            return None
        return Damage(
            kind=ruling.rule if forbidden else "overpaid",
            amount=round(paid if forbidden else paid - ruling.amount, 2),
            event_id=event.id,
            event_type=event.type,
            subject=event.subject,
            arm=self._arm,
        )


def _refused(rule: str, **slots: object) -> ActionResult:
    ruling = refused("ground", rule, **slots)
    return ActionResult(status="refused", say=ruling.say, policy=ruling.policy, rule=ruling.rule)


def _of_ruling(plan: Plan, status: Status) -> ActionResult:
    ruling = plan.ruling
    acts = status != "refused"
    return ActionResult(
        status=status,
        say=ruling.done if status == "done" else ruling.say,
        policy=ruling.policy,
        rule=ruling.rule,
        event_type=plan.event_type if acts else None,
        subject=plan.subject if acts else None,
        amount=ruling.amount if acts and ruling.amount else None,
    )


def _stopped(plan: Plan, stale: Stale) -> ActionResult:
    named = sentence("ground", stale.event_type, {"entity": _spoken(stale.entity)}, "news")
    news = {"news": named[:1].upper() + named[1:], "age": spoken_age(stale.airline_s)}
    return ActionResult(
        status="stale_ground",
        say=sentence("ground", "stale", news),
        policy=terms("ground")["stale"]["title"],
        rule="stale",
        event_type=plan.event_type,
        subject=plan.subject,
        stale=stale,
    )


def _contradicted(plan: Plan, breach: ContractError) -> ActionResult:
    if plan.event_type == "booking.seat_changed" and breach.field == "data.seat":
        flight = spoken_flight(plan.data["flight"])
        ruling = refused("seats", "taken", seat=plan.data["seat"], flight=flight)
        return _of_ruling(Plan(ruling), "refused")
    return _refused("contradicted", reason=breach.reason)


def _spoken(entity: str) -> str:
    kind, _, key = entity.partition("/")
    if kind == "flight":
        number, day = key.split("/")
        return f"{spoken_flight(number)} of {spoken_day(day)}"
    return f"{kind} {key}"
