"""What an answer card shows: pure functions from an answer and the world to the card's content.

No widget, no query. Texts go into the card as they are; the component sets them by textContent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from agent.answer import Answer, Citation, Claim, ToolUse
from agent.contacts import Report
from pipeline.clock import from_rfc3339
from pipeline.schema import Arm
from ui import ages
from ui.asking import Speaking
from ui.components import (
    Parts,
    airline_time,
    since,
    since_airline,
    text,
    until,
)
from ui.pulse import World
from ui.since import Change

Card = dict[str, Any]
NAMES: dict[Arm, tuple[str, str]] = {
    "batch": ("☾", "Benighted Airlines"),
    "stream": ("☀", "Enlightened Airlines"),
}
VERDICTS = {
    "current": ("✓", "Current"),
    "stale": ("◷", "Stale"),
    "missing": ("∅", "No information"),
    "wrong": ("✕", "Wrong"),
    "none": ("·", "Nothing to check"),
}
MOST_DOCUMENTS = 9
_EMPTY = {
    "batch": (
        "Learns from batch ETL.",
        "Fire an event on the left, then ask: it will not know.",
    ),
    "stream": ("Learns from a stream.", "Fire an event on the left, then ask: it will know."),
}
_RESOLVED = (
    "Resolved at first contact: all that was said is current, what was asked for took effect"
)
_STOPPED = "Actions on outdated information that the guard has stopped"
_DAMAGE = "Done on outdated information: the policy forbids it on the record as it stands"


@dataclass(frozen=True)
class News:
    """What has come since an answer: what was fired, in words, and what this arm has learned.

    `heard`: whether it has heard of what was fired.
    """

    fired: str = ""
    heard: bool = False
    changed: Sequence[Change] = ()


NO_NEWS = News()


def card(
    arm: Arm, world: World, zone: ZoneInfo, speaking: Speaking | None, news: News = NO_NEWS
) -> Card:
    """The content of one card: head, body, what has changed since, documents, foot."""
    sign, name = NAMES[arm]
    shown: Card = {
        "arm": arm,
        "head": {
            "sign": sign,
            "name": name,
            "score": score(world.contacts.get(arm)),
            "knows": _knows(arm, world, zone),
        },
        "since": [],
        "documents": [],
        "foot": None,
        "behind": False,
    }
    if speaking is None:
        title, hint = _EMPTY[arm]
        return shown | {"body": {"empty": {"title": title, "text": hint}}}
    if speaking.error:
        failed = {"title": "This agent could not answer.", "text": speaking.error}
        return shown | {"body": {"empty": failed}}
    if speaking.answer is None:
        spans = [{"text": speaking.text}] if speaking.pieces else []
        return shown | {"body": {"spans": spans, "waiting": not spans}}
    answer, at = speaking.answer, speaking.answered_at
    return shown | {
        "body": {
            "spans": spans_of(answer.answer, answer.verdict.claims),
            "verdict": _verdict(answer, zone),
            "harm": _harm(answer),
            "why": _why(answer, at),
            "deeds": [parts for one in answer.tools if (parts := _deed(one, at))],
        },
        "since": [one.spans for one in news.changed],
        "documents": [_document(one, answer, at) for one in ranked(answer)],
        "foot": _foot(answer, news),
        "behind": True,
    }


def spans_of(said: str, claims: Sequence[Claim]) -> list[dict[str, str]]:
    """The answer cut into spans: {text} and, where a newer event contradicts it, {mark, title}."""
    spans: list[dict[str, str]] = []
    place = 0
    for claim in sorted(_contradicted(claims), key=lambda one: one.start or 0):
        start, end = claim.start or 0, min(claim.end or 0, len(said))
        if start < place or end <= start:
            continue
        spans += [{"text": said[place:start]}] if start > place else []
        title = f"{claim.status}: the record says {claim.true_}" if claim.true_ else claim.status
        spans.append({"text": said[start:end], "mark": claim.status, "title": title})
        place = end
    return [*spans, {"text": said[place:]}] if place < len(said) else spans


def ranked(answer: Answer) -> list[Citation]:
    """The documents behind an answer, those that its claims speak of first."""
    about = {claim.entity for claim in answer.verdict.claims}
    found = sorted(answer.context, key=lambda one: one.doc_id not in about)
    return found[:MOST_DOCUMENTS]


def contradicted(answer: Answer) -> Claim | None:
    """The first claim that an event has made untrue: the one that the card names."""
    return next((one for one in answer.verdict.claims if one.superseded_by), None)


def in_words(event_type: str) -> str:
    """flight.gate_changed -> flight gate changed; interaction.tweet -> tweet."""
    return event_type.removeprefix("interaction.").replace(".", " ").replace("_", " ")


def _contradicted(claims: Sequence[Claim]) -> list[Claim]:
    return [
        claim
        for claim in claims
        if claim.status in ("stale", "wrong") and claim.start is not None and claim.end is not None
    ]


def _knows(arm: Arm, world: World, zone: ZoneInfo) -> Parts:
    if arm == "stream":
        behind = ages.wall(world.behind_s)
        return [text(behind, "strong"), text(" behind the world")]
    known = [
        text("knows the world as of "),
        airline_time(ages.clock(world.batch_as_of, zone)),
    ]
    if world.batch_busy:
        return [*known, text(" · a batch runs now")]
    return [*known, text(" · next batch "), until(world.next_run.timestamp(), "strong")]


def _verdict(answer: Answer, zone: ZoneInfo) -> dict[str, str]:
    status = answer.verdict.status
    mark, word = VERDICTS[status]
    named = contradicted(answer)
    if status == "stale" and named and named.superseded_by:
        ended = from_rfc3339(named.superseded_by.occurred_at)
        word += f" · was true until {ages.clock(ended, zone)}"
    return {"status": status, "mark": mark, "word": word}


def _why(answer: Answer, answered_at: float) -> Parts:
    claims = answer.verdict.claims
    named = contradicted(answer)
    if named:
        return _contradiction(named, answered_at)
    outdated = [one for one in claims if one.status in ("stale", "wrong")]
    if outdated:
        once = outdated[0].status == "stale"
        said = "It was so once" if once else "The record never said so"
        return _said(said, ": it says ", outdated)
    lacking = [one for one in claims if one.status == "missing"]
    if lacking:
        return _said("The record knows", ": ", lacking)
    if not claims:
        return [text("Nothing was asked or said that the record could know")]
    number = f"{len(claims)} fact{'s' if len(claims) > 1 else ''}"
    return [
        text(f"{number}, all match the record" if len(claims) > 1 else "1 fact, matches the record")
    ]


def _said(words: str, then: str, claims: Sequence[Claim]) -> Parts:
    """Words, and what the record says where the judge can name it."""
    true = next((one.true_ for one in claims if one.true_), None)
    return [text(words + then), text(true, "strong")] if true else [text(words)]


def _contradiction(claim: Claim, answered_at: float) -> Parts:
    event = claim.superseded_by
    if event is None:
        return []
    parts = [
        text("Contradicted by "),
        text(in_words(event.type), "strong"),
        text(", "),
        since_airline(from_rfc3339(event.occurred_at).timestamp()),
        text(" airline time ago"),
    ]
    if claim.superseded_for_wall_s is None:
        return parts
    fired_at = answered_at - claim.superseded_for_wall_s
    return [*parts, text(" ("), since(fired_at), text(" on your watch)")]


def score(contacts: Report | None) -> Parts:
    """What the conversations with an airline came to, everybody's since the day began."""
    if not contacts or not contacts["contacts"]:
        return []
    acted = contacts["actions"]
    told = f"{contacts['resolved']}/{contacts['contacts']} resolved"
    parts = [text(told, "strong") | {"title": _RESOLVED}]
    if acted["damages"]:
        lost = f"{acted['damage_amount']:.0f} USD lost"
        harm = f" · ⚠ {lost if acted['damage_amount'] else 'damage done'}"
        return [*parts, text(harm, "late") | {"title": _DAMAGE}]
    if acted["stopped"]:
        parts.append(text(f" · {acted['stopped']} stopped") | {"title": _STOPPED})
    return parts


def _deed(used: ToolUse, answered_at: float) -> Parts:
    """What a tool has done to the record, or was kept from doing; nothing where it only read."""
    result = used.result
    if result.get("status") == "stale_ground":
        stale = result["stale"]
        return [
            text("⊘ Guard: not done. ", "late"),
            text(in_words(stale["event_type"]), "strong"),
            text(", recorded "),
            since(answered_at - stale["wall_s"]),
            text(" ago, was not known here"),
        ]
    if result.get("status") != "done" or not result.get("event_type"):
        return []
    done = [text("✓ Done: ", "fresh"), text(in_words(result["event_type"]), "strong")]
    if result.get("amount"):
        done.append(text(f", {result['amount']:.2f} USD"))
    return done


def _harm(answer: Answer) -> list[dict[str, str]]:
    """The damage that was done, as large as a verdict: the words alone may well be true."""
    found = []
    for used in answer.tools:
        harm = used.result.get("damage")
        if harm:
            lost = f"{harm['amount']:.2f} USD that was not due" if harm["amount"] else harm["kind"]
            found.append({"text": lost, "title": _DAMAGE})
    return found


def _document(one: Citation, answer: Answer, answered_at: float) -> dict[str, Any]:
    statuses = {claim.status for claim in answer.verdict.claims if claim.entity == one.doc_id}
    style = "late" if statuses & {"stale", "wrong"} else "fresh" if statuses else "quiet"
    if one.version == 0:
        return {"text": one.text, "age": [text("since the start", style)]}
    age = [since_airline(from_rfc3339(one.occurred_at).timestamp())]
    if one.age_wall_s is not None:
        age.append(since(answered_at - one.age_wall_s, style))
    return {"text": one.text, "age": age}


def _foot(answer: Answer, news: News) -> Parts:
    timings = dict(answer.timings_ms)
    total = ages.milliseconds(timings.pop("total", 0.0))
    timings.pop("first_token", None)
    steps = ", ".join(f"{name} {ages.milliseconds(value)}" for name, value in timings.items())
    instead = f" ({answer.fallback})" if answer.fallback else ""
    foot = [text(f"{answer.model}{instead} · {total}") | {"title": steps}]
    foot.append(text(f" · {len(answer.context)} documents read", "read"))
    if news.fired and not news.changed:
        heard, style = ("heard", "fresh") if news.heard else ("not heard of it", "late")
        foot.append(text(f" · {news.fired} since then: {heard}", style))
    return foot
