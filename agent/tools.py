"""The tools of the agent: what each colleague may call, and what a call gives.

Reading goes to the arm's own table and aggregates, writing through `actions`. The customer is the
session's; nothing that a model puts into an argument can name another one. A call that cannot be
run gives a result that says why, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from agent import contacts, reporting
from agent.actions import POLICIES, Actions, guard
from agent.actions import TOOLS as WRITING
from agent.answer import Answer
from agent.intents import wishes_of
from agent.session import Pending, Session
from agent.specialists import TRIAGE, Specialist, specialists
from agent.spoken import say
from agent.tool_calls import Tool, ToolCall
from pipeline.clock import LOCAL_FORMAT, zone_of
from pipeline.engine import EngineError
from pipeline.fire import Door
from pipeline.schema import Database
from pipeline.store import ContextStore, Found

Result = dict[str, Any]
HAND_OFF = "hand_off"
_MOST_FLIGHTS = 5


@dataclass
class Scene:
    """What a turn is about. Documents that a tool reads join `found`: the answer cites them too."""

    session: Session
    question: str
    found: list[Found]
    now: datetime  # airline time in the home zone
    image: Result | None = None  # a picture as a part of a message, for a model that sees images


@dataclass(frozen=True)
class Outcome:
    """What a tool call came to. `result` is what the model is told."""

    result: Result
    why: str = ""
    hand_off_to: str | None = None
    pending: Pending | None = None


class Toolbox:
    """The tools over one arm's table."""

    def __init__(
        self,
        store: ContextStore,
        database: Database,
        door: Callable[[], Door] | None = None,
        *,
        reports: bool = True,
    ) -> None:
        """Hand the tools what they work with.

        Args:
            door: where the events of actions go in; None: nothing can be changed from here.
            reports: whether there are figures of the whole airline to be had.
        """
        self.store = store
        self._reports = reports
        self._database = database
        self._door = door

    def fields(self) -> dict[str, Any]:
        """What the tools are, to compare those of two agents: all but the table."""
        schemas = {name: self._schema(name) for one in specialists().values() for name in one.tools}
        return schemas | {
            "may_change": self._door is not None,
            "reports": self._reports,
            "guard": guard(self._database),
        }

    def keep(self, answer: Answer, session: Session) -> None:
        """Note what an answer came to, unless nothing can be changed from here: a rehearsal."""
        if self._door is not None:
            contacts.note(self._database, session, answer)

    def schemas(self, who: Specialist) -> list[Tool]:
        """The tools of a colleague, OpenAI form."""
        return [self._schema(name) if name != HAND_OFF else _hand_off(who) for name in who.tools]

    def use(self, call: ToolCall, who: Specialist, scene: Scene) -> Outcome:
        """Run one call of a colleague."""
        if call.name not in who.tools:
            return _refused(f"There is no tool {call.name}; there are {', '.join(who.tools)}.")
        if call.problem:
            return _refused(call.problem)
        if call.name in WRITING:
            return self._change(call, scene)
        return getattr(self, _READING[call.name])(call.arguments, scene)  # type: ignore[no-any-return]

    def _schema(self, name: str) -> Tool:
        if name in WRITING:
            return WRITING[name].schema()
        return _hand_off(specialists()[TRIAGE]) if name == HAND_OFF else _SCHEMAS[name]

    # --- what changes something ---

    def _change(self, call: ToolCall, scene: Scene) -> Outcome:
        if self._door is None:
            return _refused(say("other", "action"))
        try:
            door = self._door()
        except EngineError as gone:
            return _refused(f"{say('other', 'action')} ({gone})")
        session = scene.session
        customer = session.customer_id
        wanted = [*POLICIES, *(session.pending.stands_on if session.pending else ())]
        _join(scene.found, self.store.lookup(wanted, customer))
        actions = Actions(
            door, self._database, customer_id=customer, arm=self.store.arm, session=session.key
        )
        done = actions.perform(
            call.name,
            call.arguments,
            consented=_consented(call, scene),
            context=scene.found,
            now=scene.now,
            turn=str(session.turns),
        )
        asked = done.status == "needs_consent"
        return Outcome(
            done.model_dump(mode="json", exclude_none=True),
            why=done.policy,
            pending=_pending(call, done.say, scene) if asked else None,
        )

    # --- what only reads ---

    def _hand_over(self, arguments: Result, _: Scene) -> Outcome:
        to = str(arguments.get("to", ""))
        if to not in specialists():
            return _refused(f"There is no colleague {to!r}; there are {', '.join(specialists())}.")
        why = str(arguments.get("why", ""))[:200]
        return Outcome({"status": "done", "to": to}, why=why, hand_off_to=to)

    def _find_flights(self, arguments: Result, scene: Scene) -> Outcome:
        """Flights of the same route and day that, as far as this arm knows, still leave."""
        number, day = str(arguments.get("instead_of", "")), str(arguments.get("date", ""))
        customer = scene.session.customer_id
        given_up = self.store.lookup([f"flight/{number.replace(' ', '')}/{day}"], customer)
        if not given_up:
            return _refused(say("flight", "unknown", flight=number or "?"))
        facts = given_up[0].document.facts
        route = {name: facts[name] for name in ("origin", "destination", "date")}
        others = [
            one for one in self.store.public("flight", route) if _still_leaves(one, scene.now)
        ]
        others = [one for one in others if one.document.doc_id != given_up[0].document.doc_id]
        # The next one after it first; an earlier one is better than none.
        leaves = facts["departure"]
        others.sort(key=lambda one: (one.document.facts["departure"] < leaves, _departure(one)))
        _join(scene.found, [*given_up, *others[:_MOST_FLIGHTS]])
        flights = [_flight(one) for one in others[:_MOST_FLIGHTS]]
        told = "" if flights else say("flight", "no_other", flight=number)
        return Outcome({"status": "done", "flights": flights, "say": told})

    def _report(self, arguments: Result, scene: Scene) -> Outcome:
        if not self._reports:
            return _refused(say("other", "reporting"))
        try:
            figure, slots = _asked_figure(arguments, scene)
        except (ValueError, TypeError, KeyError):
            return _refused(f"A report takes figure: one of {', '.join(_FIGURES)}.")
        if slots.customer_id:
            own = self.store.of_customer(slots.customer_id)
            wanted = {flight for one in own for flight in one.document.entities}
            flights = self.store.lookup(sorted(wanted), slots.customer_id)
            documents = [one.document for one in [*own, *flights]]
            slots = reporting.Slots(slots.day, slots.hours, slots.top, slots.customer_id, documents)
        found = reporting.report(self._database, self.store.arm, figure, slots, scene.now)
        return Outcome(
            {
                "status": "done",
                "say": found.sentence,
                "source": found.source,
                "as_of": found.as_of.isoformat(),
                "values": dict(found.values),
            }
        )


_READING = {
    HAND_OFF: "_hand_over",
    "find_flights": "_find_flights",
    "report": "_report",
}
_FIGURES: Mapping[str, reporting.Kind] = {
    "cancelled_flights": "cancelled_flights",
    "complaints": "complaints",
    "delays_by_route": "delays_by_route",
    "refunds": "refunds",
}


def _pending(call: ToolCall, asked: str, scene: Scene) -> Pending:
    flights = [one.document.doc_id for one in scene.found if one.document.kind == "flight"]
    return Pending(call.name, call.arguments, asked, tuple(flights))


def _consented(call: ToolCall, scene: Scene) -> bool:
    """Whether the customer's own words say yes to exactly this; a model's word is not enough."""
    waits = scene.session.pending
    if waits is None or (waits.name, dict(waits.arguments)) != (call.name, call.arguments):
        return False
    return "confirm" in wishes_of(scene.question)


def _asked_figure(arguments: Result, scene: Scene) -> tuple[reporting.Kind, reporting.Slots]:
    day = arguments.get("date")
    return _FIGURES[arguments["figure"]], reporting.Slots(
        day=date.fromisoformat(day) if day else None,
        hours=min(max(int(arguments.get("hours") or 1), 1), 48),
        customer_id=scene.session.customer_id if arguments.get("mine") else None,
    )


def _refused(why: str) -> Outcome:
    return Outcome({"status": "refused", "say": why}, why=why)


def _still_leaves(one: Found, now: datetime) -> bool:
    facts = one.document.facts
    departure = datetime.strptime(facts["departure"], LOCAL_FORMAT)  # noqa: DTZ007 next line
    leaves = departure.replace(tzinfo=zone_of(facts["origin"]))
    return facts["status"] in ("scheduled", "delayed") and leaves > now


def _departure(one: Found) -> str:
    return one.document.facts["departure"]


def _flight(one: Found) -> Result:
    facts = one.document.facts
    shown = ("date", "origin", "destination", "status", "departure", "arrival", "gate")
    return {"flight": facts["flight_number"], **{name: facts.get(name) for name in shown}}


def _join(found: list[Found], more: list[Found]) -> None:
    known = {one.document.doc_id for one in found}
    found += [one for one in more if one.document.doc_id not in known]


def _tool(name: str, description: str, required: list[str], **properties: Result) -> Tool:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _hand_off(who: Specialist) -> Tool:
    others = [one for one in specialists().values() if one.name not in (who.name, TRIAGE)]
    colleagues = "; ".join(f"{one.name}: {one.does}" for one in others)
    return _tool(
        HAND_OFF,
        f"Hand the customer over to the colleague who deals with it. {colleagues}.",
        ["to", "why"],
        to={"type": "string", "enum": [one.name for one in others]},
        why={"type": "string", "description": "What the customer needs, in a few words."},
    )


_SCHEMAS: Mapping[str, Tool] = {
    "find_flights": _tool(
        "find_flights",
        "Other flights of the same route and day that still leave, the next one first.",
        ["instead_of", "date"],
        instead_of={"type": "string", "description": "The flight to be replaced, such as EA122."},
        date={"type": "string", "description": "Its date, YYYY-MM-DD."},
    ),
    "report": _tool(
        "report",
        "A figure of the whole airline, or of this customer's own flights.",
        ["figure"],
        figure={"type": "string", "enum": list(_FIGURES)},
        date={"type": "string", "description": "The day, YYYY-MM-DD; left out: today."},
        hours={"type": "integer", "description": "For complaints: the last hours, 1 to 48."},
        mine={"type": "boolean", "description": "Only this customer's own flights."},
    ),
}
