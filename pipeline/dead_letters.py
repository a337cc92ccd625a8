"""Dead letters: what broke the contract, and its way back: repaired, fired by the door, marked.

Both arms keep what they cannot read, with the reason; the stream at once, the batch in silver at
its next run. A letter that is repaired stays where it is, as evidence: the repaired event is an
event of its own, and goes both ways like any other.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.engine import Connection

from pipeline import events, schema
from pipeline.clock import from_rfc3339
from pipeline.events import ContractError
from pipeline.fire import Door
from pipeline.record import Recorded
from pipeline.schema import Database, get_control, put_control

_REPAIRS = "repairs"  # control value: {epoch, events: {sequence of the letter: id of the event}}
_MOST_CHANGES = 8


@dataclass(frozen=True)
class Letter:
    """One dead letter. Times are wall clock, seconds since the epoch."""

    sequence: int
    body: bytes
    reason: str
    found_at: dict[str, float]  # arm -> when it found it
    recorded_at: float | None  # None: it came to the topic past the outbox
    occurred_at: str | None  # airline time at which it came in, RFC 3339
    repaired_by: int | None  # outbox sequence of the event that it became

    @property
    def text(self) -> str:
        """The bytes as text, undecodable ones marked."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Proposal:
    """A letter put right as far as that needs no guessing.

    `breach` is what is left to do for a person, None when nothing is.
    """

    text: str
    changes: tuple[str, ...]
    breach: str | None


def letters(database: Database, limit: int = 100) -> list[Letter]:
    """The newest dead letters, newest first, each once, whichever arm found it."""
    dead, outbox = schema.dead_letters, schema.outbox
    with database.read() as connection:
        newest = select(dead.c.sequence).distinct().order_by(dead.c.sequence.desc()).limit(limit)
        sequences = list(connection.execute(newest).scalars())
        query = (
            select(dead, outbox.c.recorded_at, outbox.c.occurred_at)
            .outerjoin(outbox, outbox.c.sequence == dead.c.sequence)
            .where(dead.c.sequence.in_(sequences))
            .order_by(dead.c.found_at)
        )
        rows = [dict(row) for row in connection.execute(query).mappings()]
        events_of = _repairs(connection)["events"]
        ids = select(outbox.c.event_id, outbox.c.sequence).where(
            outbox.c.event_id.in_(events_of.values())
        )
        became = {row["event_id"]: row["sequence"] for row in connection.execute(ids).mappings()}
    found: dict[int, list[dict[str, Any]]] = {sequence: [] for sequence in sequences}
    for row in rows:
        found[row["sequence"]].append(row)
    return [
        Letter(
            sequence=sequence,
            body=bytes(of[0]["body"]),
            reason=of[0]["reason"],
            found_at={row["arm"]: row["found_at"] for row in of},
            recorded_at=of[0]["recorded_at"],
            occurred_at=of[0]["occurred_at"],
            repaired_by=became.get(events_of.get(str(sequence), "")),
        )
        for sequence, of in found.items()
    ]


def repair(door: Door, sequence: int, text: str) -> Recorded:
    """Fire a repaired letter as an event, and mark the letter; both or neither.

    Raises:
        ContractError: the text breaks the contract or contradicts the record, its id is taken, or
            somebody has repaired the letter already. Nothing was changed.
    """
    event = events.parse(text)

    def mark(connection: Connection) -> None:
        known = _repairs(connection)
        if str(sequence) in known["events"]:
            raise ContractError("$", "somebody has repaired this letter already")
        known["events"][str(sequence)] = event.id
        put_control(connection, _REPAIRS, known)

    recorded = door.fire(event, mark)
    if recorded.duplicate:
        taken = f"event {recorded.sequence} has this id already; give it another"
        raise ContractError("id", taken)
    return recorded


def propose(letter: Letter, zone: ZoneInfo) -> Proposal:
    """Put right what has one right answer only: envelope fields, kinds of values, stray commas.

    Values that somebody would have to know are left alone, and so is text that was cut off: what
    is missing from it could be anything. The same letter always gets the same proposal.

    Args:
        zone: the airline's, for the day of a flight that names none.
    """
    text = letter.text.lstrip("\ufeff").strip()
    changes: list[str] = []
    try:
        fields = _fields(text, changes)
    except ContractError as breach:
        return Proposal(text, (), str(breach))
    left: ContractError | None = None
    for _ in range(_MOST_CHANGES):
        left = _breach(fields)
        change = _mend(fields, left, letter, zone) if left else None
        if change is None:
            break
        changes.append(change)
    known = {name: fields[name] for name in events.Event.model_fields if name in fields}
    shown = json.dumps(known | fields, indent=1, ensure_ascii=False)
    return Proposal(shown, tuple(changes), str(left) if left else None)


_DOUBLE_COMMA = re.compile(r",\s*(?=,)")
_FLIGHT_WITHOUT_DAY = re.compile(r"flight/[A-Z0-9]{2}[0-9]{1,4}")
_NAMESPACE = uuid.UUID("6f9d2c0a-1c53-5e0c-9a55-0d0a1f7c5b11")


def _fields(text: str, changes: list[str]) -> dict[str, Any]:
    try:
        return events.json_object(text)
    except ContractError:
        fields = events.json_object(_DOUBLE_COMMA.sub("", text))
        changes.append("a stray comma removed")
        return fields


def _breach(fields: dict[str, Any]) -> ContractError | None:
    try:
        events.parse(fields)
    except ContractError as breach:
        return breach
    return None


def _mend(
    fields: dict[str, Any], breach: ContractError, letter: Letter, zone: ZoneInfo
) -> str | None:
    """Put one field right in place; says what was done, None if it takes a person."""
    name = breach.field.removeprefix("data.")
    if breach.reason == "Field required":
        return _add(fields, breach.field, letter)
    if name == "subject" and letter.occurred_at:
        if not _FLIGHT_WITHOUT_DAY.fullmatch(str(fields.get("subject"))):
            return None
        day = from_rfc3339(letter.occurred_at).astimezone(zone).date()
        fields["subject"] += f"/{day}"
        return "the flight's day added to subject: the day it came in"
    value = fields["data"].get(name) if name != breach.field else None
    if "valid string" in breach.reason and isinstance(value, int | float):
        fields["data"][name] = f"{value}"
        return f"{breach.field} is text now"
    return None


def _add(fields: dict[str, Any], field: str, letter: Letter) -> str | None:
    """Add a field that is missing, where its value is no matter of opinion."""
    event_type = str(fields["type"])
    if field == "data.direction" and event_type.startswith("interaction."):
        fields["data"]["direction"] = "inbound"
        return "data.direction added: it came in"
    values: dict[str, Any] = {
        "id": str(uuid.uuid5(_NAMESPACE, f"{letter.sequence}/{letter.recorded_at}")),
        "source": events.source_of(event_type),
        "time": letter.occurred_at,
        "data": {},
    }
    if values.get(field) is None:
        return None
    fields[field] = values[field]
    return "time added: when it came in" if field == "time" else f"{field} added"


def _repairs(connection: Connection) -> dict[str, Any]:
    """The repairs of this world; those of one that was reset are gone."""
    epoch = get_control(connection, "epoch")
    known: dict[str, Any] = get_control(connection, _REPAIRS) or {}
    return known if known.get("epoch") == epoch else {"epoch": epoch, "events": {}}
