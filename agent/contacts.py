"""What conversations came to: each answer is noted in the record, and counted for the scorecard.

A *contact* is what a customer asks for: one turn, or two where an action waited for a yes. It is
resolved at first contact (design, section 5) when nothing that was said in it is stale, missing or
wrong, and the action asked for, if any, took effect and did no damage, or had taken effect before
(a refund that was paid is refused, and rightly); who asks for an action asks for nothing else, so
that nothing is missing then. Small talk is no contact.
Only conversations that can change something are noted: no rehearsals, scorecards or benches.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import select

from agent.actions import TOOLS
from agent.answer import Answer
from agent.session import Session
from pipeline import schema
from pipeline.schema import ARMS, Arm, Database, get_control, put_control

_LOG = "turn/"  # control values: one an answer
Note = dict[str, Any]
"""{epoch, arm, session, turn, verdict, waits, actions: [{status, rule, amount, damage}]}."""
Report = dict[str, Any]

_ACTION = ("status", "rule", "amount", "damage")
_SO_ALREADY = ("already", "refunded", "same_flight", "same_seat")  # rules: it is as it was wanted
_FINE = ("current", "none")  # a yes asks nothing that the record could know


def note(database: Database, session: Session, answer: Answer) -> None:
    """Keep what an answer came to; its text and the customer are nobody's business here."""
    actions = [
        {"tool": one.tool, **{name: one.result[name] for name in _ACTION if name in one.result}}
        for one in answer.tools
        if one.tool in TOOLS
    ]
    with database.write() as connection:
        value = {
            "epoch": get_control(connection, "epoch"),  # a reset starts another count
            "arm": answer.arm,
            "session": session.key,
            "turn": session.turns,
            "verdict": answer.verdict.status,
            "waits": answer.pending is not None,
            "actions": actions,
        }
        put_control(connection, f"{_LOG}{uuid.uuid4()}", value)


def counted(database: Database) -> dict[Arm, Report]:
    """What the conversations since the world was loaded came to, an arm each.

    `{answers, contacts, resolved, first_contact_resolution, actions: {done, refused: {rule:
    count}, stopped, damages, damage_amount}}`; the resolution is null where there was no contact.
    """
    control = schema.control.c
    query = select(control.value).where(control.name.like(f"{_LOG}%"))
    with database.read() as connection:
        epoch = get_control(connection, "epoch")
        values = [value for (value,) in connection.execute(query)]
    notes = [value for value in values if value["epoch"] == epoch]
    return {arm: _of_arm([one for one in notes if one["arm"] == arm]) for arm in ARMS}


def _of_arm(notes: list[Note]) -> Report:
    contacts = [one for one in _contacts(notes) if _is_contact(one)]
    resolved = sum(map(_is_resolved, contacts))
    return {
        "answers": len(notes),
        "contacts": len(contacts),
        "resolved": resolved,
        "first_contact_resolution": round(resolved / len(contacts), 3) if contacts else None,
        "actions": _actions([action for one in notes for action in one["actions"]]),
    }


def _actions(actions: Iterable[Note]) -> Report:
    actions = list(actions)
    damages = [one["damage"] for one in actions if one.get("damage")]
    status = Counter(one["status"] for one in actions)
    refused = Counter(one.get("rule", "") for one in actions if one["status"] == "refused")
    return {
        "done": status["done"],
        "refused": dict(refused.most_common()),
        "stopped": status["stale_ground"],
        "damages": len(damages),
        "damage_amount": round(sum(one["amount"] for one in damages), 2),
    }


def _contacts(notes: Iterable[Note]) -> Iterator[list[Note]]:
    """Turns that belong together: one that waited for a yes, and the one that answered it.

    What still waits is not over, and no contact yet.
    """
    before: dict[str, list[Note]] = {}  # of each session: the turns that waited
    for one in sorted(notes, key=lambda one: (one["session"], one["turn"])):
        turns = [*before.pop(one["session"], []), one]
        if one["waits"]:
            before[one["session"]] = turns
        else:
            yield turns


def _is_contact(turns: list[Note]) -> bool:
    return any(one["actions"] or one["verdict"] != "none" for one in turns)


def _took_effect(action: Note) -> bool:
    if action["status"] == "refused":
        return action.get("rule") in _SO_ALREADY
    return action["status"] in ("done", "needs_consent") and not action.get("damage")


def _is_resolved(turns: list[Note]) -> bool:
    """An action that the customer, once asked, did not want any more is none."""
    acted = [action for one in turns for action in one["actions"]]
    return all(map(_took_effect, acted)) and all(
        one["verdict"] in _FINE or (one["actions"] and one["verdict"] == "missing") for one in turns
    )
